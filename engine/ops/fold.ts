/** The kernel behind sum, mean and max, and the sum that undoes a broadcast. */
import reduceSource from "../../shaders/reduce.wgsl";
import { kernel } from "../gpu/kernel.ts";
import { mergeAxes, type Shape, sameShape, sizeOf, stridesOf } from "../shape.ts";
import { emptyTensor, type Tensor, viewOf } from "../tensor.ts";
import { dispatch } from "./define.ts";
import { converted, finishableElementOf, wgslType } from "./elementwise.ts";

type Fold = "sum" | "max";

/** WGSL: of two elements, and what to start with. A NaN stays: max(a, b) would drop it. */
const folds = {
  sum: { both: "a + b", first: "0" },
  max: { both: "select(b, a, (a > b) | isNaN(f32(a)))", first: "x" },
} as const;

/** Beyond this many elements a fold is split into parts. */
const longFold = 256;
/** So many threads keep any adapter busy. */
const enoughThreads = 16384;

/** x folded over `axes`, times `scale`; the axes stay with size 1. float16 becomes float32 by it. */
export function fold(name: Fold, x: Tensor, axes: readonly number[], scale = 1): Tensor {
  const dtype = x.dtype === "float16" ? "float32" : x.dtype;
  const strides = stridesOf(x.shape);
  const isReduced = (_: unknown, axis: number) => axes.includes(axis);
  const isKept = (_: unknown, axis: number) => !axes.includes(axis);
  const kept = mergeAxes(x.shape.filter(isKept), strides.filter(isKept));
  const reduced = mergeAxes(x.shape.filter(isReduced), strides.filter(isReduced));
  const outputs = sizeOf(kept.shape);
  const length = sizeOf(reduced.shape);
  const parts =
    length <= longFold
      ? 1
      : Math.min(Math.ceil(length / 32), Math.max(1, Math.ceil(enoughThreads / outputs)));
  const shape = x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
  const result = emptyTensor(x.gpu, parts === 1 ? shape : [outputs, parts], dtype);
  dispatch({
    kernel: kernel(name, [reduceSource], {
      input: `alias Input = ${wgslType[x.dtype]};`,
      ...finishableElementOf({ dtype }),
      fold: `fn fold(a: Element, b: Element) -> Element { return ${folds[name].both}; }`,
      first: `fn first(x: Element) -> Element { return ${folds[name].first}; }`,
      keptRank: kept.shape.length,
      reducedRank: Math.max(1, reduced.shape.length),
    }),
    buffers: [x, result],
    uniforms: {
      keptSizes: kept.shape,
      keptStrides: kept.strides[0],
      reducedSizes: reduced.shape.length > 0 ? reduced.shape : [1],
      reducedStrides: reduced.shape.length > 0 ? reduced.strides[0] : [1],
      outputs,
      reduced: length,
      parts,
      scale: parts === 1 ? scale : 1,
    },
    threads: outputs * parts,
    flops: x.size,
  });
  if (parts === 1) return result;
  const folded = fold(name, result, [1], scale);
  return viewOf(folded, shape);
}

/** Sums a gradient back to the shape that was broadcast to its own. @param dtype of the result */
export function sumTo(x: Tensor, shape: Shape, dtype = x.dtype): Tensor {
  if (sameShape(x.shape, shape)) return converted(x, dtype);
  const added = x.shape.length - shape.length;
  const axes = x.shape
    .map((_, axis) => axis)
    .filter((axis) => axis < added || shape[axis - added] !== x.shape[axis]);
  const sum = converted(fold("sum", x, axes), dtype);
  return viewOf(sum, shape);
}
