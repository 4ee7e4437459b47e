/** Browsers are not tuned: what there is to choose from, `ops/kernelShapes.ts`, is left out there. */
export function tunedTo() {}
