/** Operations that only move elements: reshape shares memory, the others are one kernel with two sets of strides. */
import copySource from "../../shaders/strided_copy.wgsl";
import { requireCount } from "../arguments.ts";
import { ArgumentError, DtypeError, ShapeError } from "../errors.ts";
import { kernel } from "../gpu/kernel.ts";
import { at, dot, fromIndex, reshapeArray } from "../reference.ts";
import {
  broadcastStrides,
  checkShape,
  mergeAxes,
  normaliseAxes,
  normaliseAxis,
  type Shape,
  sameShape,
  showShape,
  sizeOf,
  stridesOf,
} from "../shape.ts";
import { emptyTensor, type Tensor, viewOf } from "../tensor.ts";
import { defineComposition, defineOp, dispatch, type OpChecks, requireDtype, requireRank } from "./define.ts";
import { elementOf, filled } from "./elementwise.ts";
import { sumTo } from "./fold.ts";

/** Where in a tensor a copy goes along: a stride an axis of the copied block, and where it starts. */
interface Walk {
  readonly tensor: Tensor;
  readonly strides: Shape;
  readonly start?: number;
}

/** Copies a block of `sizes` elements from one tensor into another. */
function copyBlock(name: string, sizes: Shape, from: Walk, to: Walk): void {
  const merged = mergeAxes(sizes, from.strides, to.strides);
  const [strides, targetStrides] = merged.strides;
  const count = sizeOf(sizes);
  dispatch({
    kernel: kernel(name, [copySource], {
      ...elementOf(from.tensor),
      rank: merged.shape.length,
    }),
    buffers: [from.tensor, to.tensor],
    uniforms: {
      sizes: merged.shape,
      strides,
      targetStrides,
      start: from.start ?? 0,
      targetStart: to.start ?? 0,
      count,
    },
    threads: count,
    flops: 0,
  });
}

/** A new contiguous tensor of `shape`, element `index` of which is read at start + strides · index. */
function gather(name: string, x: Tensor, shape: Shape, strides: Shape, start = 0): Tensor {
  const result = emptyTensor(x.gpu, shape, x.dtype);
  copyBlock(name, shape, { tensor: x, strides, start }, { tensor: result, strides: stridesOf(shape) });
  return result;
}

export const reshapeOp = defineOp<{ shape: Shape }>({
  name: "reshape",
  halves: 1,
  forward: ([x], { shape }) => viewOf(x, shape),
  backward: ({ gradient, inputs: [x] }) => [viewOf(gradient, x.shape)],
});

export const reshapeChecks: OpChecks<{ shape: Shape }> = {
  op: reshapeOp,
  reference: ([x], { shape }) => reshapeArray(x, shape),
  samples: () => [
    { inputs: [[3, 4]], options: { shape: [2, 6] } },
    { inputs: [[1]], options: { shape: [] } },
    { inputs: [[2, 3, 5]], options: { shape: [30] } },
  ],
};

/**
 * The same numbers in another shape; shares memory with x. One size may be -1: whatever is left.
 * @throws ShapeError when the numbers of elements differ
 */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const known = shape.filter((size) => size !== -1);
  const missing = shape.length - known.length;
  const complete = missing === 1 ? shape.map((size) => (size === -1 ? x.size / sizeOf(known) : size)) : shape;
  if (missing > 1 || sizeOf(complete) !== x.size || !complete.every(Number.isInteger)) {
    throw new ShapeError(
      `reshape: ${showShape(x.shape)} has ${x.size} elements, which do not fit ${showShape(shape)}`,
      missing > 1 ? "only one size can be -1" : undefined,
    );
  }
  checkShape("reshape", complete);
  return reshapeOp.run([x], { shape: complete });
}

/** All axes from `startAxis` on as one: [N, C, H, W] becomes [N, C · H · W]. */
export function flatten(x: Tensor, startAxis = 1): Tensor {
  const start = normaliseAxis("flatten", startAxis, x.shape.length);
  return reshape(x, [...x.shape.slice(0, start), sizeOf(x.shape.slice(start))]);
}

export const permuteOp = defineOp<{ axes: readonly number[] }>({
  name: "permute",
  halves: 1,
  forward([x], { axes }) {
    const strides = stridesOf(x.shape);
    return gather(
      "permute",
      x,
      axes.map((axis) => x.shape[axis]),
      axes.map((axis) => strides[axis]),
    );
  },
  backward: ({ gradient, options: { axes } }) => [
    permute(
      gradient,
      axes.map((_, axis) => axes.indexOf(axis)),
    ),
  ],
});

