/**
 * Initial weights, as PyTorch's `torch.nn.init` documents them: the spread of the random numbers is chosen so that
 * signals keep their size from layer to layer. Xavier: Glorot, Bengio (AISTATS 2010). Kaiming: He, Zhang, Ren, Sun
 * (ICCV 2015). The results are float32 on the current device and yours to keep; for other values there are `uniform`,
 * `normal` and `full`.
 */
import { ShapeError } from "../errors.ts";
import { normal, uniform } from "../random.ts";
import { checkShape, type Shape, showShape, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

/** What comes after the layer. */
export type Nonlinearity = "linear" | "sigmoid" | "tanh" | "relu" | "leakyRelu";

export interface KaimingOptions {
  /** The negative slope of the leaky ReLU; only for "leakyRelu". Default: 0. */
  readonly a?: number;
  /** Whose size is to be kept: that of the signals ("fanIn", the default) or of the gradients ("fanOut"). */
  readonly mode?: "fanIn" | "fanOut";
  /** Default: "leakyRelu". */
  readonly nonlinearity?: Nonlinearity;
}

export interface XavierOptions {
  /** A factor on top, such as `calculateGain("tanh")`. Default: 1. */
  readonly gain?: number;
}

/** The factor that makes up for what a non-linearity takes away. */
export function calculateGain(nonlinearity: Nonlinearity, negativeSlope = 0.01): number {
  switch (nonlinearity) {
    case "linear":
    case "sigmoid":
      return 1;
    case "tanh":
      return 5 / 3;
    case "relu":
      return Math.SQRT2;
    case "leakyRelu":
      return Math.sqrt(2 / (1 + negativeSlope ** 2));
  }
}

/**
 * How many inputs an output is made of, and how many outputs an input goes into.
 * @param shape of the weight: [out, in] or [outChannels, inChannels / groups, …kernel sizes]
 * @throws ShapeError
 */
export function fans(shape: Shape): { fanIn: number; fanOut: number } {
  checkShape("fans", shape);
  if (shape.length < 2 || sizeOf(shape) === 0) {
    throw new ShapeError(
      `fans: a weight has the axes [out, in, …] with at least one element each, got ${showShape(shape)}`,
      "for a bias use uniform() or full()",
    );
  }
  const [outputs, inputs, ...kernelSizes] = shape;
  const field = sizeOf(kernelSizes);
  return { fanIn: inputs * field, fanOut: outputs * field };
}

/** Evenly from ±√3 · gain / √fan. @throws ShapeError */
export function kaimingUniform(shape: Shape, options: KaimingOptions = {}): Tensor {
  return evenly(shape, kaimingStd(shape, options));
}

/** Normal with the standard deviation gain / √fan. @throws ShapeError */
export function kaimingNormal(shape: Shape, options: KaimingOptions = {}): Tensor {
  return normal(shape, { std: kaimingStd(shape, options) }).keep();
}

/** Evenly from ±gain · √(6 / (fanIn + fanOut)). @throws ShapeError */
export function xavierUniform(shape: Shape, options: XavierOptions = {}): Tensor {
  return evenly(shape, xavierStd(shape, options));
}

/** Normal with the standard deviation gain · √(2 / (fanIn + fanOut)). @throws ShapeError */
export function xavierNormal(shape: Shape, options: XavierOptions = {}): Tensor {
  return normal(shape, { std: xavierStd(shape, options) }).keep();
}

function kaimingStd(
  shape: Shape,
  { a = 0, mode = "fanIn", nonlinearity = "leakyRelu" }: KaimingOptions,
): number {
  return calculateGain(nonlinearity, a) / Math.sqrt(fans(shape)[mode]);
}

function xavierStd(shape: Shape, { gain = 1 }: XavierOptions): number {
  const { fanIn, fanOut } = fans(shape);
  return gain * Math.sqrt(2 / (fanIn + fanOut));
}

function evenly(shape: Shape, std: number): Tensor {
  const bound = Math.sqrt(3) * std;
  return uniform(shape, { low: -bound, high: bound }).keep();
}
