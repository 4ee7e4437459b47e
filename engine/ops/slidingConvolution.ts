/**
 * Convolutions of stride 1 on CPU adapters: about three times as fast there as the implicit GEMM, because few loads
 * serve many multiplications (see the kernels). Forward, by the same kernel the gradient by the input, and the gradient
 * by the weight. Many channels and windows of 3 × 3 are left to `winograd.ts`.
 */
import lineSource from "../../shaders/conv2d_line.wgsl";
import slidingSource from "../../shaders/conv2d_sliding.wgsl";
import weightGradientSource from "../../shaders/conv2d_sliding_weight_gradient.wgsl";
import ofEight from "../../shaders/of_eight.wgsl";
import { kernel } from "../gpu/kernel.ts";
import { emptyTensor, type Tensor } from "../tensor.ts";
import type { Convolution } from "./convolution.ts";
import { dispatch } from "./define.ts";
import { type Activation, activated } from "./epilogue.ts";
import { addSplits, type ProductAndSums, rowSumsFunction } from "./gemm.ts";
import { type SlidingShape, slidingShape, workgroupsOf } from "./kernelShapes.ts";
import { lanes } from "./subgroupTiles.ts";
import { winogradForward, winogradInputGradient, winogradWeightGradient } from "./winograd.ts";

const workgroupThreads = 8;

export interface Sliding {
  readonly x: Tensor;
  readonly weight: Tensor;
  readonly bias: Tensor | undefined;
  readonly activation: Activation | undefined;
  readonly convolution: Convolution;
}

/** From the input to the output. Undefined where that is computed otherwise, as in what follows. */
export function slideForward({ convolution, ...operands }: Sliding): Tensor | undefined {
  const shape = slidingShape(operands.x, { kind: "conv2d", convolution });
  if (!shape) return undefined;
  if (shape === "winograd") return winogradForward({ convolution, ...operands });
  const { inputChannels, outputChannels, groups, window, input, output, padding } = convolution;
  const [height, width] = window;
  const channels = inputChannels / groups;
  return run({
    ...operands,
    convolution,
    shape,
    ...{ channels, rows: outputChannels / groups, input, output, padding },
    weights: { start: 0, row: channels * height * width, channel: height * width, line: width, tap: 1 },
  });
}

/** Whether Winograd's algorithm computes the gradient by the input from that of the output. */
export function hasWinogradInputGradient(dy: Tensor, convolution: Convolution): boolean {
  return slidingShape(dy, { kind: "conv2dInputGradient", convolution }) === "winograd";
}

/** From the gradient of the output, `x`, to that of the input: the window is read backwards. */
export function slideInputGradient({ convolution, ...operands }: Sliding): Tensor | undefined {
  const shape = slidingShape(operands.x, { kind: "conv2dInputGradient", convolution });
  if (!shape) return undefined;
  if (shape === "winograd") return winogradInputGradient({ convolution, ...operands });
  const { inputChannels, outputChannels, groups, window, dilation } = convolution;
  const [height, width] = window;
  const rows = inputChannels / groups;
  const padding = [0, 1].map((axis) => dilation[axis] * (window[axis] - 1) - convolution.padding[axis]);
  return run({
    ...operands,
    convolution,
    shape,
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
  readonly shape: SlidingShape;
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

function run({ x, weight, bias, activation, convolution, shape, ...rest }: Run): Tensor {
  const { channels, rows, input, output, padding, weights } = rest;
  const { images, groups, window, dilation } = convolution;
  const { isWide, isTall } = shape;
  const tilesAcross = Math.ceil(output[1] / (isWide ? 8 : 4));
  const tiles = images * output[0] * tilesAcross;
  const result = emptyTensor(x.gpu, [images, groups * rows, ...output]);
  dispatch({
    kernel: kernel("conv2dSliding", [ofEight, lineSource, slidingSource], {
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

/** From the input and the gradient of the output to that of the weight and, if it is wanted, of the bias. */
export function slideWeightGradient(
  x: Tensor,
  dy: Tensor,
  convolution: Convolution,
  wantsSums: boolean,
): ProductAndSums | undefined {
  const threads = slidingShape(x, { kind: "conv2dWeightGradient", convolution, wantsSums });
  if (!threads) return undefined;
  if (threads === "winograd") return winogradWeightGradient(x, dy, convolution, wantsSums);
  const { isTall, isPaired, splits } = threads;
  const { images, inputChannels, outputChannels, groups, window, input, output, padding, dilation } =
    convolution;
  const [rows, channels] = [outputChannels / groups, inputChannels / groups];
  const shape = [outputChannels, channels, ...window];
  const made = emptyTensor(x.gpu, [splits, ...shape]);
  const rowSums = wantsSums ? emptyTensor(x.gpu, [splits, outputChannels]) : undefined;
  dispatch({
    kernel: kernel("conv2dSlidingWeightGradient", [lineSource, weightGradientSource], {
      extension: "enable subgroups;",
      kernelWidth: window[1],
      tall: isTall,
      paired: isPaired,
      rowSums: rowSumsFunction(rowSums && 3),
    }),
    buffers: rowSums ? [x, dy, made, rowSums] : [x, dy, made],
    uniforms: {
      ...{ rows, channels, groups, images, splits },
      ...{ inputHeight: input[0], inputWidth: input[1], outputHeight: output[0], outputWidth: output[1] },
      ...{ kernelHeight: window[0], dilationY: dilation[0], paddingTop: padding[0], paddingLeft: padding[1] },
    },
    workgroups: workgroupsOf(convolution, threads) * splits,
    flops: 2 * images * output[0] * output[1] * outputChannels * channels * window[0] * window[1],
  });
  return addSplits({ product: made, rowSums }, shape);
}