export const permuteChecks: OpChecks<{ axes: readonly number[] }> = {
  op: permuteOp,
  reference([x], { axes }) {
    const strides = stridesOf(x.shape);
    const shape = axes.map((axis) => x.shape[axis]);
    return fromIndex(
      shape,
      (index) =>
        x.data[
          dot(
            index,
            axes.map((axis) => strides[axis]),
          )
        ],
    );
  },
  samples: () => [
    { inputs: [[3, 5]], options: { axes: [1, 0] } },
    { inputs: [[2, 3, 4, 5]], options: { axes: [0, 2, 3, 1] } },
    { inputs: [[1, 7, 1]], options: { axes: [2, 0, 1] } },
    { inputs: [[11, 13, 7]], options: { axes: [2, 1, 0] } },
  ],
};

/** The axes in another order. @throws ArgumentError unless `axes` names each axis once */
export function permute(x: Tensor, axes: readonly number[]): Tensor {
  const rank = x.shape.length;
  const list = axes.map((axis) => normaliseAxis("permute", axis, rank));
  if (normaliseAxes("permute", list, rank).length !== rank) {
    throw new ArgumentError(
      `permute: ${showShape(x.shape)} has ${rank} axes, but [${axes.join(", ")}] names ${axes.length}`,
    );
  }
  return permuteOp.run([x], { axes: list });
}

/** Two axes swapped, the last two by default. */
export function transpose(x: Tensor, first = -2, second = -1): Tensor {
  const a = normaliseAxis("transpose", first, x.shape.length);
  const b = normaliseAxis("transpose", second, x.shape.length);
  return permute(
    x,
    x.shape.map((_, axis) => (axis === a ? b : axis === b ? a : axis)),
  );
}

export const expandOp = defineOp<{ shape: Shape }>({
  name: "expand",
  halves: 1,
  forward: ([x], { shape }) => gather("expand", x, shape, broadcastStrides(x.shape, shape)),
  backward: ({ gradient, inputs: [x] }) => [sumTo(gradient, x.shape)],
});

export const expandChecks: OpChecks<{ shape: Shape }> = {
  op: expandOp,
  reference: ([x], { shape }) =>
    fromIndex(shape, (index) => x.data[dot(index, broadcastStrides(x.shape, shape))]),
  samples: () => [
    { inputs: [[3, 1]], options: { shape: [2, 3, 5] } },
    { inputs: [[]], options: { shape: [7] } },
    { inputs: [[1, 17, 1]], options: { shape: [5, 17, 11] } },
  ],
};

/** Repeats axes of size 1, and adds axes in front, to reach `shape`. @throws ShapeError */
export function expand(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  checkShape("expand", shape);
  const added = shape.length - x.shape.length;
  if (added < 0 || !x.shape.every((size, axis) => size === 1 || size === shape[axis + added])) {
    throw new ShapeError(
      `expand: ${showShape(x.shape)} cannot be expanded to ${showShape(shape)}`,
      "only axes of size 1 can be repeated",
    );
  }
  return expandOp.run([x], { shape });
}

interface SliceOptions {
  readonly axis: number;
  readonly start: number;
  readonly end: number;
}

export const sliceOp = defineOp<SliceOptions>({
  name: "slice",
  halves: 1,
  forward([x], { axis, start, end }) {
    const shape = x.shape.map((size, i) => (i === axis ? end - start : size));
    const strides = stridesOf(x.shape);
    return gather("slice", x, shape, strides, start * strides[axis]);
  },
  backward({ gradient, inputs: [x], options: { axis, start } }) {
    return [
      scatter(
        "sliceGradient",
        gradient,
        x.shape,
        x.shape.map((_, i) => (i === axis ? start : 0)),
        0,
      ),
    ];
  },
});

