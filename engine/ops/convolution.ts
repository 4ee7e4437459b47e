/**
 * The three directions of a two-dimensional convolution, each an implicit GEMM where no sliding window takes it. conv2d
 * and convTranspose2d are made of the same three: what is the gradient by the input for one is the forward pass of the
 * other. What has pixels may be float16; weights, biases and their gradients are float32.
 */
import { gemmShape } from "#kernelShapes";
import { slideForward, slideInputGradient, slideWeightGradient } from "#slidingConvolution";
import forwardSource from "../../shaders/conv2d.wgsl";
import biasSource from "../../shaders/conv2d_bias.wgsl";
import inputGradientSource from "../../shaders/conv2d_input_gradient.wgsl";
import weightGradientSource from "../../shaders/conv2d_weight_gradient.wgsl";
import windowsSource from "../../shaders/conv2d_windows.wgsl";
import { emptyTensor, type Tensor, viewOf } from "../tensor.ts";
import { elementOf, finishableElementOf } from "./elementwise.ts";
import { type Activation, activated } from "./epilogue.ts";
import { fold } from "./fold.ts";
import { addSplits, gemm, type ProductAndSums } from "./gemm.ts";
import { convolutionSize } from "./products.ts";
import { plainShape } from "./tileLoops.ts";

export type Pair = readonly [number, number];

/** A convolution with all its sizes, as conv2d sees it; pairs are [vertical, horizontal]. */
export interface Convolution {
  readonly images: number;
  readonly inputChannels: number;
  readonly outputChannels: number;
  readonly groups: number;
  readonly input: Pair;
  readonly window: Pair;
  readonly output: Pair;
  readonly stride: Pair;
  /** At the top and at the left: what lies at the other sides follows from the sizes. */
  readonly padding: Pair;
  readonly dilation: Pair;
}

/** The window alone shapes the code: layers that differ in all else share their kernels. */
function constantsOf({ window }: Convolution) {
  return { kernelHeight: window[0], kernelWidth: window[1] };
}

function planesOf({ input, output, stride }: Convolution) {
  return {
    inputHeight: input[0],
    inputWidth: input[1],
    outputHeight: output[0],
    outputWidth: output[1],
    strideY: stride[0],
    strideX: stride[1],
  };
}

function windowsOf({ padding, dilation }: Convolution) {
  return { paddingTop: padding[0], paddingLeft: padding[1], dilationY: dilation[0], dilationX: dilation[1] };
}

/**
 * From the input to the output.
 * @param x [images, inputChannels, …input]
 * @param weight [outputChannels, inputChannels / groups, …window]
 * @param bias [outputChannels]
 */
export function convolve(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | undefined,
  convolution: Convolution,
  activation?: Activation,
): Tensor {
  const slid = slideForward({ x, weight, bias, activation, convolution });
  if (slid) return slid;
  const { images, outputChannels, output } = convolution;
  const size = convolutionSize(convolution);
  const result = emptyTensor(x.gpu, [images, outputChannels, ...output], x.dtype);
  gemm({
    ...size,
    name: "conv2d",
    operands: [windowsSource, biasSource, forwardSource],
    ...(gemmShape(x, size, { kind: "conv2d", convolution }) ?? plainShape(x.gpu, size, false)),
    constants: {
      ...elementOf(x),
      ...constantsOf(convolution),
      alignedDepth: size.depth % 4 === 0,
      hasBias: bias !== undefined,
      ...activated(activation, x),
    },
    uniforms: { ...planesOf(convolution), ...windowsOf(convolution) },
    buffers: [x, weight, bias ?? x, result],
  });
  return result;
}

/**
 * The gradient by the weight, from the input and the gradient of the output, and, if it is wanted, the one by the bias:
 * the kernels add up the gradients that they read anyway.
 */
