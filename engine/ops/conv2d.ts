/**
 * Two-dimensional convolution (cross-correlation, as everywhere in deep learning). Shapes and arguments are those of
 * torch.nn.functional.conv2d.
 */
import { hasWinogradInputGradient } from "#slidingConvolution";
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
import { type Activation, activationReference, checkActivation, pullBackActivation } from "./epilogue.ts";
import { pair } from "./pair.ts";

/** What was asked for, worked out: all pairs are [vertical, horizontal]. */
interface Geometry {
  readonly stride: Pair;
  /** At the top and at the left. */
  readonly padding: Pair;
  /** At the bottom and at the right: differs from `padding` only for "same" with an even window. */
  readonly paddingAfter: Pair;
  readonly dilation: Pair;
  readonly groups: number;
  readonly activation?: Activation;
}

export interface Conv2dOptions {
  /** Default 1. */
  readonly stride?: number | Pair;
  /** Default 0, which is "valid"; "same" keeps height and width and needs stride 1. */
  readonly padding?: number | Pair | "same" | "valid";
  /** Default 1. */
  readonly dilation?: number | Pair;
  /** Default 1. */
  readonly groups?: number;
  readonly activation?: Activation;
}

function convolutionOf(x: Shape, weight: Shape, geometry: Geometry): Convolution {
  const { stride, padding, paddingAfter, dilation, groups } = geometry;
  const outputSize = (axis: 0 | 1) =>
    Math.floor(
      (x[2 + axis] + padding[axis] + paddingAfter[axis] - dilation[axis] * (weight[2 + axis] - 1) - 1) /
        stride[axis],
    ) + 1;
  return {
    images: x[0],
    inputChannels: x[1],
    outputChannels: weight[0],
    groups,
    input: [x[2], x[3]],
    window: [weight[2], weight[3]],
    output: [outputSize(0), outputSize(1)],
    stride,
    padding,
    dilation,
  };
}

export const conv2dOp = defineOp<Geometry>({
  name: "conv2d",
  halves: 1,
  forward: ([x, weight, bias], geometry) =>
    convolve(x, weight, bias, convolutionOf(x.shape, weight.shape, geometry), geometry.activation),
  backward({ gradient, inputs: [x, weight, bias], output, options: geometry, needs }) {
    const convolution = convolutionOf(x.shape, weight.shape, geometry);
    const dy = pullBackActivation(geometry.activation, output, gradient);
    const wantsBias = bias !== undefined && needs(2);
    const byInput = () => convolutionInputGradient(dy, weight, undefined, convolution);
    // Of Winograd's many commands a recording can give more together if they begin with what the layers before wait for;
    // else dx takes the memory of x, which nobody needs any more then.
    const first = needs(0) && hasWinogradInputGradient(dy, convolution) ? byInput() : undefined;
    const byWeight = needs(1) ? convolutionWeightGradient(x, dy, convolution, wantsBias) : undefined;
    return [
      needs(0) ? (first ?? byInput()) : null,
      byWeight?.product ?? null,
      wantsBias ? (byWeight?.rowSums ?? convolutionBiasGradient(dy)) : null,
    ];
  },
});

export const conv2dChecks: OpChecks<Geometry> = {
  op: conv2dOp,
  reference([x, weight, bias], geometry) {
    const convolution = convolutionOf(x.shape, weight.shape, geometry);
    const { images, inputChannels, outputChannels, groups, input, window, output } = convolution;
    const { stride, padding, dilation } = convolution;
    const channels = inputChannels / groups;
    return fromIndex([images, outputChannels, ...output], ([image, channel, row, column]) => {
      const firstChannel = Math.floor(channel / (outputChannels / groups)) * channels;
      let sum = bias ? bias.data[channel] : 0;
      for (let c = 0; c < channels; c++) {
        const plane = (image * inputChannels + firstChannel + c) * input[0] * input[1];
        const filter = (channel * channels + c) * window[0] * window[1];
        for (let i = 0; i < window[0]; i++) {
          for (let j = 0; j < window[1]; j++) {
            const y = row * stride[0] - padding[0] + i * dilation[0];
            const z = column * stride[1] - padding[1] + j * dilation[1];
            if (y < 0 || z < 0 || y >= input[0] || z >= input[1]) continue;
            sum += x.data[plane + y * input[1] + z] * weight.data[filter + i * window[1] + j];
          }
        }
      }
      return activationReference(geometry.activation, sum);
    });
  },
  samples: conv2dSamples,
};

