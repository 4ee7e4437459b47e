/** Variance and standard deviation over any axes: from the differences to the mean, which are taken in a second pass. */
import { ShapeError } from "../errors.ts";
import { mapArray, type NdArray } from "../reference.ts";
import { normaliseAxes, type Shape, showShape, sizeOf } from "../shape.ts";
import { type Tensor, viewOf } from "../tensor.ts";
import { mul, sqrt, sub } from "./arithmetic.ts";
import { defineOp, type OpChecks, requireDtype, type Sample } from "./define.ts";
import { combineElements, pullBackElements } from "./elementwise.ts";
import { fold } from "./fold.ts";
import { type ReduceOptions, reduceReference, withoutAxes } from "./reduce.ts";

export interface VarianceOptions extends ReduceOptions {
  /** Is taken off the number of elements by which the sum of squares is divided. Default 1: the unbiased estimate. */
  readonly correction?: number;
}

/** The axes, x's shape with these at size 1, and by what the sum of squares is divided. @throws ShapeError */
function spread(name: string, x: Tensor, { axes, correction = 1 }: VarianceOptions) {
  const list = normaliseAxes(name, axes, x.shape.length);
  const kept = x.shape.map((size, axis) => (list.includes(axis) ? 1 : size));
  const count = sizeOf(list.map((axis) => x.shape[axis]));
  const divisor = count - correction;
  if (!(divisor > 0)) {
    throw new ShapeError(
      `${name}: correction ${correction} needs more than ${correction} elements along the axes [${list.join(", ")}] of ${showShape(x.shape)}, got ${count}`,
      count > 0
        ? "use more elements, or correction: 0 for the variance of the elements themselves"
        : undefined,
    );
  }
  return { list, kept, count, divisor };
}

function defineSpread(name: "variance" | "std") {
  return defineOp<VarianceOptions>({
    name,
    forward([x], options) {
      requireDtype(name, "float32", x);
      const { list, kept, count, divisor } = spread(name, x, options);
      const mean = fold("sum", x, list, 1 / count);
      const squares = combineElements("squaredDifference", "(a - b) * (a - b)", x, mean);
      const variance = fold("sum", squares, list, 1 / divisor);
      const result = name === "std" ? sqrt(variance) : variance;
      const shape = withoutAxes(kept, list, options.keepDims);
      return { output: viewOf(result, shape), saved: [mean] };
    },
    backward({ gradient, inputs: [x], output, saved: [mean], options }) {
      const { kept, divisor } = spread(name, x, options);
      const perDifference =
        name === "std"
          ? // Where nothing deviates, 0, as PyTorch has it.
            pullBackElements(
              "stdGradient",
              "select(0.0, dy / (y * divisor), y > 0.0)",
              { y: output, dy: gradient },
              { divisor },
            )
          : mul(gradient, 2 / divisor);
      return [mul(sub(x, mean), viewOf(perDifference, kept))];
    },
  });
}

export const varianceOp = defineSpread("variance");
export const stdOp = defineSpread("std");

function varianceReference(x: NdArray, options: VarianceOptions): NdArray {
  return reduceReference(x, options, (values) => {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    return squares / (values.length - (options.correction ?? 1));
  });
}

function spreadSamples(): Sample<VarianceOptions>[] {
  const rows: [Shape, VarianceOptions][] = [
    [[3, 5], {}],
    [[7], { correction: 0 }],
    [[4, 5], { axes: 0 }],
    [[3, 5], { axes: -1, keepDims: true, correction: 2 }],
    [[2, 3, 4, 5], { axes: [1, 3] }],
    [[2, 3, 4, 5], { axes: [0, 2], keepDims: true, correction: 0 }],
    [[3, 1021], { axes: 1, correction: 0.5 }], // split into parts
    [[11, 7, 13], {}],
    [[5, 331], { axes: 0 }], // more than one workgroup of outputs
  ];
  return rows.map(([shape, options]) => ({ inputs: [shape], options }));
}

export const varianceChecks: OpChecks<VarianceOptions> = {
  op: varianceOp,
  reference: ([x], options) => varianceReference(x, options),
  samples: spreadSamples,
};

export const stdChecks: OpChecks<VarianceOptions> = {
  op: stdOp,
  reference: ([x], options) => mapArray(varianceReference(x, options), Math.sqrt),
  samples: spreadSamples,
};

/**
 * The mean squared difference to the mean over `axes` (all by default), with count - `correction` for the count.
 * (`torch.var`)
 * @throws ShapeError when the count is not more than the correction; DtypeError, ArgumentError
 */
export function variance(x: Tensor, options: VarianceOptions = {}): Tensor {
  return varianceOp.run([x], options);
}

/** The square root of `variance`; its gradient is 0 where nothing deviates. (`torch.std`) @throws as `variance` */
export function std(x: Tensor, options: VarianceOptions = {}): Tensor {
  return stdOp.run([x], options);
}