export function convolutionWeightGradient(
  x: Tensor,
  dy: Tensor,
  convolution: Convolution,
  wantsBias: boolean,
): ProductAndSums {
  const { inputChannels, outputChannels, groups, window, output } = convolution;
  const wantsSums = wantsBias && inputChannels > 0; // else there is no workgroup to add them up
  const slid = slideWeightGradient(x, dy, convolution, wantsSums);
  if (slid) return slid;
  const size = convolutionSize(convolution, true);
  const weightShape = [outputChannels, inputChannels / groups, ...window];
  const shape =
    gemmShape(x, size, { kind: "conv2dWeightGradient", convolution, wantsSums }) ??
    plainShape(x.gpu, size, true);
  const made = emptyTensor(x.gpu, [shape.splits, ...weightShape]);
  const rowSums = wantsSums ? emptyTensor(x.gpu, [shape.splits, outputChannels]) : undefined;
  gemm({
    ...size,
    name: "conv2dWeightGradient",
    operands: [windowsSource, weightGradientSource],
    ...shape,
    constants: {
      ...elementOf(x),
      ...constantsOf(convolution),
      alignedPlane: (output[0] * output[1]) % 4 === 0,
    },
    uniforms: { ...planesOf(convolution), ...windowsOf(convolution) },
    buffers: [x, dy, made],
    rowSums,
  });
  return addSplits({ product: made, rowSums }, weightShape);
}

/** The gradient by the bias alone, [channels], from that of the output it was added to. */
export function convolutionBiasGradient(dy: Tensor): Tensor {
  return viewOf(fold("sum", dy, [0, 2, 3]), [dy.shape[1]]);
}

/** The pixels of one phase along an axis, and the window positions that they meet. */
interface Phase {
  readonly phase: number;
  readonly size: number;
  readonly first: number;
  readonly step: number;
  /** None where the stride steps over these pixels: nothing adds up there. */
  readonly positions: number;
  /** Pixel i of the phase meets position number p in output pixel i + meet - p · jump. */
  readonly meet: number;
  readonly jump: number;
}

function phasesAlong(axis: 0 | 1, { input, window, stride, padding, dilation }: Convolution): Phase[] {
  const step = stride[axis] / greatestCommonDivisor(stride[axis], dilation[axis]);
  return Array.from({ length: Math.min(stride[axis], input[axis]) }, (_, phase) => {
    const meets = (position: number) =>
      (phase + padding[axis] - position * dilation[axis]) % stride[axis] === 0;
    const size = Math.ceil((input[axis] - phase) / stride[axis]);
    const first = [...Array(Math.min(step, window[axis])).keys()].find(meets);
    if (first === undefined) return { phase, size, first: 0, step, positions: 0, meet: 0, jump: 0 };
    return {
      phase,
      size,
      first,
      step,
      positions: Math.ceil((window[axis] - first) / step),
      meet: (phase + padding[axis] - first * dilation[axis]) / stride[axis],
      jump: (step * dilation[axis]) / stride[axis],
    };
  });
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/**
 * From the gradient of the output to that of the input, in a dispatch for each phase of the stride.
 * @param bias [inputChannels], added to the result: for convTranspose2d, of which this is the forward pass
 */
export function convolutionInputGradient(
  dy: Tensor,
  weight: Tensor,
  bias: Tensor | undefined,
  convolution: Convolution,
): Tensor {
  const slid = slideInputGradient({ x: dy, weight, bias, activation: undefined, convolution });
  if (slid) return slid;
  const { images, inputChannels, outputChannels, groups, input } = convolution;
  const result = emptyTensor(dy.gpu, [images, inputChannels, ...input], dy.dtype);
  for (const vertical of phasesAlong(0, convolution)) {
    for (const horizontal of phasesAlong(1, convolution)) {
      const size = {
        rows: inputChannels / groups,
        columns: images * vertical.size * horizontal.size,
        depth: (outputChannels / groups) * vertical.positions * horizontal.positions,
        batches: groups,
      };
      gemm({
        ...size,
        name: "conv2dInputGradient",
        operands: [biasSource, inputGradientSource],
        ...(gemmShape(dy, size, { kind: "conv2dInputGradient", convolution }) ??
          plainShape(dy.gpu, size, false)),
        constants: {
          ...finishableElementOf(dy),
          ...constantsOf(convolution),
          hasBias: bias !== undefined,
        },
        uniforms: {
          ...planesOf(convolution),
          phaseY: vertical.phase,
          phaseX: horizontal.phase,
          phaseHeight: vertical.size,
          phaseWidth: horizontal.size,
          firstY: vertical.first,
          firstX: horizontal.first,
          stepY: vertical.step,
          stepX: horizontal.step,
          positionsY: vertical.positions,
          positionsX: horizontal.positions,
          meetY: vertical.meet,
          meetX: horizontal.meet,
          jumpY: vertical.jump,
          jumpX: horizontal.jump,
        },
        buffers: [dy, weight, bias ?? dy, result],
      });
    }
  }
  return result;
}
