/** The logarithm of a sum of exponentials, over any axes. */
import { ShapeError } from "../errors.ts";
import { normaliseAxes, type Shape, showShape } from "../shape.ts";
import { type Tensor, viewOf } from "../tensor.ts";
import { mul } from "./arithmetic.ts";
import { defineOp, type OpChecks, requireDtype, type Sample } from "./define.ts";
import { combineElements } from "./elementwise.ts";
import { fold } from "./fold.ts";
import { type ReduceOptions, reduceReference, withoutAxes } from "./reduce.ts";

export const logSumExpOp = defineOp<ReduceOptions>({
  name: "logSumExp",
  forward([x], { axes, keepDims }) {
    requireDtype("logSumExp", "float32", x);
    const list = normaliseAxes("logSumExp", axes, x.shape.length);
    if (x.size === 0) throw new ShapeError(`logSumExp: there are no elements in ${showShape(x.shape)}`);
    const largest = fold("max", x, list);
    // Less the largest, no exponential overflows. An infinite one is left in: it makes the result infinite.
    const shift = "clamp(b, -0x1.fffffep+127, 0x1.fffffep+127)"; // the finite numbers
    const terms = combineElements("logSumExpTerms", `exp(a - ${shift})`, x, largest);
    const total = fold("sum", terms, list);
    const result = combineElements("logSumExp", `${shift} + log(a)`, total, largest);
    return viewOf(result, withoutAxes(result.shape, list, keepDims));
  },
  backward({ gradient, inputs: [x], output, options: { axes } }) {
    const list = normaliseAxes("logSumExp", axes, x.shape.length);
    const kept = x.shape.map((size, axis) => (list.includes(axis) ? 1 : size));
    const sum = viewOf(output, kept);
    const shares = combineElements("logSumExpGradient", "exp(a - b)", x, sum);
    return [mul(shares, viewOf(gradient, kept))];
  },
});

export const logSumExpChecks: OpChecks<ReduceOptions> = {
  op: logSumExpOp,
  reference: ([x], options) =>
    reduceReference(x, options, (values) =>
      Math.log(values.reduce((sum, value) => sum + Math.exp(value), 0)),
    ),
  samples: sampleRows,
};

function sampleRows(): Sample<ReduceOptions>[] {
  const rows: [Shape, ReduceOptions][] = [
    [[3, 5], {}],
    [[1], {}],
    [[], {}],
    [[3, 5], { axes: 0 }],
    [[3, 5], { axes: -1, keepDims: true }],
    [[2, 3, 4, 5], { axes: [1, 3] }],
    [[2, 3, 4, 5], { axes: [0, 2], keepDims: true }],
    [[3, 1021], { axes: 1 }], // split into parts
    [[5, 331], { axes: 0 }], // more than one workgroup of outputs
  ];
  return rows.map(([shape, options]) => ({ inputs: [shape], options }));
}

/**
 * log Σ exp(x) over `axes` (all by default), without overflow. (`torch.logsumexp`)
 * @throws ShapeError when there are no elements; DtypeError, ArgumentError
 */
export function logSumExp(x: Tensor, options: ReduceOptions = {}): Tensor {
  return logSumExpOp.run([x], options);
}
