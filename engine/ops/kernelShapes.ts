/**
 * By which kernel a product is computed, and in what shape: all ways that a device has (`kernelShapes`), and the one that is
 * taken. That is what the device was tuned to for a product of these very sizes, else a rule. Any of them gives the result;
 * the order in which its sums are added up, and so their last bits, may differ, and Winograd's algorithm rounds otherwise.
 * Browsers have `kernelShapes.browser.ts`.
 */
import { ArgumentError } from "../errors.ts";
import type { Gpu } from "../gpu/gpu.ts";
import type { Tensor } from "../tensor.ts";
import type { Convolution, Pair } from "./convolution.ts";
import {
  type ConvolutionProduct,
  canSplit,
  convolutionSize,
  describeProduct,
  gemmSizeOf,
  type MatmulProduct,
  type Product,
} from "./products.ts";
import { hasLanes, lanes, narrow, usualLoop, wide } from "./subgroupTiles.ts";
import {
  type GemmShape,
  type GemmSize,
  registers,
  shapeWith,
  type TileLoop,
  tilesOf,
  workgroup,
} from "./tileLoops.ts";
import { canWinograd, isWorthWinograd } from "./winograd.ts";

/** How a convolution of stride 1 is computed by a window that slides: see `slidingConvolution.ts`. */
export interface SlidingShape {
  /** A thread has eight neighbouring pixels, else four: not in the gradient by the weight. */
  readonly isWide: boolean;
  /** A thread has sixteen rows, else eight. */
  readonly isTall: boolean;
  /** A thread has two lines of the window, else one: only in the gradient by the weight, and with tall threads. */
  readonly isPaired: boolean;
  /** Parts of the images, whose sums are added up in a second pass. */
  readonly splits: number;
}

/** See `winograd.ts`: there is one way to do that. */
type WinogradShape = "winograd";

export type KernelShape = GemmShape | SlidingShape | WinogradShape;

// ---- what is taken ----

/** A matrix product, but for its size. */
type AskedMatmul = Omit<MatmulProduct, keyof GemmSize>;

type AskedConvolution = Omit<ConvolutionProduct, "dtype">;

/**
 * How a matrix product of this size is computed: the one that is asked for, or a part of the convolution. Undefined in
 * browsers alone.
 * @param x an operand; of a convolution, what has pixels
 */
export function gemmShape(
  { gpu, dtype }: Tensor,
  size: GemmSize,
  asked: AskedMatmul | AskedConvolution,
): GemmShape | undefined {
  const product = asked.kind === "matmul" ? { ...size, ...asked } : { ...asked, dtype };
  const tuned = tunedShape(gpu, product);
  return isGemm(tuned) ? tuned : usualGemm(gpu, size, product);
}

/** How a window slides over x, or that Winograd's algorithm computes it; undefined if it is a matrix product. */
export function slidingShape(
  { gpu, dtype }: Tensor,
  asked: AskedConvolution,
): SlidingShape | WinogradShape | undefined {
  const product = { ...asked, dtype };
  const tuned = tunedShape(gpu, product);
  if (!tuned) return canSlide(gpu, product) ? usualConvolution(product) : undefined;
  return isGemm(tuned) ? undefined : tuned;
}

function isGemm(shape: KernelShape | undefined): shape is GemmShape {
  return typeof shape === "object" && "loop" in shape;
}

/** @throws ArgumentError for a choice that this device does not have */
function tunedShape(gpu: Gpu, product: Product): KernelShape | undefined {
  const chosen = gpu.chosenShape?.(product);
  if (chosen === undefined) return undefined;
  const shape = kernelShapes(gpu, product).find((shape) => nameOfShape(shape) === chosen);
  if (shape) return shape;
  throw new ArgumentError(
    `the tuning has "${chosen}" for ${describeProduct(product)}, which this device cannot compute like that`,
    "tune anew: wgrad tune",
  );
}

// ---- all there are ----

/** All shapes in which this device can compute a product, and which may be worth it; the usual one first. */
export function kernelShapes(gpu: Gpu, product: Product): readonly KernelShape[] {
  const size = gemmSizeOf(product);
  const gemms = loopsOf(gpu).flatMap((loop) => {
    const wanted = (most * loop.enoughTiles) / tilesOf(loop, size);
    const usual = shapeWith(loop, size, true).splits;
    const parts = partsOf(gpu, product, Math.min(wanted, size.depth / shortestPart), usual);
    return parts.map((splits): KernelShape => ({ loop, splits }));
  });
  const slides = product.kind !== "matmul" && canSlide(gpu, product);
  const slidings = slides ? slidingsOf(gpu, product) : [];
  const winograds = slides && canWinograd(product.convolution) ? (["winograd"] as const) : [];
  const usual = slides ? usualConvolution(product) : usualGemm(gpu, size, product);
  const all = [...gemms, ...slidings, ...winograds];
  return [usual, ...all.filter((shape) => nameOfShape(shape) !== nameOfShape(usual))];
}

/** "wide subgroups, 4 parts" */
export function nameOfShape(shape: KernelShape): string {
  if (shape === "winograd") return shape;
  const { splits } = shape;
  const kernel =
    "loop" in shape
      ? shape.loop.name
      : [shape.isWide && "wide", shape.isTall && "tall", shape.isPaired && "paired", "sliding"]
          .filter(Boolean)
          .join(" ");
  return splits === 1 ? kernel : `${kernel}, ${splits} parts`;
}

