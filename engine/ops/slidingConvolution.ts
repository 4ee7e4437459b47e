/**
 * Convolutions of stride 1 on CPU adapters: about three times as fast there as the implicit GEMM, because few loads
 * serve many multiplications (see the kernels). Forward, by the same kernel the gradient by the input, and the gradient
 * by the weight. Many channels and windows of 3 × 3 are left to `winograd.ts`.
 */
import common from "../../shaders/common.wgsl";
import lineSource from "../../shaders/conv2d_line.wgsl";
import slidingSource from "../../shaders/conv2d_sliding.wgsl";
import weightGradientSource from "../../shaders/conv2d_sliding_weight_gradient.wgsl";
import ofEight from "../../shaders/of_eight.wgsl";
import { kernel } from "../gpu/kernel.ts";
import { emptyTensor, type Tensor } from "../tensor.ts";
import type { Convolution, Pair } from "./convolution.ts";
import { dispatch } from "./define.ts";
import { type Activation, activated } from "./epilogue.ts";
import { addSplits, type ProductAndSums, rowSumsFunction } from "./gemm.ts";
import {
  isWorthWinograd,
  winogradForward,
  winogradInputGradient,
  winogradWeightGradient,
} from "./winograd.ts";

/** A lane for each of a thread's rows, or for two of them. */
const lanes = 8;
const workgroupThreads = 8;
/** The kernels have a line of the window written out. */
const widestWindow = 5;

/** @param x what has pixels, on which it slides */
function canSlide({ gpu, dtype }: Tensor, { window, stride, dilation }: Convolution): boolean {
  const isPlain = stride[0] === 1 && stride[1] === 1 && dilation[1] === 1 && window[1] <= widestWindow;
  return (
    isPlain && dtype === "float32" && gpu.tiling === "registers" && gpu.adapter.smallestSubgroup >= lanes
  );
}

export interface Sliding {
  readonly x: Tensor;
  readonly weight: Tensor;
  readonly bias: Tensor | undefined;
  readonly activation: Activation | undefined;
  readonly convolution: Convolution;
}

/** From the input to the output. */
function slide({ convolution, ...operands }: Sliding): Tensor {
  if (isWorthWinograd(convolution)) return winogradForward({ convolution, ...operands });
  const { inputChannels, outputChannels, groups, window, input, output, padding } = convolution;
  const [height, width] = window;
  const channels = inputChannels / groups;
  return run({
    ...operands,
    convolution,
    ...{ channels, rows: outputChannels / groups, input, output, padding },
    weights: { start: 0, row: channels * height * width, channel: height * width, line: width, tap: 1 },
  });
}

/** From the gradient of the output, `x`, to that of the input: the window is read backwards. */
function slideBack({ convolution, ...operands }: Sliding): Tensor {
  if (isWorthWinograd(convolution)) return winogradInputGradient({ convolution, ...operands });
  const { inputChannels, outputChannels, groups, window, dilation } = convolution;
  const [height, width] = window;
  const rows = inputChannels / groups;
  const padding = [0, 1].map((axis) => dilation[axis] * (window[axis] - 1) - convolution.padding[axis]);
  return run({
    ...operands,
    convolution,
    ...{
      channels: outputChannels / groups,
      rows,
      input: convolution.output,
      output: convolution.input,
      padding,
    },
    weights: {
      start: height * width - 1,
      row: height * width,
      channel: rows * height * width,
      line: -width,
      tap: -1,
    },
  });
}

interface Run extends Sliding {
  /** Of a group. */
  readonly channels: number;
  readonly rows: number;
  readonly input: readonly number[];
  readonly output: readonly number[];
  readonly padding: readonly number[];
  /** Where the first weight of a group is, and how far it is to the next row, channel, line and tap. */
  readonly weights: {
    readonly start: number;
    readonly row: number;
    readonly channel: number;
    readonly line: number;
    readonly tap: number;
  };
}

