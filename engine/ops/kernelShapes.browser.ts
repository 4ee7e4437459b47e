/** In browsers there is nothing to choose from, and bundlers drop the calls of an empty function: see `kernelShapes.ts`. */
export function gemmShape() {}
