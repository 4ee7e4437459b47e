/** From one dtype to another. */
import { mapArray } from "../reference.ts";
import type { DType, Tensor } from "../tensor.ts";
import { castOp, defineOp, type OpChecks } from "./define.ts";
import { converted } from "./elementwise.ts";

export const toOp = defineOp<{ dtype: DType }>({
  name: "to",
  halves: 1,
  forward: ([x], { dtype }) => converted(x, dtype),
  backward: { noGradient: "whole numbers have none" },
});

export const toChecks: OpChecks<{ dtype: DType }> = {
  op: toOp,
  reference: ([x], { dtype }) => (dtype === "float32" ? x : mapArray(x, Math.trunc)),
  samples: () => [
    { inputs: [{ shape: [3, 5], values: "positive" }], options: { dtype: "int32" } },
    { inputs: [{ shape: [3, 5], values: "positive" }], options: { dtype: "uint32" } },
    { inputs: [{ shape: [17], values: { below: 1000 } }], options: { dtype: "float32" } },
  ],
};

/** Of float32 that stays so; what float16 leaves of a number is looked at by the rows of float16 (`checkOps`). */
export const castChecks: OpChecks<{ dtype: "float32" | "float16" }> = {
  op: castOp,
  reference: ([x]) => x,
  samples: () =>
    [[3, 5], [1], [7, 11, 13]].map((shape) => ({ inputs: [shape], options: { dtype: "float32" } })),
};

/**
 * The same numbers as `dtype`; a float is cut towards zero when it becomes whole, and rounded when float32 becomes float16
 * (what is beyond 65,504 becomes infinite). Between float32 and float16 a gradient goes back, as the dtype that x has.
 * @throws LimitError for float16 on an adapter without it
 */
export function to(x: Tensor, dtype: DType): Tensor {
  if (x.dtype === dtype) return x;
  return isFloat(x.dtype) && isFloat(dtype) ? castOp.run([x], { dtype }) : toOp.run([x], { dtype });
}

function isFloat(dtype: DType): dtype is "float32" | "float16" {
  return dtype === "float32" || dtype === "float16";
}
