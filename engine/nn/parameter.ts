/** How layers make their parameters. */
import { uniform } from "../random.ts";
import { type Shape, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { kaimingUniform } from "./init.ts";

export function asParameter(tensor: Tensor): Tensor {
  tensor.requiresGrad = true;
  return tensor;
}

/** PyTorch's default for linear layers and convolutions: evenly from ±1/√fanIn. */
export function defaultWeight(shape: Shape): Tensor {
  return asParameter(kaimingUniform(shape, { a: Math.sqrt(5) }));
}

/** The bias that goes with a weight of this shape, drawn as that is. */
export function defaultBias(size: number, weight: Shape): Tensor {
  const bound = 1 / Math.sqrt(sizeOf(weight.slice(1)));
  return asParameter(uniform([size], { low: -bound, high: bound }).keep());
}
