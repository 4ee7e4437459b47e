/**
 * Average pooling to a given size, whatever the size of the input, with the bins of PyTorch's AdaptiveAvgPool2d: an
 * axis is cut into as many bins as the output has elements, and where it does not divide evenly, bins overlap.
 */
import averageSource from "../../shaders/adaptive_average.wgsl";
import gradientSource from "../../shaders/adaptive_average_gradient.wgsl";
import binsSource from "../../shaders/adaptive_bins.wgsl";
import poolSource from "../../shaders/pool.wgsl";
import { ShapeError } from "../errors.ts";
import { kernel } from "../gpu/kernel.ts";
import { at, fromIndex } from "../reference.ts";
import { type Shape, showShape } from "../shape.ts";
import { emptyLike, emptyTensor, type Tensor } from "../tensor.ts";
import { defineOp, dispatch, type OpChecks, requireDtype, requireRank } from "./define.ts";
import { elementOf } from "./elementwise.ts";
import { pair } from "./pair.ts";
import { planeConstants } from "./planes.ts";
import { threadsOver } from "./pool.ts";

interface OutputSize {
  /** [height, width] */
  readonly outputSize: readonly [number, number];
}

function constantsOf(x: Tensor) {
  return { ...elementOf(x), ...planeConstants(x.shape) };
}

export const adaptiveAvgPool2dOp = defineOp<OutputSize>({
  name: "adaptiveAvgPool2d",
  halves: 1,
  forward([x], { outputSize }) {
    const [images, channels] = x.shape;
    const result = emptyTensor(x.gpu, [images, channels, ...outputSize], x.dtype);
    dispatch({
      kernel: kernel("adaptiveAvgPool2d", [poolSource, binsSource, averageSource], constantsOf(x)),
      buffers: [x, result],
      ...threadsOver(x, result, ...outputSize),
      flops: Math.max(x.size, result.size),
    });
    return result;
  },
  backward({ gradient, inputs: [x] }) {
    const result = emptyLike(x);
    const [height, width] = x.shape.slice(2);
    dispatch({
      kernel: kernel("adaptiveAvgPool2dGradient", [poolSource, binsSource, gradientSource], constantsOf(x)),
      buffers: [gradient, result],
      ...threadsOver(x, gradient, height, width),
      flops: 2 * Math.max(x.size, gradient.size),
    });
    return [result];
  },
});

export const adaptiveAvgPool2dChecks: OpChecks<OutputSize> = {
  op: adaptiveAvgPool2dOp,
  reference([x], { outputSize }) {
    const [images, channels, ...size] = x.shape;
    const bin = (i: number, axis: 0 | 1) => {
      const start = Math.floor((i * size[axis]) / outputSize[axis]);
      const end = Math.ceil(((i + 1) * size[axis]) / outputSize[axis]);
      return Array.from({ length: end - start }, (_, offset) => start + offset);
    };
    return fromIndex([images, channels, ...outputSize], ([image, channel, outRow, outColumn]) => {
      const values = bin(outRow, 0).flatMap((row) =>
        bin(outColumn, 1).map((column) => at(x, image, channel, row, column)),
      );
      return values.reduce((sum, value) => sum + value, 0) / values.length;
    });
  },
  samples: sampleRows,
};

/** Bins that touch, overlap, and repeat elements; one bin; odd sizes, 1, more than one workgroup. */
function sampleRows() {
  const rows: [Shape, [number, number]][] = [
    [
      [1, 1, 1, 1],
      [1, 1],
    ],
    [
      [2, 3, 7, 5],
      [1, 1],
    ],
    [
      [2, 3, 8, 6],
      [4, 3],
    ],
    [
      [2, 3, 7, 10],
      [3, 4],
    ],
    [
      [1, 2, 13, 11],
      [6, 6],
    ],
    [
      [1, 2, 3, 2],
      [6, 5],
    ], // more bins than elements
    [
      [2, 3, 5, 5],
      [5, 5],
    ],
    [
      [3, 2, 4, 9],
      [7, 2],
    ],
    [
      [1, 5, 29, 31],
      [7, 6],
    ],
  ];
  return rows.map(([shape, outputSize]) => ({ inputs: [shape], options: { outputSize } }));
}

/**
 * The averages of `outputSize` bins, one number for both or [height, width]: [N, C, H, W] becomes [N, C, …outputSize].
 * Bin i of n along an axis has the elements from ⌊i · size / n⌋ up to (not including) ⌈(i + 1) · size / n⌉.
 * (`torch.nn.AdaptiveAvgPool2d`)
 * @throws ShapeError, ArgumentError, DtypeError
 */
export function adaptiveAvgPool2d(x: Tensor, outputSize: number | readonly [number, number]): Tensor {
  requireDtype("adaptiveAvgPool2d", "float32", x);
  requireRank("adaptiveAvgPool2d", "x", x, 4, "[N, C, H, W]");
  const size = pair("adaptiveAvgPool2d", "outputSize", outputSize, 1);
  if (x.shape[2] < 1 || x.shape[3] < 1)
    throw new ShapeError(`adaptiveAvgPool2d: there is nothing to average in ${showShape(x.shape)}`);
  return adaptiveAvgPool2dOp.run([x], { outputSize: size });
}
