/** The CPU adapters that browsers have share among four lanes: `slidingConvolution.ts`, which wants eight, is left out. */
export const sliding = undefined;
