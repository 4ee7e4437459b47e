/**
 * The CPU adapters that browsers have share among four lanes: `slidingConvolution.ts`, which wants eight, is left out.
 * Bundlers drop the calls of empty functions.
 */
export function hasWinogradInputGradient() {}
export function slideForward() {}
export function slideInputGradient() {}
export function slideWeightGradient() {}