export const sliceChecks: OpChecks<SliceOptions> = {
  op: sliceOp,
  reference([x], { axis, start, end }) {
    const strides = stridesOf(x.shape);
    const shape = x.shape.map((size, i) => (i === axis ? end - start : size));
    return fromIndex(shape, (index) => x.data[dot(index, strides) + start * strides[axis]]);
  },
  samples: () => [
    { inputs: [[5, 3]], options: { axis: 0, start: 1, end: 4 } },
    { inputs: [[5, 3]], options: { axis: 1, start: 2, end: 3 } },
    { inputs: [[7, 11, 13]], options: { axis: 1, start: 3, end: 9 } },
  ],
};

/** The indices from `start` up to (not including) `end` along an axis; negative ones count from the end. */
export function slice(x: Tensor, axis: number, start: number, end = Number.POSITIVE_INFINITY): Tensor {
  const along = normaliseAxis("slice", axis, x.shape.length);
  const size = x.shape[along];
  const from = start < 0 ? Math.max(0, size + start) : Math.min(start, size);
  const upTo = end < 0 ? size + end : Math.min(end, size);
  if (!Number.isInteger(from) || !Number.isInteger(upTo) || upTo < from) {
    throw new ArgumentError(
      `slice: ${start} to ${end} is no range along axis ${axis} of ${showShape(x.shape)}`,
    );
  }
  return sliceOp.run([x], { axis: along, start: from, end: upTo });
}

/** A tensor of `shape` that holds x from the index `corner` on, and `value` elsewhere. */
function scatter(name: string, x: Tensor, shape: Shape, corner: Shape, value: number): Tensor {
  const result = filled(x.gpu, shape, value, x.dtype);
  const strides = stridesOf(shape);
  copyBlock(
    name,
    x.shape,
    { tensor: x, strides: stridesOf(x.shape) },
    { tensor: result, strides, start: dot(corner, strides) },
  );
  return result;
}

export const concatOp = defineOp<{ axis: number }>({
  name: "concat",
  halves: Number.POSITIVE_INFINITY,
  forward(inputs, { axis }) {
    const total = inputs.reduce((sum, input) => sum + input.shape[axis], 0);
    const shape = inputs[0].shape.map((size, i) => (i === axis ? total : size));
    const result = emptyTensor(inputs[0].gpu, shape, inputs[0].dtype);
    const strides = stridesOf(shape);
    let start = 0;
    for (const input of inputs) {
      const target = { tensor: result, strides, start: start * strides[axis] };
      copyBlock("concat", input.shape, { tensor: input, strides: stridesOf(input.shape) }, target);
      start += input.shape[axis];
    }
    return result;
  },
  backward({ gradient, inputs, options: { axis }, needs }) {
    let start = 0;
    return inputs.map((input, position) => {
      const end = start + input.shape[axis];
      const part = needs(position) ? slice(gradient, axis, start, end) : null;
      start = end;
      return part;
    });
  },
});

export const concatChecks: OpChecks<{ axis: number }> = {
  op: concatOp,
  reference(inputs, { axis }) {
    const total = inputs.reduce((sum, input) => sum + input.shape[axis], 0);
    const shape = inputs[0].shape.map((size, i) => (i === axis ? total : size));
    return fromIndex(shape, (index) => {
      let along = index[axis];
      const from = inputs.find((input) => {
        if (along < input.shape[axis]) return true;
        along -= input.shape[axis];
        return false;
      })!;
      return from.data[
        dot(
          index.map((value, i) => (i === axis ? along : value)),
          stridesOf(from.shape),
        )
      ];
    });
  },
  samples: () => [
    {
      inputs: [
        [2, 3],
        [4, 3],
      ],
      options: { axis: 0 },
    },
    {
      inputs: [
        [2, 3],
        [2, 1],
        [2, 5],
      ],
      options: { axis: 1 },
    },
    {
      inputs: [
        [5, 7, 11],
        [5, 6, 11],
      ],
      options: { axis: 1 },
    },
  ],
};

/** Tensors one after the other along an axis. @throws ShapeError unless all other axes agree */
export function concat(tensors: readonly Tensor[], axis = 0): Tensor {
  if (tensors.length === 0) throw new ArgumentError("concat: there is nothing to concatenate");
  const [first] = tensors;
  const along = normaliseAxis("concat", axis, first.shape.length);
  for (const tensor of tensors) {
    const fits =
      tensor.shape.length === first.shape.length &&
      tensor.shape.every((size, i) => i === along || size === first.shape[i]);
    if (!fits)
      throw new ShapeError(
        `concat: ${showShape(tensor.shape)} does not fit ${showShape(first.shape)} along axis ${axis}`,
      );
    if (tensor.dtype !== first.dtype)
      throw new DtypeError(`concat: ${tensor.dtype} and ${first.dtype} do not mix`);
  }
  return concatOp.run(tensors, { axis: along });
}