function run({ x, weight, bias, activation, convolution, ...rest }: Run): Tensor {
  const { channels, rows, input, output, padding, weights } = rest;
  const { images, groups, window, dilation } = convolution;
  const isWide = fillsBetter(output[1], 8, 4);
  const isTall = isWorthTall(rows, window);
  const tilesAcross = Math.ceil(output[1] / (isWide ? 8 : 4));
  const tiles = images * output[0] * tilesAcross;
  const result = emptyTensor(x.gpu, [images, groups * rows, ...output]);
  dispatch({
    kernel: kernel("conv2dSliding", [common, ofEight, lineSource, slidingSource], {
      extension: "enable subgroups;",
      kernelWidth: window[1],
      wide: isWide,
      tall: isTall,
      ...activated(activation, result),
    }),
    buffers: [x, weight, bias ?? x, result],
    uniforms: {
      ...{ rows, channels, groups, tilesAcross, tiles },
      ...{ inputHeight: input[0], inputWidth: input[1], outputHeight: output[0], outputWidth: output[1] },
      ...{ kernelHeight: window[0], dilationY: dilation[0], paddingTop: padding[0], paddingLeft: padding[1] },
      hasBias: bias ? 1 : 0,
      weightStart: weights.start,
      weightRow: weights.row,
      weightChannel: weights.channel,
      weightLine: weights.line,
      weightTap: weights.tap,
    },
    workgroups: Math.ceil(tiles / workgroupThreads) * Math.ceil(rows / (isTall ? 2 * lanes : lanes)) * groups,
    flops: 2 * images * output[0] * output[1] * groups * rows * channels * window[0] * window[1],
  });
  return result;
}

/** Whether tiles of `one` cover so many pixels or rows about as well as tiles of `other`: larger ones load less. */
function fillsBetter(count: number, one: number, other: number): boolean {
  const covered = (tile: number) => Math.ceil(count / tile) * tile;
  return covered(one) <= 1.25 * covered(other);
}

/** Kernels for wider windows take the driver seconds to compile, the larger ones twice as many. */
const quickWindow = 3;
/** From here on, they are worth it. */
const manyRows = 32;

/** Whether a thread should have sixteen rows: what it loads serves twice as many products. */
function isWorthTall(rows: number, window: Pair): boolean {
  return (window[1] <= quickWindow || rows >= manyRows) && fillsBetter(rows, 2 * lanes, lanes);
}

/** So many workgroups keep the device busy: with fewer, the images are split. */
const enoughWorkgroups = 32;

/** From the input and the gradient of the output to that of the weight and, if it is wanted, of the bias. */
function slidingWeightGradient(
  x: Tensor,
  dy: Tensor,
  convolution: Convolution,
  wantsBias: boolean,
): ProductAndSums {
  if (isWorthWinograd(convolution)) return winogradWeightGradient(x, dy, convolution, wantsBias);
  const { images, inputChannels, outputChannels, groups, window, input, output, padding, dilation } =
    convolution;
  const [rows, channels] = [outputChannels / groups, inputChannels / groups];
  const isTall = isWorthTall(rows, window);
  const isPaired = isTall && window[1] <= quickWindow && fillsBetter(channels * window[0], 2 * lanes, lanes);
  const workgroups =
    Math.ceil(rows / (isTall ? 2 * lanes : lanes)) *
    Math.ceil((channels * window[0]) / (isPaired ? 2 * lanes : lanes)) *
    groups;
  const splits = Math.min(images, Math.ceil(enoughWorkgroups / workgroups));
  const shape = [outputChannels, channels, ...window];
  const product = emptyTensor(x.gpu, [splits, ...shape]);
  const rowSums = wantsBias ? emptyTensor(x.gpu, [splits, outputChannels]) : undefined;
  dispatch({
    kernel: kernel("conv2dSlidingWeightGradient", [common, lineSource, weightGradientSource], {
      extension: "enable subgroups;",
      kernelWidth: window[1],
      tall: isTall,
      paired: isPaired,
      rowSums: rowSumsFunction(rowSums && 3),
    }),
    buffers: rowSums ? [x, dy, product, rowSums] : [x, dy, product],
    uniforms: {
      ...{ rows, channels, groups, images, splits },
      ...{ inputHeight: input[0], inputWidth: input[1], outputHeight: output[0], outputWidth: output[1] },
      ...{ kernelHeight: window[0], dilationY: dilation[0], paddingTop: padding[0], paddingLeft: padding[1] },
    },
    workgroups: workgroups * splits,
    flops: 2 * images * output[0] * output[1] * outputChannels * channels * window[0] * window[1],
  });
  return addSplits({ product, rowSums }, shape);
}

/** Undefined where it is left out: see `slidingConvolution.browser.ts`. */
export const sliding:
  | {
      /** Whether this device can slide over this convolution, and should. */
      readonly fits: typeof canSlide;
      readonly forward: typeof slide;
      readonly inputGradient: typeof slideBack;
      readonly weightGradient: typeof slidingWeightGradient;
    }
  | undefined = {
  fits: canSlide,
  forward: slide,
  inputGradient: slideBack,
  weightGradient: slidingWeightGradient,
};
