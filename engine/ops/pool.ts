/**
 * Pooling over windows of a plane, with the rules of PyTorch's MaxPool2d and AvgPool2d: windows may overlap and reach
 * into the padding, and `ceilMode` adds a last window where the input would be cut off. Maximum and minimum keep
 * where they found their element; their gradient gathers, so that it needs no atomics.
 */
import poolSource from "../../shaders/pool.wgsl";
import averageSource from "../../shaders/pool_average.wgsl";
import divisorSource from "../../shaders/pool_average_divisor.wgsl";
import averageGradientSource from "../../shaders/pool_average_gradient.wgsl";
import extremumSource from "../../shaders/pool_extremum.wgsl";
import extremumGradientSource from "../../shaders/pool_extremum_gradient.wgsl";
import { ArgumentError, ShapeError } from "../errors.ts";
import type { Tiling } from "../gpu/gpu.ts";
import { kernel } from "../gpu/kernel.ts";
import { at, fromIndex, type NdArray } from "../reference.ts";
import { type Shape, showShape, sizeOf } from "../shape.ts";
import { emptyLike, emptyTensor, type Tensor } from "../tensor.ts";
import {
  defineOp,
  dispatch,
  type InputValues,
  type OpChecks,
  requireDtype,
  requireRank,
  type Sample,
} from "./define.ts";
import { elementOf, finishableElementOf } from "./elementwise.ts";
import { pair } from "./pair.ts";
import { planeConstants } from "./planes.ts";

type Pair = readonly [number, number];

interface WindowOptions {
  readonly kernelSize: number | Pair;
  /** From one window to the next. Default: `kernelSize`, windows that touch. */
  readonly stride?: number | Pair;
  /** Added on every side, half of `kernelSize` at most. Never the largest or smallest; 0 in an average. */
  readonly padding?: number | Pair;
  /** Rounds the number of windows up: the last one may reach beyond the padding, but not start there. */
  readonly ceilMode?: boolean;
}

export interface PoolOptions extends WindowOptions {
  /** From one element of a window to the next. */
  readonly dilation?: number | Pair;
}

export interface AvgPoolOptions extends WindowOptions {
  /** Whether a window's padding counts in the number by which its sum is divided. Default: true. */
  readonly countIncludePad?: boolean;
}

/** The options in full, [height, width] each. */
interface Windows {
  readonly kernelSize: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  readonly dilation: Pair;
  readonly ceilMode: boolean;
}

interface AverageWindows extends Windows {
  readonly countIncludePad: boolean;
}

function windowsOf(name: string, options: PoolOptions): Windows {
  const kernelSize = pair(name, "kernelSize", options.kernelSize, 1);
  const padding = pair(name, "padding", options.padding ?? 0, 0);
  if (padding.some((size, axis) => size > Math.floor(kernelSize[axis] / 2))) {
    throw new ArgumentError(
      `${name}: padding must be at most half of kernelSize ${showShape(kernelSize)}, got ${showShape(padding)}`,
      "add more than that with pad() in front of it",
    );
  }
  return {
    kernelSize,
    stride: pair(name, "stride", options.stride ?? kernelSize, 1),
    padding,
    dilation: pair(name, "dilation", options.dilation ?? 1, 1),
    ceilMode: options.ceilMode ?? false,
  };
}

/** From the first to the last element of a window. */
function extentOf({ kernelSize, dilation }: Windows, axis: 0 | 1): number {
  return (kernelSize[axis] - 1) * dilation[axis] + 1;
}

/** How many windows there are along an axis of `size` elements. */
function windowCount(size: number, windows: Windows, axis: 0 | 1): number {
  const stride = windows.stride[axis];
  const padding = windows.padding[axis];
  const spare = size + 2 * padding - extentOf(windows, axis);
  if (!windows.ceilMode) return Math.floor(spare / stride) + 1;
  const count = Math.ceil(spare / stride) + 1;
  return (count - 1) * stride >= size + padding ? count - 1 : count;
}

/** Checks x; the shape of the result. */
function pooledShape(name: string, x: Tensor, windows: Windows): Shape {
  requireDtype(name, "float32", x);
  requireRank(name, "x", x, 4, "[N, C, H, W]");
  const [batch, channels, height, width] = x.shape;
  const shape = [batch, channels, windowCount(height, windows, 0), windowCount(width, windows, 1)];
  const extent = [extentOf(windows, 0), extentOf(windows, 1)];
  if (height < 1 || width < 1 || shape[2] < 1 || shape[3] < 1) {
    throw new ShapeError(
      `${name}: a window of ${showShape(extent)} does not fit into ${showShape(x.shape)} with padding ${showShape(windows.padding)}`,
      "use a smaller kernelSize, or fewer layers in front that shrink the image",
    );
  }
  for (const axis of [0, 1] as const) {
    if (hasEmptyWindow(x.shape[2 + axis], shape[2 + axis], windows, axis)) {
      throw new ShapeError(
        `${name}: a window with dilation ${showShape(windows.dilation)} and padding ${showShape(windows.padding)} would find no element of ${showShape(x.shape)}`,
        "use a smaller dilation, or no padding",
      );
    }
  }
  return shape;
}

