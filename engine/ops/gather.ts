/**
 * Elements chosen by index: indexSelect takes whole slices, gather an element for every index. Their gradients add up
 * what was taken from the same place, without atomics and always in the same order. With few indices along the axis,
 * every element of x walks them. With more, the indices are sorted with their positions, and every element of x adds up
 * its own stretch of the sorted list; that costs log² n / 2 comparisons an index (see `sort.ts`) and one addition for
 * every number of dy, whatever the size of x. A stretch is added up by one thread a number: an index that repeats tens
 * of thousands of times is slow.
 */
import gatherSource from "../../shaders/gather.wgsl";
import gradientSource from "../../shaders/gather_gradient.wgsl";
import keysSource from "../../shaders/scatter_keys.wgsl";
import startsSource from "../../shaders/segment_starts.wgsl";
import { ShapeError } from "../errors.ts";
import { kernel } from "../gpu/kernel.ts";
import { dot, fromIndex } from "../reference.ts";
import { normaliseAxis, type Shape, showShape, sizeOf, stridesOf } from "../shape.ts";
import { emptyTensor, type HostDType, type Tensor } from "../tensor.ts";
import { defineOp, dispatch, type OpChecks, requireDtype, requireRank } from "./define.ts";
import { elementOf } from "./elementwise.ts";
import { slice } from "./layout.ts";
import { paddedCount, sortPairs } from "./sort.ts";
import { multiplySparseRows } from "./sparseRows.ts";

interface GatherOptions {
  readonly axis: number;
}

/** A numeric type has no other way to say that there is nothing. */
const missing = {
  float32: "bitcast<f32>(index | 0x7fc00000u)", // NaN, which WGSL cannot write as a constant
  int32: "i32(-2147483648)",
  uint32: "0xffffffffu",
} as const;

/** So many indices along the axis are walked; more are sorted. */
const fewIndices = 32;

/** @param hasOwnIndices whether every element of the result has an index of its own */
function choose(name: string, x: Tensor, indices: Tensor, axis: number, hasOwnIndices: boolean): Tensor {
  const chosen = hasOwnIndices ? indices.shape[axis] : indices.size;
  const shape = x.shape.with(axis, chosen);
  const result = emptyTensor(x.gpu, shape, x.dtype);
  dispatch({
    kernel: kernel(name, [gatherSource], {
      ...elementOf(x),
      hasOwnIndices,
      missing: `fn missing(index: u32) -> Element { return ${missing[x.dtype as HostDType]}; }`,
    }),
    buffers: [x, indices, result],
    uniforms: { length: x.shape[axis], chosen, inner: innerOf(shape, axis), count: result.size },
    threads: result.size,
    flops: 0,
  });
  return result;
}

/** The gradient of `choose`: a tensor of `shape` to which dy was added where its elements came from. */
function scatterAdd(
  name: string,
  dy: Tensor,
  indices: Tensor,
  shape: Shape,
  axis: number,
  hasOwnIndices: boolean,
): Tensor {
  const chosen = dy.shape[axis];
  const inner = innerOf(shape, axis);
  if (chosen <= fewIndices) {
    const result = emptyTensor(dy.gpu, shape);
    dispatch({
      kernel: kernel(`${name}Gradient`, [gradientSource], { hasOwnIndices }),
      buffers: [dy, indices, result],
      uniforms: { length: shape[axis], chosen, inner, count: result.size },
      threads: result.size,
      flops: dy.size,
    });
    return result;
  }
  // Slices stay whole; where every element has its own index, it is a slice of one.
  const targets = hasOwnIndices ? sizeOf(shape) : shape[axis];
  const features = hasOwnIndices ? 1 : inner;
  const pairs = sortedIndices(indices, chosen, shape[axis], hasOwnIndices ? inner : 1);
  const pointers = segmentStarts(pairs, targets);
  return multiplySparseRows(
    "sumSegments",
    {
      pointers,
      entries: pairs,
      values: dy, // not read
      entry: `alias Entry = vec2u;
fn columnOf(entry: Entry) -> u32 { return entry.y; }
fn valueOf(slot: u32, entry: Entry) -> f32 { return 1.0; }`,
    },
    dy,
    { columns: indices.size, features, shape, flops: dy.size },
  );
}

/** uint32 [paddedCount, 2]: what was chosen and by which index, sorted. */
function sortedIndices(indices: Tensor, chosen: number, length: number, inner: number): Tensor {
  const padded = paddedCount(indices.size);
  const pairs = emptyTensor(indices.gpu, [padded, 2], "uint32");
  dispatch({
    kernel: kernel("scatterKeys", [keysSource]),
    buffers: [indices, pairs],
    uniforms: { length, chosen, inner, count: indices.size, padded },
    workgroups: padded / 64,
    flops: 0,
  });
  sortPairs(pairs);
  return pairs;
}

/** uint32 [keys + 1]: where in the sorted pairs each key begins. */
function segmentStarts(pairs: Tensor, keys: number): Tensor {
  const result = emptyTensor(pairs.gpu, [keys + 1], "uint32");
  dispatch({
    kernel: kernel("segmentStarts", [startsSource]),
    buffers: [pairs, result],
    uniforms: { keys, pairs: pairs.shape[0] },
    threads: keys + 1,
    flops: 0,
  });
  return result;
}

