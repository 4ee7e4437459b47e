/**
 * Transposed two-dimensional convolution: every pixel of the input adds its multiple of the window to the output. It is
 * what conv2d computes for the gradient of its input, and its own gradients are conv2d's forward pass and weight
 * gradient, so that it has no kernels of its own. Shapes and arguments are those of
 * torch.nn.functional.conv_transpose2d. Zeiler et al., "Deconvolutional networks" (CVPR 2010).
 */
import { requireCount } from "../arguments.ts";
import { ArgumentError, ShapeError } from "../errors.ts";
import { fromIndex } from "../reference.ts";
import { type Shape, showShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import {
  type Convolution,
  convolutionBiasGradient,
  convolutionInputGradient,
  convolutionWeightGradient,
  convolve,
  type Pair,
} from "./convolution.ts";
import { convolutionInputs, requireBias } from "./convolutionArguments.ts";
import { defineOp, type OpChecks, type Sample } from "./define.ts";
import { pair } from "./pair.ts";

/** What was asked for, worked out: all pairs are [vertical, horizontal]. */
interface Geometry {
  readonly stride: Pair;
  readonly padding: Pair;
  readonly outputPadding: Pair;
  readonly dilation: Pair;
  readonly groups: number;
}

export interface ConvTranspose2dOptions {
  /** From the place of one input pixel in the output to that of the next. Default 1. */
  readonly stride?: number | Pair;
  /** How much is cut off the output on every side. Default 0. */
  readonly padding?: number | Pair;
  /** How much larger the output is at the bottom and at the right; less than stride or dilation. Default 0. */
  readonly outputPadding?: number | Pair;
  /** From one element of the window to the next. Default 1. */
  readonly dilation?: number | Pair;
  /** Default 1. */
  readonly groups?: number;
}

/** The convolution that goes the other way: from this operation's output to x. */
function convolutionOf(x: Shape, weight: Shape, geometry: Geometry): Convolution {
  const { stride, padding, outputPadding, dilation, groups } = geometry;
  const size = (axis: 0 | 1) =>
    (x[2 + axis] - 1) * stride[axis] -
    2 * padding[axis] +
    dilation[axis] * (weight[2 + axis] - 1) +
    outputPadding[axis] +
    1;
  return {
    images: x[0],
    inputChannels: weight[1] * groups,
    outputChannels: x[1],
    groups,
    input: [size(0), size(1)],
    window: [weight[2], weight[3]],
    output: [x[2], x[3]],
    stride,
    padding,
    dilation,
  };
}

export const convTranspose2dOp = defineOp<Geometry>({
  name: "convTranspose2d",
  halves: 1,
  forward: ([x, weight, bias], geometry) =>
    convolutionInputGradient(x, weight, bias, convolutionOf(x.shape, weight.shape, geometry)),
  backward({ gradient, inputs: [x, weight, bias], options: geometry, needs }) {
    const convolution = convolutionOf(x.shape, weight.shape, geometry);
    return [
      needs(0) ? convolve(gradient, weight, undefined, convolution) : null,
      needs(1) ? convolutionWeightGradient(gradient, x, convolution, false).product : null,
      bias && needs(2) ? convolutionBiasGradient(gradient) : null,
    ];
  },
});

export const convTranspose2dChecks: OpChecks<Geometry> = {
  op: convTranspose2dOp,
  reference([x, weight, bias], geometry) {
    const { stride, padding, dilation, groups } = geometry;
    const [images, inputChannels, height, width] = x.shape;
    const [, channels, windowHeight, windowWidth] = weight.shape;
    const { inputChannels: outputChannels, input: size } = convolutionOf(x.shape, weight.shape, geometry);
    const result = fromIndex([images, outputChannels, ...size], ([, channel]) =>
      bias ? bias.data[channel] : 0,
    );
    const plane = size[0] * size[1];
    x.data.forEach((value, i) => {
      const column = i % width;
      const row = Math.floor(i / width) % height;
      const channel = Math.floor(i / (width * height)) % inputChannels;
      const image = Math.floor(i / (width * height * inputChannels));
      const firstChannel = Math.floor(channel / (inputChannels / groups)) * channels;
      for (let c = 0; c < channels; c++) {
        for (let k = 0; k < windowHeight; k++) {
          for (let l = 0; l < windowWidth; l++) {
            const y = row * stride[0] - padding[0] + k * dilation[0];
            const z = column * stride[1] - padding[1] + l * dilation[1];
            if (y < 0 || z < 0 || y >= size[0] || z >= size[1]) continue;
            const target = (image * outputChannels + firstChannel + c) * plane + y * size[1] + z;
            const tap = ((channel * channels + c) * windowHeight + k) * windowWidth + l;
            result.data[target] += value * weight.data[tap];
          }
        }
      }
    });
    return result;
  },
  samples: convTranspose2dSamples,
};

function convTranspose2dSamples(): Sample<Geometry>[] {
  const rows: Sample<Geometry>[] = [];
  function row(x: Shape, weight: Shape, options: ConvTranspose2dOptions = {}, withBias = false): void {
    const geometry = geometryOf(x, weight, options);
    const bias = [weight[1] * geometry.groups];
    rows.push({ inputs: withBias ? [x, weight, bias] : [x, weight], options: geometry });
  }
  // The kernels are those of conv2d, whose samples have every combination of stride, padding and dilation. Windows are
  // the same as there, because compiling a kernel takes longer than all else.
  for (const stride of [1, 2, 3]) row([2, 5, 5, 3], [5, 3, 3, 3], { stride, padding: 1 });
  row([2, 5, 5, 3], [5, 3, 3, 3], { stride: 2, padding: 2, dilation: 2 });
  row([1, 1, 1, 1], [1, 1, 1, 1], {}, true);
  row([2, 3, 4, 5], [3, 2, 3, 3], { stride: 2, padding: 1, outputPadding: [1, 0] }, true);
  row([1, 2, 4, 3], [2, 1, 3, 3], { dilation: 2, outputPadding: [0, 1] }); // as much as the stride
  row([2, 3, 4, 5], [3, 2, 1, 1], { stride: 2, outputPadding: [0, 1] }, true); // pixels that get the bias alone
  row([2, 6, 4, 5], [6, 2, 3, 3], { groups: 3, stride: 2, padding: 1 }, true);
  row([2, 6, 4, 5], [6, 1, 3, 2], { groups: 6, stride: [2, 1], padding: [1, 0] });
  row([5, 12, 16, 16], [12, 4, 3, 3], { padding: 1 }, true); // several tiles, workgroups and splits
  return rows;
}

/** @throws ArgumentError, ShapeError */
function geometryOf(x: Shape, weight: Shape, options: ConvTranspose2dOptions): Geometry {
  const name = "convTranspose2d";
  const { groups = 1 } = options;
  const stride = pair(name, "stride", options.stride ?? 1, 1);
  const padding = pair(name, "padding", options.padding ?? 0, 0);
  const outputPadding = pair(name, "outputPadding", options.outputPadding ?? 0, 0);
  const dilation = pair(name, "dilation", options.dilation ?? 1, 1);
  requireCount(name, { groups });
  if (outputPadding.some((size, axis) => size >= Math.max(stride[axis], dilation[axis]))) {
    throw new ArgumentError(
      `${name}: outputPadding must be less than stride or dilation, got ${showShape(outputPadding)} with stride ${showShape(stride)} and dilation ${showShape(dilation)}`,
      "it only chooses among the sizes that a convolution with this stride takes to the size of x",
    );
  }
  if (x[1] !== weight[0] || weight[0] % groups !== 0) {
    throw new ShapeError(
      x[1] === weight[0]
        ? `${name}: the ${x[1]} channels of x ${showShape(x)} do not divide into ${groups} groups`
        : `${name}: x ${showShape(x)} has ${x[1]} channels, but weight ${showShape(weight)} expects ${weight[0]}`,
      "weight is [inChannels, outChannels / groups, kernelHeight, kernelWidth]",
    );
  }
  const geometry = { stride, padding, outputPadding, dilation, groups };
  const { input } = convolutionOf(x, weight, geometry);
  if (input[0] < 1 || input[1] < 1) {
    throw new ShapeError(
      `${name}: padding ${showShape(padding)} leaves an output of ${showShape(input)} for x ${showShape(x)} and the window ${weight[2]} × ${weight[3]}`,
      "use less padding",
    );
  }
  return geometry;
}

/**
 * The transposed convolution of x with weight, plus bias.
 * @param x [N, inChannels, H, W]
 * @param weight [inChannels, outChannels / groups, kernelHeight, kernelWidth]
 * @param bias [outChannels]
 * @returns [N, outChannels, (H − 1) · stride − 2 · padding + dilation · (kernelHeight − 1) + outputPadding + 1, …]
 * @throws ShapeError, ArgumentError, DtypeError
 */
export function convTranspose2d(
  x: Tensor,
  weight: Tensor,
  bias?: Tensor,
  options: ConvTranspose2dOptions = {},
): Tensor {
  const name = "convTranspose2d";
  const layout = "[inChannels, outChannels / groups, kernelHeight, kernelWidth]";
  const inputs = convolutionInputs(name, x, weight, bias, layout);
  const geometry = geometryOf(x.shape, weight.shape, options);
  requireBias(name, bias, weight.shape[1] * geometry.groups);
  return convTranspose2dOp.run(inputs, geometry);
}