function conv2dSamples(): Sample<Geometry>[] {
  const rows: Sample<Geometry>[] = [];
  function row(x: Shape, weight: Shape, options: Conv2dOptions = {}, withBias = false): void {
    rows.push({
      inputs: withBias ? [x, weight, [weight[0]]] : [x, weight],
      options: geometryOf(x, weight, options),
    });
  }
  // Every stride with every padding and dilation, on odd sizes.
  for (const stride of [1, 2, 3]) {
    for (const padding of [0, 1, 2]) {
      for (const dilation of [1, 2]) row([2, 3, 7, 9], [5, 3, 3, 3], { stride, padding, dilation });
    }
  }
  row([1, 1, 1, 1], [1, 1, 1, 1], {}, true);
  row([2, 4, 5, 5], [6, 2, 3, 3], { groups: 2, padding: 1 }, true);
  row([2, 6, 7, 5], [6, 1, 3, 2], { groups: 6, stride: [2, 1], padding: [1, 0] });
  row([3, 2, 6, 8], [4, 2, 2, 4], { padding: "same" }, true);
  row([2, 2, 9, 8], [3, 2, 3, 2], { padding: "same", dilation: [2, 3] });
  row([1, 3, 12, 11], [2, 3, 5, 1], { stride: [3, 2], padding: [2, 0], dilation: [1, 1] }, true);
  row([3, 2, 27, 28], [5, 2, 3, 3], { stride: 2, padding: 1 }, true); // the weight's gradient in parts
  row([2, 2, 8, 8], [3, 2, 1, 1], { stride: 2 }); // steps over three pixels of four
  row([1, 1, 15, 15], [2, 1, 11, 11], { stride: 4, padding: 2 });
  row([2, 4, 6, 6], [8, 4, 3, 3], { dilation: 2, stride: 2, padding: 2 });
  row([5, 4, 16, 16], [12, 4, 3, 3], { padding: 1 }, true); // several tiles, workgroups and splits
  row([1, 1, 9, 15], [40, 1, 5, 5], {}, true); // many rows and a wide window: other kernels on a CPU
  for (const activation of ["relu", "sigmoid", "tanh"] as const)
    row([2, 3, 5, 5], [4, 3, 3, 3], { activation }, true);
  return rows;
}

/** @throws ArgumentError, ShapeError */
function geometryOf(x: Shape, weight: Shape, options: Conv2dOptions): Geometry {
  const { activation, groups = 1 } = options;
  const stride = pair("conv2d", "stride", options.stride ?? 1, 1);
  const dilation = pair("conv2d", "dilation", options.dilation ?? 1, 1);
  requireCount("conv2d", { groups });
  checkActivation("conv2d", activation);
  const window: Pair = [weight[2], weight[3]];
  let padding: Pair = [0, 0];
  let paddingAfter: Pair = [0, 0];
  if (options.padding === "same") {
    if (stride[0] !== 1 || stride[1] !== 1) {
      throw new ArgumentError(
        `conv2d: padding "same" needs stride 1, got ${stride.join(" × ")}`,
        "give the padding as a number",
      );
    }
    // As PyTorch: an odd total puts the larger half at the end.
    const total = [0, 1].map((axis) => dilation[axis] * (window[axis] - 1));
    padding = [Math.floor(total[0] / 2), Math.floor(total[1] / 2)];
    paddingAfter = [total[0] - padding[0], total[1] - padding[1]];
  } else if (options.padding !== undefined && options.padding !== "valid") {
    padding = pair("conv2d", "padding", options.padding, 0);
    paddingAfter = padding;
  }
  const geometry = { stride, padding, paddingAfter, dilation, groups, ...(activation && { activation }) };
  if (weight[0] % groups !== 0 || x[1] !== weight[1] * groups) {
    throw new ShapeError(
      `conv2d: x ${showShape(x)} has ${x[1]} channels, but weight ${showShape(weight)} with groups = ${groups} expects ${weight[1] * groups}` +
        (weight[0] % groups !== 0
          ? `, and its ${weight[0]} output channels do not divide into ${groups} groups`
          : ""),
      "weight is [outChannels, inChannels / groups, kernelHeight, kernelWidth]",
    );
  }
  const { output } = convolutionOf(x, weight, geometry);
  if (output[0] < 1 || output[1] < 1) {
    throw new ShapeError(
      `conv2d: the window ${window.join(" × ")} (dilation ${dilation.join(" × ")}) is larger than the padded input of x ${showShape(x)}`,
      "use more padding or a smaller kernel",
    );
  }
  return geometry;
}

/**
 * conv2d(x, weight) + bias, then the activation if one is named.
 * @param x [N, inChannels, H, W], float32 or float16, as is the result
 * @param weight [outChannels, inChannels / groups, kernelHeight, kernelWidth]
 * @param bias [outChannels]
 * @returns [N, outChannels, ⌊(H + padding − dilation · (kernelHeight − 1) − 1) / stride⌋ + 1, …]
 * @throws ShapeError, ArgumentError, DtypeError
 */
export function conv2d(x: Tensor, weight: Tensor, bias?: Tensor, options: Conv2dOptions = {}): Tensor {
  const layout = "[outChannels, inChannels / groups, kernelHeight, kernelWidth]";
  const inputs = convolutionInputs("conv2d", x, weight, bias, layout);
  requireBias("conv2d", bias, weight.shape[0]);
  return conv2dOp.run(inputs, geometryOf(x.shape, weight.shape, options));
}