function innerOf(shape: Shape, axis: number): number {
  return sizeOf(shape.slice(axis + 1));
}

export const indexSelectOp = defineOp<GatherOptions>({
  name: "indexSelect",
  forward: ([x, indices], { axis }) => choose("indexSelect", x, indices, axis, false),
  backward: ({ gradient, inputs: [x, indices], options: { axis } }) => [
    scatterAdd("indexSelect", gradient, indices, x.shape, axis, false),
    null,
  ],
});

export const indexSelectChecks: OpChecks<GatherOptions> = {
  op: indexSelectOp,
  reference([x, indices], { axis }) {
    const strides = stridesOf(x.shape);
    return fromIndex(
      x.shape.with(axis, indices.data.length),
      (index) => x.data[dot(index.with(axis, indices.data[index[axis]]), strides)],
    );
  },
  samples: () => [
    // Walked …
    { inputs: [[3, 5], { shape: [4], values: { below: 3 } }], options: { axis: 0 } },
    { inputs: [[3, 5], { shape: [7], values: { below: 5 } }], options: { axis: 1 } },
    { inputs: [[1], { shape: [1], values: { below: 1 } }], options: { axis: 0 } },
    { inputs: [[2, 67, 3], { shape: [32], values: { below: 67 } }], options: { axis: 1 } },
    // … and sorted: by one feature, four at a time, in batches, and more than one workgroup sorts.
    { inputs: [[11], { shape: [33], values: { below: 11 } }], options: { axis: 0 } },
    { inputs: [[70, 12], { shape: [41], values: { below: 70 } }], options: { axis: 0 } },
    { inputs: [[3, 5, 7], { shape: [130], values: { below: 5 } }], options: { axis: 1 } },
    { inputs: [[7, 3], { shape: [2500], values: { below: 7 } }], options: { axis: 0 } },
  ],
};

/**
 * The slices of x that `indices` (int32 [n]) name along an axis, one after the other: an embedding's rows, a graph's
 * neighbours. x is of any dtype. An index outside of the axis gives NaN (-2147483648 in int32, 4294967295 in uint32)
 * and no gradient. (`torch.index_select`)
 * @throws ShapeError, DtypeError, ArgumentError
 */
export function indexSelect(x: Tensor, indices: Tensor, axis: number): Tensor {
  requireDtype("indexSelect: indices", "int32", indices);
  requireRank("indexSelect", "indices", indices, 1, "[n]");
  return indexSelectOp.run([x, indices], { axis: normaliseAxis("indexSelect", axis, x.shape.length) });
}

export const gatherOp = defineOp<GatherOptions>({
  name: "gather",
  forward: ([x, indices], { axis }) => choose("gather", x, indices, axis, true),
  backward: ({ gradient, inputs: [x, indices], options: { axis } }) => [
    scatterAdd("gather", gradient, indices, x.shape, axis, true),
    null,
  ],
});

export const gatherChecks: OpChecks<GatherOptions> = {
  op: gatherOp,
  reference([x, indices], { axis }) {
    const strides = stridesOf(x.shape);
    const indexStrides = stridesOf(indices.shape);
    return fromIndex(
      indices.shape,
      (index) => x.data[dot(index.with(axis, indices.data[dot(index, indexStrides)]), strides)],
    );
  },
  samples: () => [
    { inputs: [[3, 5], { shape: [3, 1], values: { below: 5 } }], options: { axis: 1 } },
    { inputs: [[3, 5], { shape: [7, 5], values: { below: 3 } }], options: { axis: 0 } },
    { inputs: [[1], { shape: [1], values: { below: 1 } }], options: { axis: 0 } },
    { inputs: [[2, 9, 13], { shape: [2, 32, 13], values: { below: 9 } }], options: { axis: 1 } },
    { inputs: [[3, 5, 2], { shape: [3, 33, 2], values: { below: 5 } }], options: { axis: 1 } },
    { inputs: [[7, 13], { shape: [300, 13], values: { below: 7 } }], options: { axis: 0 } },
  ],
};

/**
 * An element of x for every index: result[i, j, k] = x[i, indices[i, j, k], k] for the middle one of three axes. The
 * indices are int32, with as many axes as x and no more along the other axes. x is of any dtype; for an index outside
 * of the axis see `indexSelect`, which is also the one to use for whole slices. (`torch.gather`)
 * @throws ShapeError, DtypeError, ArgumentError
 */
export function gather(x: Tensor, indices: Tensor, axis: number): Tensor {
  requireDtype("gather: indices", "int32", indices);
  const along = normaliseAxis("gather", axis, x.shape.length);
  const { shape } = indices;
  const fits = shape.length === x.shape.length && shape.every((size, i) => i === along || size <= x.shape[i]);
  if (!fits) {
    throw new ShapeError(
      `gather: indices ${showShape(shape)} do not fit ${showShape(x.shape)} along axis ${axis}`,
      "they need as many axes, and no more elements along the other ones",
    );
  }
  const within = x.shape.reduce(
    (part, size, i) => (i === along || size === shape[i] ? part : slice(part, i, 0, shape[i])),
    x,
  );
  return gatherOp.run([within, indices], { axis: along });
}