/** Hides the way from memory where too few workgroups run side by side to do so: `wgrad tune` finds out where. */
const ahead: TileLoop = { ...workgroup, name: "workgroup ahead", constants: { fetchesAhead: true } };

function loopsOf(gpu: Gpu): readonly TileLoop[] {
  if (gpu.tiling === "workgroup") return [workgroup, ahead, registers];
  return hasLanes(gpu) ? [narrow, wide, registers] : [registers];
}

/** Parts of a sum that are shorter than this cost more than they gain. */
const shortestPart = 64;
/** More work than this times what keeps the device busy is not gained by parts. */
const most = 4;

/** Numbers of parts: the usual one, and powers of two up to `end` for which there is room. */
function partsOf(gpu: Gpu, product: Product, end: number, usual: number): number[] {
  if (!canSplit(product)) return [1];
  const { rows, columns, batches } = gemmSizeOf(product);
  const room = gpu.largestBinding / (4 * rows * columns * batches);
  const parts = [usual, 1];
  for (let splits = 2; splits <= Math.min(end, room); splits *= 2) parts.push(splits);
  return [...new Set(parts)];
}

const eitherWay = [false, true];

function slidingsOf(gpu: Gpu, product: ConvolutionProduct): SlidingShape[] {
  if (product.kind !== "conv2dWeightGradient") {
    return eitherWay.flatMap((isWide) =>
      eitherWay.map((isTall) => ({ isWide, isTall, isPaired: false, splits: 1 })),
    );
  }
  const threads = eitherWay.flatMap((isTall) =>
    (isTall ? eitherWay : [false]).map((isPaired) => ({ isTall, isPaired })),
  );
  return threads.flatMap((each) => {
    const wanted = (most * enoughWorkgroups) / workgroupsOf(product.convolution, each);
    const end = Math.min(wanted, product.convolution.images);
    const parts = partsOf(gpu, product, end, imageSplits(product.convolution, each));
    return parts.map((splits) => ({ isWide: false, ...each, splits }));
  });
}

// ---- the rules ----

function usualGemm(gpu: Gpu, size: GemmSize, product: Product): GemmShape {
  return shapeWith(usualLoop(gpu, size), size, canSplit(product));
}

/** The kernels have a line of the window written out. */
const widestWindow = 5;

function canSlide(gpu: Gpu, { convolution, dtype }: ConvolutionProduct): boolean {
  const { window, stride, dilation } = convolution;
  const isPlain = stride[0] === 1 && stride[1] === 1 && dilation[1] === 1 && window[1] <= widestWindow;
  return isPlain && dtype === "float32" && gpu.tiling === "registers" && hasLanes(gpu);
}

/** Of a convolution that can slide. */
function usualConvolution(product: ConvolutionProduct): SlidingShape | WinogradShape {
  return isWorthWinograd(product.convolution) ? "winograd" : usualSliding(product);
}

function usualSliding(product: ConvolutionProduct): SlidingShape {
  const { input, output, window } = product.convolution;
  const { rows, columns } = gemmSizeOf(product);
  const isTall = isWorthTall(rows, window);
  if (product.kind !== "conv2dWeightGradient") {
    const [, width] = product.kind === "conv2d" ? output : input;
    return { isWide: fillsBetter(width, 8, 4), isTall, isPaired: false, splits: 1 };
  }
  const isPaired = isTall && window[1] <= quickWindow && fillsBetter(columns / window[1], 2 * lanes, lanes);
  return { isWide: false, isTall, isPaired, splits: imageSplits(product.convolution, { isTall, isPaired }) };
}

/** Whether tiles of `one` cover so many pixels or rows about as well as tiles of `other`: larger ones load less. */
function fillsBetter(count: number, one: number, other: number): boolean {
  const covered = (tile: number) => Math.ceil(count / tile) * tile;
  return covered(one) <= 1.25 * covered(other);
}

/** Kernels for wider windows take the driver long to compile, the larger ones twice as long. */
const quickWindow = 3;
/** From here on, they are worth it. */
const manyRows = 32;

/** Whether a thread should have sixteen rows: what it loads serves twice as many products. */
function isWorthTall(rows: number, window: Pair): boolean {
  return (window[1] <= quickWindow || rows >= manyRows) && fillsBetter(rows, 2 * lanes, lanes);
}

/** So many workgroups keep the device busy: with fewer, the images are split. */
const enoughWorkgroups = 32;

type WeightThreads = Pick<SlidingShape, "isTall" | "isPaired">;

function imageSplits(convolution: Convolution, threads: WeightThreads): number {
  const images = Math.max(1, convolution.images); // without any, the gradient is zeros
  return Math.min(images, Math.ceil(enoughWorkgroups / workgroupsOf(convolution, threads)));
}

/** Of the gradient by the weight, for each part of the images. */
export function workgroupsOf(convolution: Convolution, { isTall, isPaired }: WeightThreads): number {
  const { rows, columns, batches } = convolutionSize(convolution, true);
  const lines = columns / convolution.window[1];
  return (
    Math.ceil(rows / (isTall ? 2 * lanes : lanes)) *
    Math.ceil(lines / (isPaired ? 2 * lanes : lanes)) *
    batches
  );
}
