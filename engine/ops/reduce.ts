/** Sums, means and maxima over any axes. */
import { ShapeError } from "../errors.ts";
import { foldAxes, type NdArray, reshapeArray } from "../reference.ts";
import { normaliseAxes, type Shape, showShape, sizeOf } from "../shape.ts";
import { type Tensor, viewOf } from "../tensor.ts";
import { div, mul } from "./arithmetic.ts";
import { equal } from "./compare.ts";
import { to } from "./convert.ts";
import { defineOp, type OpChecks, requireDtype, type Sample } from "./define.ts";
import { fold } from "./fold.ts";
import { expand } from "./layout.ts";

export interface ReduceOptions {
  /** One axis or several; all when left out. Negative ones count from the end. */
  readonly axes?: number | readonly number[];
  /** Keeps the reduced axes with size 1. */
  readonly keepDims?: boolean;
}

/** What is left of a shape whose `axes` have been reduced to size 1. */
export function withoutAxes(shape: Shape, axes: readonly number[], keepDims: boolean | undefined): Shape {
  return keepDims ? shape : shape.filter((_, axis) => !axes.includes(axis));
}

export function reduceReference(
  x: NdArray,
  options: ReduceOptions,
  f: (values: number[]) => number,
): NdArray {
  const axes = normaliseAxes("reference", options.axes, x.shape.length);
  const folded = foldAxes(x, axes, f);
  return reshapeArray(folded, withoutAxes(folded.shape, axes, options.keepDims));
}

function reduceSamples(values: "normal" | "distinct"): Sample<ReduceOptions>[] {
  const rows: [Shape, ReduceOptions][] = [
    [[3, 5], {}],
    [[1], {}],
    [[], {}],
    [[3, 5], { axes: 0 }],
    [[3, 5], { axes: -1, keepDims: true }],
    [[2, 3, 4, 5], { axes: [1, 3] }],
    [[2, 3, 4, 5], { axes: [0, 2], keepDims: true }],
    [[3, 1021], { axes: 1 }], // split into parts
    [[11, 7, 13], {}],
    [[5, 331], { axes: 0 }], // more than one workgroup of outputs
  ];
  return rows.map(([shape, options]) => ({ inputs: [{ shape, values }], options }));
}

/** A sum and a mean differ by their scale alone. */
function defineSum(name: "sum" | "mean", scale: (reduced: number) => number) {
  return defineOp<ReduceOptions>({
    name,
    forward([x], { axes, keepDims }) {
      if (name === "mean") requireDtype(name, "float32", x);
      const list = normaliseAxes(name, axes, x.shape.length);
      const shape = withoutAxes(
        x.shape.map((size, axis) => (list.includes(axis) ? 1 : size)),
        list,
        keepDims,
      );
      const folded = fold("sum", x, list, scale(x.size / sizeOf(shape)));
      return viewOf(folded, shape);
    },
    backward({ gradient, inputs: [x], options: { axes } }) {
      const list = normaliseAxes(name, axes, x.shape.length);
      const shape = x.shape.map((size, axis) => (list.includes(axis) ? 1 : size));
      const spread = expand(viewOf(gradient, shape), x.shape);
      const factor = scale(x.size / gradient.size);
      return [factor === 1 ? spread : mul(spread, factor)];
    },
  });
}

export const sumOp = defineSum("sum", () => 1);
export const meanOp = defineSum("mean", (count) => 1 / count);

function total(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}

export const sumChecks: OpChecks<ReduceOptions> = {
  op: sumOp,
  reference: ([x], options) => reduceReference(x, options, total),
  samples: () => reduceSamples("normal"),
};

export const meanChecks: OpChecks<ReduceOptions> = {
  op: meanOp,
  reference: ([x], options) => reduceReference(x, options, (values) => total(values) / values.length),
  samples: () => reduceSamples("normal"),
};

/** The sum over `axes` (all by default). */
export function sum(x: Tensor, options: ReduceOptions = {}): Tensor {
  return sumOp.run([x], options);
}

/** The mean over `axes` (all by default). */
export function mean(x: Tensor, options: ReduceOptions = {}): Tensor {
  return meanOp.run([x], options);
}

export const maxOp = defineOp<ReduceOptions>({
  name: "max",
  forward([x], { axes, keepDims }) {
    const list = normaliseAxes("max", axes, x.shape.length);
    if (x.size === 0) throw new ShapeError(`max: there is no largest element in ${showShape(x.shape)}`);
    const folded = fold("max", x, list);
    return viewOf(folded, withoutAxes(folded.shape, list, keepDims));
  },
  // Equal maxima share the gradient, as in torch.amax.
  backward({ gradient, inputs: [x], output, options: { axes } }) {
    const list = normaliseAxes("max", axes, x.shape.length);
    const shape = x.shape.map((size, axis) => (list.includes(axis) ? 1 : size));
    const isMaximum = to(equal(x, viewOf(output, shape)), "float32");
    const share = div(viewOf(gradient, shape), fold("sum", isMaximum, list));
    return [mul(isMaximum, share)];
  },
});

export const maxChecks: OpChecks<ReduceOptions> = {
  op: maxOp,
  reference: ([x], options) => reduceReference(x, options, (values) => Math.max(...values)),
  samples: () => reduceSamples("distinct"),
};

/** The largest element over `axes` (all by default). @throws ShapeError when there are no elements */
export function max(x: Tensor, options: ReduceOptions = {}): Tensor {
  return maxOp.run([x], options);
}
