/** From one dtype to another. */
import { mapArray } from "../reference.ts";
import type { DType, Tensor } from "../tensor.ts";
import { defineOp, type OpChecks } from "./define.ts";
import { mapElements } from "./elementwise.ts";

export const toOp = defineOp<{ dtype: DType }>({
  name: "to",
  forward: ([x], { dtype }) => (x.dtype === dtype ? x : mapElements("to", x, dtype, "Output(x)", {})),
  backward: { noGradient: "whole numbers have none, and float32 to float32 changes nothing" },
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

/** The same numbers as `dtype`; float32 is cut towards zero when it becomes whole. Without gradient. */
export function to(x: Tensor, dtype: DType): Tensor {
  return x.dtype === dtype ? x : toOp.run([x], { dtype });
}