/** Whether all elements of some window along an axis lie in the padding; possible with dilation alone. */
function hasEmptyWindow(size: number, count: number, windows: Windows, axis: 0 | 1): boolean {
  if (windows.dilation[axis] === 1) return false;
  return Array.from({ length: count }, (_, window) => tapsOf(window, windows, axis)).some(
    (taps) => !taps.some((tap) => tap >= 0 && tap < size),
  );
}

/** Where along an axis the elements of a window lie, those in the padding included. */
function tapsOf(window: number, windows: Windows, axis: 0 | 1): number[] {
  const start = window * windows.stride[axis] - windows.padding[axis];
  return Array.from({ length: windows.kernelSize[axis] }, (_, tap) => start + tap * windows.dilation[axis]);
}

/** [height, width] as the two constants that a kernel knows it by. */
function constantPair(name: string, [height, width]: Pair): Record<string, number> {
  return { [`${name}Height`]: height, [`${name}Width`]: width };
}

function windowConstants({ kernelSize, stride, padding }: Windows) {
  return {
    ...constantPair("kernel", kernelSize),
    ...constantPair("stride", stride),
    ...constantPair("padding", padding),
  };
}

/**
 * A thread of a gradient kernel has a cell of the input: with a stride up to 4, all elements between the starts of two
 * windows, which lie in the same few windows.
 */
function cellSize(stride: number): number {
  return stride === 1 ? 2 : ([4, 3, 2].find((size) => stride % size === 0) ?? 1);
}

/**
 * So many outputs, or cells, one below the other, has a thread: on CPU adapters, where it begins by dividing for its place
 * and a workgroup takes a while to start.
 */
const outputsPerThread = { registers: 16, workgroup: 4 } as const;
const cellsPerThread = { registers: 16, workgroup: 1 } as const;

/** The constants of a gradient kernel for its cells, and for how many windows can hold elements of a cell. */
function cellConstants(windows: Windows, tiling: Tiling) {
  const cell = [cellSize(windows.stride[0]), cellSize(windows.stride[1])] as const;
  const reach = (axis: 0 | 1) =>
    Math.floor((cell[axis] - 1) / windows.stride[axis]) +
    Math.floor((extentOf(windows, axis) - 1) / windows.stride[axis]) +
    1;
  return {
    cellsPerThread: cellsPerThread[tiling],
    ...constantPair("cell", cell),
    ...constantPair("reach", [reach(0), reach(1)]),
  };
}

/** Whether all windows lie within the planes, and whether there are very many of these. */
function placeConstants({ shape }: Tensor, pooled: Tensor, windows: Windows) {
  const isInside = ([0, 1] as const).every((axis) => {
    const end = (pooled.shape[2 + axis] - 1) * windows.stride[axis] + extentOf(windows, axis);
    return windows.padding[axis] === 0 && end <= shape[2 + axis];
  });
  return { isInside, ...planeConstants(shape) };
}

function overOutputs(x: Tensor, pooled: Tensor) {
  const [outHeight, outWidth] = pooled.shape.slice(2);
  return threadsOver(x, pooled, Math.ceil(outHeight / outputsPerThread[x.gpu.tiling]), outWidth);
}

function overCells(x: Tensor, pooled: Tensor, { stride, padding }: Windows) {
  const cells = (axis: 0 | 1) => Math.ceil((x.shape[2 + axis] + padding[axis]) / cellSize(stride[axis]));
  return threadsOver(x, pooled, Math.ceil(cells(0) / cellsPerThread[x.gpu.tiling]), cells(1));
}

/** What pool.wgsl wants, for a grid of threads over every plane. */
export function threadsOver(x: Tensor, pooled: Tensor, threadsDown: number, threadsAcross: number) {
  const [batch, channels, height, width] = x.shape;
  const [outHeight, outWidth] = pooled.shape.slice(2);
  const threads = batch * channels * threadsDown * threadsAcross;
  return {
    uniforms: { height, width, outHeight, outWidth, threadsDown, threadsAcross, threads },
    threads,
  };
}

