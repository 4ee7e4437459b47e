/** What conv2d and convTranspose2d ask of their arguments in the same words. */
import { forAutocast } from "../autocast.ts";
import { ShapeError } from "../errors.ts";
import { sameShape, showShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { requireDtype, requireRank } from "./define.ts";

/**
 * The operation's inputs in order, x as `autocast` wants it.
 * @param weightLayout what the axes of the weight are, for messages
 * @throws DtypeError, ShapeError unless x and weight have four axes
 */
export function convolutionInputs(
  name: string,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | undefined,
  weightLayout: string,
): Tensor[] {
  const first = forAutocast(x);
  const inputs = bias ? [first, weight, bias] : [first, weight];
  requireDtype(name, "float32", ...inputs);
  requireRank(name, "x", x, 4, "[N, channels, height, width]");
  requireRank(name, "weight", weight, 4, weightLayout);
  return inputs;
}

/** @throws ShapeError unless there is one number for each output channel */
export function requireBias(name: string, bias: Tensor | undefined, outputChannels: number): void {
  if (bias && !sameShape(bias.shape, [outputChannels])) {
    throw new ShapeError(
      `${name}: expected a bias of ${showShape([outputChannels])}, got ${showShape(bias.shape)}`,
    );
  }
}
