/** Softmax and its logarithm, along any axis. */
import sumSource from "../../shaders/exponential_sum.wgsl";
import softmaxSource from "../../shaders/softmax.wgsl";
import gradientSource from "../../shaders/softmax_gradient.wgsl";
import { kernel } from "../gpu/kernel.ts";
import { foldAxes, mapArray, type NdArray, zipArrays } from "../reference.ts";
import { normaliseAxis, type Shape } from "../shape.ts";
import { emptyLike, type Tensor } from "../tensor.ts";
import { defineOp, dispatch, type OpChecks, requireDtype, type Sample } from "./define.ts";
import { alongRows, rowSources } from "./rows.ts";

interface SoftmaxOptions {
  readonly axis: number;
}

interface SoftmaxFormulas {
  /** WGSL for y, from `shifted` (x minus the largest of its row) and `total`, the sum of exp of these. */
  readonly forward: string;
  /** WGSL in y and dy that is summed over the row to `total`. */
  readonly term: string;
  /** WGSL for dx, from y, dy and `total`. */
  readonly backward: string;
}

function defineSoftmax(name: string, formulas: SoftmaxFormulas) {
  return defineOp<SoftmaxOptions>({
    name,
    forward([x], { axis }) {
      requireDtype(name, "float32", x);
      const result = emptyLike(x);
      const { constants, ...along } = alongRows(x, axis);
      dispatch({
        kernel: kernel(name, [...rowSources, sumSource, softmaxSource], {
          ...constants,
          normalise: `fn normalise(shifted: f32, total: f32) -> f32 { return ${formulas.forward}; }`,
        }),
        buffers: [x, result],
        ...along,
        flops: 7 * x.size,
      });
      return result;
    },
    backward({ gradient, output, options: { axis } }) {
      const result = emptyLike(output);
      const { constants, ...along } = alongRows(output, axis);
      dispatch({
        kernel: kernel(`${name}Gradient`, [...rowSources, gradientSource], {
          ...constants,
          term: `fn term(y: f32, dy: f32) -> f32 { return ${formulas.term}; }`,
          backward: `fn backward(y: f32, dy: f32, total: f32) -> f32 { return ${formulas.backward}; }`,
        }),
        buffers: [output, gradient, result],
        ...along,
        flops: 4 * output.size,
      });
      return [result];
    },
  });
}

export const softmaxOp = defineSoftmax("softmax", {
  forward: "exp(shifted) / total",
  term: "y * dy",
  backward: "y * (dy - total)",
});

export const logSoftmaxOp = defineSoftmax("logSoftmax", {
  forward: "shifted - log(total)",
  term: "dy",
  backward: "dy - exp(y) * total",
});

function logSoftmaxReference(x: NdArray, axis: number): NdArray {
  const logSums = foldAxes(x, [axis], (row) =>
    Math.log(row.reduce((sum, value) => sum + Math.exp(value), 0)),
  );
  return zipArrays(x, logSums, (value, logSum) => value - logSum);
}

/** Every axis; odd sizes, 1, more than one workgroup; rows for one thread and rows for a team. */
function softmaxSamples(): Sample<SoftmaxOptions>[] {
  const rows: [Shape, number][] = [
    [[3, 5], 1],
    [[3, 5], 0],
    [[1], 0],
    [[2, 3, 4, 5], 1],
    [[2, 3, 4, 5], 2],
    [[67, 10], 1],
    [[3, 201], 1],
    [[2, 130, 3], 1],
    [[70, 65], 0],
  ];
  return rows.map(([shape, axis]) => ({ inputs: [shape], options: { axis } }));
}

export const softmaxChecks: OpChecks<SoftmaxOptions> = {
  op: softmaxOp,
  reference: ([x], { axis }) => mapArray(logSoftmaxReference(x, axis), Math.exp),
  samples: softmaxSamples,
};

export const logSoftmaxChecks: OpChecks<SoftmaxOptions> = {
  op: logSoftmaxOp,
  reference: ([x], { axis }) => logSoftmaxReference(x, axis),
  samples: softmaxSamples,
};

/** exp(x) / Σ exp(x) along an axis, the last by default: numbers from 0 to 1 with the sum 1. @throws ArgumentError */
export function softmax(x: Tensor, axis = -1): Tensor {
  return softmaxOp.run([x], { axis: normaliseAxis("softmax", axis, x.shape.length) });
}

/** The logarithm of `softmax`, exact also where softmax is too small for a float. @throws ArgumentError */
export function logSoftmax(x: Tensor, axis = -1): Tensor {
  return logSoftmaxOp.run([x], { axis: normaliseAxis("logSoftmax", axis, x.shape.length) });
}