/** Every element of the result by `f` from the window's elements, null in the padding, and its rows and columns. */
function pooledReference(
  x: NdArray,
  windows: Windows,
  f: (elements: (number | null)[], rows: number[], columns: number[]) => number,
): NdArray {
  const [batch, channels, height, width] = x.shape;
  const shape = [batch, channels, windowCount(height, windows, 0), windowCount(width, windows, 1)];
  return fromIndex(shape, ([n, c, outRow, outColumn]) => {
    const rows = tapsOf(outRow, windows, 0);
    const columns = tapsOf(outColumn, windows, 1);
    const exists = (row: number, column: number) => row >= 0 && row < height && column >= 0 && column < width;
    const elements = rows.flatMap((row) =>
      columns.map((column) => (exists(row, column) ? at(x, n, c, row, column) : null)),
    );
    return f(elements, rows, columns);
  });
}

type SampleRow<Options> = readonly [Shape, Options];

/** Windows that touch, overlap and leave gaps; odd sizes, 1, more than one workgroup; padding and ceilMode. */
const sampleRows: readonly SampleRow<WindowOptions>[] = [
  [[1, 1, 1, 1], { kernelSize: 1 }],
  [[2, 3, 8, 6], { kernelSize: 2 }],
  [[1, 2, 5, 7], { kernelSize: 2 }],
  [[1, 2, 5, 7], { kernelSize: 2, ceilMode: true }],
  [[3, 5, 13, 11], { kernelSize: 3, stride: 2 }],
  [[2, 1, 6, 6], { kernelSize: 3, stride: 2, padding: 1 }],
  [[2, 1, 6, 7], { kernelSize: 3, stride: 2, padding: 1, ceilMode: true }],
  [[1, 3, 7, 5], { kernelSize: 3, stride: 1, padding: 1 }],
  [[1, 1, 9, 10], { kernelSize: 2, stride: 3 }],
  [[1, 1, 9, 10], { kernelSize: 2, stride: 3, padding: 1, ceilMode: true }],
  [[1, 2, 9, 8], { kernelSize: [4, 3], stride: [3, 1], padding: [2, 1] }],
  [[1, 2, 9, 8], { kernelSize: [5, 2], stride: [1, 5], padding: [2, 0], ceilMode: true }],
  [[1, 1, 2, 2], { kernelSize: 3, stride: 2, padding: 1, ceilMode: true }],
  [[2, 3, 4, 5], { kernelSize: [4, 5] }],
];

const dilatedRows: readonly SampleRow<PoolOptions>[] = [
  [[1, 2, 9, 8], { kernelSize: 3, stride: 1, padding: 1, dilation: 2 }],
  [[2, 1, 11, 9], { kernelSize: [2, 3], stride: [2, 3], padding: [1, 0], dilation: [3, 2] }],
  [[1, 2, 10, 11], { kernelSize: 3, stride: 2, padding: 1, dilation: [1, 3], ceilMode: true }],
  [[1, 1, 8, 8], { kernelSize: 2, dilation: 4, ceilMode: true }],
];

function poolSamples<Options, Resolved>(
  values: InputValues,
  rows: readonly SampleRow<Options>[],
  resolve: (options: Options) => Resolved,
): Sample<Resolved>[] {
  return rows.map(([shape, options]) => ({ inputs: [{ shape, values }], options: resolve(options) }));
}

function defineExtremumPool(name: "maxPool2d" | "minPool2d", operator: ">" | "<") {
  return defineOp<Windows>({
    name,
    halves: 1,
    forward([x], windows) {
      const result = emptyTensor(x.gpu, pooledShape(name, x, windows), x.dtype);
      const indices = emptyTensor(x.gpu, result.shape, "uint32");
      dispatch({
        kernel: kernel(name, [poolSource, extremumSource], {
          ...elementOf(x),
          ...windowConstants(windows),
          ...constantPair("dilation", windows.dilation),
          ...placeConstants(x, result, windows),
          outputsPerThread: outputsPerThread[x.gpu.tiling],
          beats: `fn beats(value: f32, best: f32) -> bool { return value ${operator} best; }`,
        }),
        buffers: [x, result, indices],
        ...overOutputs(x, result),
        flops: result.size * sizeOf(windows.kernelSize),
      });
      return { output: result, saved: [indices] };
    },
    backward({ gradient, inputs: [x], saved: [indices], options: windows }) {
      const result = emptyLike(x);
      dispatch({
        kernel: kernel(`${name}Gradient`, [poolSource, extremumGradientSource], {
          ...finishableElementOf(x),
          ...constantPair("stride", windows.stride),
          ...constantPair("padding", windows.padding),
          ...placeConstants(x, gradient, windows),
          ...cellConstants(windows, x.gpu.tiling),
        }),
        buffers: [gradient, indices, result],
        ...overCells(x, gradient, windows),
        flops: gradient.size,
      });
      return [result];
    },
  });
}

export const maxPool2dOp = defineExtremumPool("maxPool2d", ">");
export const minPool2dOp = defineExtremumPool("minPool2d", "<");

