/**
 * The products that can be computed in more than one way, by their sizes alone: what a choice of kernels is made for, and
 * what `wgrad tune` measures.
 */
import type { DType } from "../tensor.ts";
import type { Convolution, Pair } from "./convolution.ts";
import type { GemmSize } from "./tileLoops.ts";

export interface MatmulProduct extends GemmSize {
  readonly kind: "matmul";
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  /** Something is done to the result on its way out (bias, activation), so that its sums cannot come in parts. */
  readonly isFused: boolean;
  /** The sums of the rows of a are wanted, too: the bias' gradient. */
  readonly wantsSums: boolean;
  /** Of a, of b, and of the result. */
  readonly dtypes: readonly [DType, DType, DType];
}

export interface ConvolutionProduct {
  readonly kind: "conv2d" | "conv2dInputGradient" | "conv2dWeightGradient";
  readonly convolution: Convolution;
  /** The bias' gradient, too. Only of the gradient by the weight. */
  readonly wantsSums?: boolean;
  /** Of what has pixels; weights and their gradients are float32. */
  readonly dtype: DType;
}

export type Product = MatmulProduct | ConvolutionProduct;

/**
 * All that tells a product from others, for people and as the key of a tuning: "matmul [64, 400] · [120, 400]ᵀ, fused",
 * "conv2d [64, 6, 14, 14] → [64, 16, 10, 10], window 5 × 5".
 */
export function describeProduct(product: Product): string {
  const parts = product.kind === "matmul" ? matmulParts(product) : convolutionParts(product);
  return [...parts, product.wantsSums && "with sums"].filter(Boolean).join(", ");
}

function matmulParts({ rows, columns, depth, batches, ...product }: MatmulProduct): (string | false)[] {
  const a = product.transposeA ? `[${depth}, ${rows}]ᵀ` : `[${rows}, ${depth}]`;
  const types =
    product.dtypes.includes("float16") && `${product.dtypes.slice(0, 2).join(" · ")} → ${product.dtypes[2]}`;
  const b = product.transposeB ? `[${columns}, ${depth}]ᵀ` : `[${depth}, ${columns}]`;
  return [`matmul ${a} · ${b}`, batches > 1 && `${batches} times`, product.isFused && "fused", types];
}

function convolutionParts({ kind, convolution, dtype }: ConvolutionProduct): (string | false)[] {
  const { images, inputChannels, outputChannels, input, output, groups } = convolution;
  const { window, stride, padding, dilation } = convolution;
  const shape = (channels: number, [height, width]: Pair) => `[${images}, ${channels}, ${height}, ${width}]`;
  const named = (name: string, pair: Pair, usual?: number) =>
    pair.some((value) => value !== usual) && `${name} ${pair.join(" × ")}`;
  return [
    `${kind} ${shape(inputChannels, input)} → ${shape(outputChannels, output)}`,
    named("window", window),
    named("stride", stride, 1),
    named("padding", padding, 0),
    named("dilation", dilation, 1),
    groups > 1 && `${groups} groups`,
    dtype === "float16" && dtype,
  ];
}

/** The sizes of the matrix product that a convolution is, forward or for its weight. */
export function convolutionSize(convolution: Convolution, isForWeight = false): GemmSize {
  const { images, inputChannels, outputChannels, groups, window, output } = convolution;
  const pixels = images * output[0] * output[1];
  const taps = (inputChannels / groups) * window[0] * window[1];
  const [columns, depth] = isForWeight ? [taps, pixels] : [pixels, taps];
  return { rows: outputChannels / groups, columns, depth, batches: groups };
}

/** The sizes of the matrix product that this is; of a gradient by the input those that it has with stride 1. */
export function gemmSizeOf(product: Product): GemmSize {
  if (product.kind === "matmul") return product;
  const { kind, convolution } = product;
  if (kind !== "conv2dInputGradient") return convolutionSize(convolution, kind === "conv2dWeightGradient");
  const { images, inputChannels, outputChannels, groups, window, input } = convolution;
  return {
    rows: inputChannels / groups,
    columns: images * input[0] * input[1],
    depth: (outputChannels / groups) * window[0] * window[1],
    batches: groups,
  };
}

/** Whether the result is float16. */
export function hasHalfResult(product: Product): boolean {
  const isWeight = product.kind === "conv2dWeightGradient";
  const dtype = product.kind === "matmul" ? product.dtypes[2] : product.dtype;
  return dtype === "float16" && !isWeight;
}

/** Whether its sums may come in parts, which are added up in a second pass. */
export function canSplit(product: Product): boolean {
  return product.kind === "matmul" ? !product.isFused : product.kind === "conv2dWeightGradient";
}
