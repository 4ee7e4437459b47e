/** What becomes of the losses of the elements, or of the examples: the option that all losses share. */
import { ArgumentError } from "../errors.ts";
import { type NdArray, ndarray } from "../reference.ts";

/** One number, or ("none") all losses. */
export type Reduction = "mean" | "sum" | "none";

export interface LossOptions {
  /** Default: "mean". */
  readonly reduction?: Reduction;
}

export interface Reduced {
  readonly reduction: Reduction;
}

export const reductions: readonly Reduction[] = ["mean", "sum", "none"];

/** The option with its default. @throws ArgumentError */
export function reductionOf(name: string, { reduction = "mean" }: LossOptions): Reduced {
  if (reductions.includes(reduction)) return { reduction };
  throw new ArgumentError(`${name}: reduction must be "mean", "sum" or "none", got "${reduction}"`);
}

/** By what a sum of `count` losses is multiplied. */
export function scaleOf(reduction: Reduction, count: number): number {
  return reduction === "mean" ? 1 / count : 1;
}

/** @param divisor of the sum for "mean"; default: the number of losses */
export function reduceReference(
  losses: NdArray,
  reduction: Reduction,
  divisor = losses.data.length,
): NdArray {
  if (reduction === "none") return losses;
  const sum = losses.data.reduce((total, loss) => total + loss, 0);
  return ndarray([], [reduction === "sum" ? sum : sum / divisor]);
}