/** Those of the window's elements that are not in the padding. */
function existing(elements: readonly (number | null)[]): number[] {
  return elements.filter((value) => value !== null);
}

function extremumSamples(): Sample<Windows>[] {
  return poolSamples("distinct", [...sampleRows, ...dilatedRows], (options) => windowsOf("pool", options));
}

export const maxPool2dChecks: OpChecks<Windows> = {
  op: maxPool2dOp,
  reference: ([x], windows) => pooledReference(x, windows, (elements) => Math.max(...existing(elements))),
  samples: extremumSamples,
};

export const minPool2dChecks: OpChecks<Windows> = {
  op: minPool2dOp,
  reference: ([x], windows) => pooledReference(x, windows, (elements) => Math.min(...existing(elements))),
  samples: extremumSamples,
};

/**
 * The largest element of each window: [N, C, H, W] becomes [N, C, OH, OW], where
 * OH = ⌊(H + 2 · padding - dilation · (kernelSize - 1) - 1) / stride⌋ + 1 (⌈ ⌉ with `ceilMode`). The gradient of a
 * window goes to the first of its largest elements, in row-major order. (`torch.nn.MaxPool2d`)
 * @throws ShapeError, ArgumentError, DtypeError
 */
export function maxPool2d(x: Tensor, options: PoolOptions): Tensor {
  return maxPool2dOp.run([x], windowsOf("maxPool2d", options));
}

/** The smallest element of each window: in all else like `maxPool2d`. @throws ShapeError, ArgumentError, DtypeError */
export function minPool2d(x: Tensor, options: PoolOptions): Tensor {
  return minPool2dOp.run([x], windowsOf("minPool2d", options));
}

function averageWindowsOf({ countIncludePad = true, ...options }: AvgPoolOptions): AverageWindows {
  return { ...windowsOf("avgPool2d", options), countIncludePad };
}

export const avgPool2dOp = defineOp<AverageWindows>({
  name: "avgPool2d",
  halves: 1,
  forward([x], windows) {
    const result = emptyTensor(x.gpu, pooledShape("avgPool2d", x, windows), x.dtype);
    dispatch({
      kernel: kernel("avgPool2d", [poolSource, divisorSource, averageSource], {
        ...elementOf(x),
        ...windowConstants(windows),
        countIncludePad: windows.countIncludePad,
        ...placeConstants(x, result, windows),
        outputsPerThread: outputsPerThread[x.gpu.tiling],
      }),
      buffers: [x, result],
      ...overOutputs(x, result),
      flops: result.size * sizeOf(windows.kernelSize),
    });
    return result;
  },
  backward({ gradient, inputs: [x], options: windows }) {
    const result = emptyLike(x);
    dispatch({
      kernel: kernel("avgPool2dGradient", [poolSource, divisorSource, averageGradientSource], {
        ...finishableElementOf(x),
        ...windowConstants(windows),
        countIncludePad: windows.countIncludePad,
        ...placeConstants(x, gradient, windows),
        ...cellConstants(windows, x.gpu.tiling),
      }),
      buffers: [gradient, result],
      ...overCells(x, gradient, windows),
      flops: 2 * gradient.size * sizeOf(windows.kernelSize),
    });
    return [result];
  },
});

export const avgPool2dChecks: OpChecks<AverageWindows> = {
  op: avgPool2dOp,
  reference([x], windows) {
    const [height, width] = x.shape.slice(2);
    return pooledReference(x, windows, (elements, rows, columns) => {
      const inPadding = ([bottom, right]: Pair) =>
        rows.filter((row) => row < height + bottom).length *
        columns.filter((column) => column < width + right).length;
      const inside = existing(elements);
      const count = windows.countIncludePad ? inPadding(windows.padding) : inside.length;
      return inside.reduce((sum, value) => sum + value, 0) / count;
    });
  },
  samples: () =>
    [true, false].flatMap((countIncludePad) =>
      poolSamples("normal", sampleRows, (options) => averageWindowsOf({ ...options, countIncludePad })),
    ),
};

/**
 * The average of each window: [N, C, H, W] becomes [N, C, OH, OW], where
 * OH = ⌊(H + 2 · padding - kernelSize) / stride⌋ + 1 (⌈ ⌉ with `ceilMode`). The sum is divided by the number of the
 * window's elements, those in the padding included unless `countIncludePad` is false; what a last window of `ceilMode`
 * has beyond the padding never counts. (`torch.nn.AvgPool2d`)
 * @throws ShapeError, ArgumentError, DtypeError
 */
export function avgPool2d(x: Tensor, options: AvgPoolOptions): Tensor {
  return avgPool2dOp.run([x], averageWindowsOf(options));
}