interface PadOptions {
  /** [before, after] an axis. */
  readonly padding: readonly (readonly [number, number])[];
  readonly value: number;
}

export const padOp = defineOp<PadOptions>({
  name: "pad",
  halves: 1,
  forward([x], { padding, value }) {
    const shape = x.shape.map((size, axis) => size + padding[axis][0] + padding[axis][1]);
    return scatter(
      "pad",
      x,
      shape,
      padding.map(([before]) => before),
      value,
    );
  },
  backward({ gradient, inputs: [x], options: { padding } }) {
    const strides = stridesOf(gradient.shape);
    return [
      gather(
        "padGradient",
        gradient,
        x.shape,
        strides,
        dot(
          padding.map(([before]) => before),
          strides,
        ),
      ),
    ];
  },
});

export const padChecks: OpChecks<PadOptions> = {
  op: padOp,
  reference([x], { padding, value }) {
    const strides = stridesOf(x.shape);
    const shape = x.shape.map((size, axis) => size + padding[axis][0] + padding[axis][1]);
    return fromIndex(shape, (index) => {
      const inside = index.map((i, axis) => i - padding[axis][0]);
      return inside.every((i, axis) => i >= 0 && i < x.shape[axis]) ? x.data[dot(inside, strides)] : value;
    });
  },
  samples: () => [
    { inputs: [[3]], options: { padding: [[1, 2]], value: 0.5 } },
    {
      inputs: [[2, 3, 4]],
      options: {
        padding: [
          [0, 0],
          [1, 0],
          [2, 3],
        ],
        value: 0,
      },
    },
    {
      inputs: [[1, 2, 9, 13]],
      options: {
        padding: [
          [0, 0],
          [0, 0],
          [2, 2],
          [1, 1],
        ],
        value: -1,
      },
    },
  ],
};

/**
 * Adds `value` around a float32 tensor.
 * @param padding [before, after] for each axis
 * @throws ArgumentError unless there is one pair of whole numbers, 0 or more, an axis
 */
export function pad(x: Tensor, padding: readonly (readonly [number, number])[], value = 0): Tensor {
  requireDtype("pad", "float32", x);
  const valid =
    padding.length === x.shape.length && padding.flat().every((size) => Number.isInteger(size) && size >= 0);
  if (!valid) {
    throw new ArgumentError(
      `pad: ${showShape(x.shape)} needs ${x.shape.length} pairs [before, after] of whole numbers ≥ 0, got ${JSON.stringify(padding)}`,
    );
  }
  return padOp.run([x], { padding, value });
}

export const upsampleNearest2dOp = defineComposition<{ scale: number }>({
  name: "upsampleNearest2d",
  compose([x], { scale }) {
    const [images, channels, height, width] = x.shape;
    const spread = expand(reshape(x, [images, channels, height, 1, width, 1]), [
      images,
      channels,
      height,
      scale,
      width,
      scale,
    ]);
    return reshape(spread, [images, channels, height * scale, width * scale]);
  },
});

export const upsampleNearest2dChecks: OpChecks<{ scale: number }> = {
  op: upsampleNearest2dOp,
  reference([x], { scale }) {
    const [images, channels, height, width] = x.shape;
    return fromIndex([images, channels, height * scale, width * scale], ([image, channel, row, column]) =>
      at(x, image, channel, Math.floor(row / scale), Math.floor(column / scale)),
    );
  },
  samples: () => [
    { inputs: [[1, 1, 1, 1]], options: { scale: 3 } },
    { inputs: [[2, 3, 5, 7]], options: { scale: 2 } },
  ],
};

/**
 * Repeats every pixel `scale` times in both directions: [N, C, H, W] to [N, C, scale · H, scale · W].
 * @throws ShapeError, ArgumentError unless `scale` is a whole number, 1 or more
 */
export function upsampleNearest2d(x: Tensor, scale: number): Tensor {
  requireRank("upsampleNearest2d", "x", x, 4, "[N, channels, height, width]");
  requireCount("upsampleNearest2d", { scale });
  return upsampleNearest2dOp.run([x], { scale });
}
