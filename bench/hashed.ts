/** Numbers that both sides make from the index alone (tests/fixtures/pytorch/hashed.py is the other side). */

import type { Module } from "../engine/nn/module.ts";
import { copyInto } from "../engine/ops/elementwise.ts";
import { type Shape, sizeOf } from "../engine/shape.ts";
import { tensor } from "../engine/tensor.ts";

/** Evenly in [-bound, bound): a whole-number hash (lowbias32) of the element's index and the salt. */
export function hashed(shape: Shape, salt: number, bound = 1): Float32Array<ArrayBuffer> {
  const start = Math.imul(salt, 0x9e3779b9);
  return new Float32Array(sizeOf(shape)).map((_, index) => {
    let x = start + index;
    x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
    x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
    return (((x ^ (x >>> 16)) >>> 8) / 2 ** 23 - 1) * bound;
  });
}

/** Every parameter from its place among the parameters; bounds that keep activations in range. */
export function fillHashed(model: Module<never, unknown>): void {
  for (const [salt, parameter] of [...model.parameters()].entries()) {
    copyInto(parameter, tensor(hashed(parameter.shape, salt, boundOf(parameter.shape)), parameter));
  }
}

/** For weights 1.5 / √(fan in), for biases 0.1. */
function boundOf(shape: Shape): number {
  return shape.length > 1 ? 1.5 / Math.sqrt(sizeOf(shape.slice(1))) : 0.1;
}
