/**
 * Winograd's convolution with windows of 3 × 3, F(4 × 4, 3 × 3), for CPU adapters: tiles of the input and the windows
 * are taken to 36 points, where convolving is multiplying; there a matrix product for each point adds up the channels,
 * and the way back gives 4 × 4 outputs a tile, for a quarter of the multiplications. The gradient by the input is the
 * same with the window read backwards; in that by the weight, the products add up the tiles.
 *
 * All that is taken to the points is scratch memory. It is a multiple of the images, so they are done in parts, in
 * order.
 */
import transforms from "../../shaders/winograd.wgsl";
import biasGradientSource from "../../shaders/winograd_bias_gradient.wgsl";
import loadSource from "../../shaders/winograd_load.wgsl";
import outputSource from "../../shaders/winograd_output.wgsl";
import productSource from "../../shaders/winograd_product.wgsl";
import storeSource from "../../shaders/winograd_store.wgsl";
import tilesSource from "../../shaders/winograd_tiles.wgsl";
import weightGradientSource from "../../shaders/winograd_weight_gradient.wgsl";
import weightsSource from "../../shaders/winograd_weights.wgsl";
import type { Gpu } from "../gpu/gpu.ts";
import { kernel } from "../gpu/kernel.ts";
import { emptyTensor, type Tensor } from "../tensor.ts";
import type { Convolution } from "./convolution.ts";
import { dispatch } from "./define.ts";
import { activated } from "./epilogue.ts";
import { gemm, type ProductAndSums } from "./gemm.ts";
import { cut, type Range } from "./slices.ts";
import type { Sliding } from "./slidingConvolution.ts";
import { usualLoop } from "./subgroupTiles.ts";

const lines = 6;
const points = lines ** 2;
/** Pixels along a side of the tiles. */
const tileSize = 4;
const workgroupThreads = 64;
/** What the images of a part may take at the points, and what the weights may. In bytes. */
const mostOfImages = 24 * 2 ** 20;
const mostOfWeights = 40 * 2 ** 20;
/** Each takes several commands. */
const mostParts = 32;

/** Additions and multiplications to take a tile or a window to the points, or from there: of its rows, then of its columns. */
const flopsOf = { inputs: 240, outputs: 160, weights: 108, gradients: 140, weightGradients: 135 } as const;

/** With fewer tiles, taking the weights to the points and back is too large a share of the work. */
const enoughTiles = 64;
/** So many products of two channels a channel, of which taking the tiles to the points and back is a share. */
const enoughProducts = 32;

/** Whether a convolution that can slide can be computed like this. */
export function canWinograd(convolution: Convolution): boolean {
  const { groups, window, dilation } = convolution;
  const [inputs, outputs] = channelsOf(convolution);
  const isPlain = window[0] === 3 && window[1] === 3 && dilation[0] === 1 && dilation[1] === 1;
  const isAligned = inputs % 4 === 0 && outputs % 4 === 0;
  return (
    isPlain &&
    isAligned &&
    4 * points * inputs * outputs * groups <= mostOfWeights &&
    bytesAnImage(convolution) <= mostOfImages &&
    partsOf(convolution).length <= mostParts
  );
}

/** Of a group: of the input, and of the output. */
function channelsOf({ inputChannels, outputChannels, groups }: Convolution): [number, number] {
  return [inputChannels / groups, outputChannels / groups];
}

/**
 * Whether this is the fastest way for a convolution that can slide. Measured on lavapipe: with 128 × 128 channels it is
 * 1.4 to 2 times as fast as sliding, with 64 × 64 on planes that the tiles fill about as fast forward, and faster for the
 * weight's gradient. Tiles that reach beyond the planes count for less.
 */
export function isWorthWinograd(convolution: Convolution): boolean {
  const { images, output } = convolution;
  const [inputs, outputs] = channelsOf(convolution);
  const [down, across] = gridOver(output);
  const filled = (output[0] * output[1]) / (tileSize ** 2 * down * across);
  return (
    canWinograd(convolution) &&
    images * down * across >= enoughTiles &&
    filled * inputs * outputs >= enoughProducts * (inputs + outputs)
  );
}

/** A matrix for each point. */
interface Matrices {
  readonly memory: Tensor;
  readonly rows: number;
  readonly columns: number;
  /** From a point to the next. */
  readonly stride: number;
}

/**
 * A line of a processor's cache lies between two matrices: without it, all points of a tile would often meet in the
 * same few places of the cache.
 */
const gap = 16;

function matrices(gpu: Gpu, rows: number, columns: number, howMany = points): Matrices {
  const stride = rows * columns + gap;
  return { memory: emptyTensor(gpu, [howMany * stride]), rows, columns, stride };
}

function release(...scratch: readonly Matrices[]): void {
  for (const { memory } of scratch) memory.storage.release("it was scratch memory of a convolution");
}

/** Tiles over planes of this size, [down, across]. */
type Grid = readonly [number, number];

function gridOver([height, width]: readonly number[]): Grid {
  return [Math.ceil(height / tileSize), Math.ceil(width / tileSize)];
}

/** Matrices of tiles have lines of vectors. */
function padded(tiles: number): number {
  return Math.ceil(tiles / 4) * 4;
}

/** What an image takes at the points, of the input and of the output. */
function bytesAnImage({ inputChannels, outputChannels, output }: Convolution): number {
  const [down, across] = gridOver(output);
  return 4 * points * down * across * (inputChannels + outputChannels);
}

/** The images of each part: about as many in all of them. */
function partsOf(convolution: Convolution): Range[] {
  const { images } = convolution;
  const most = Math.max(1, Math.floor(mostOfImages / bytesAnImage(convolution)));
  return cut(images, Math.ceil(images / Math.ceil(images / most)));
}

interface Tiles {
  /** [images, channels, …plane] */
  readonly x: Tensor;
  readonly plane: readonly number[];
  readonly padding: readonly number[];
  readonly grid: Grid;
  readonly images: Range;
  /** Of outputs: tiles of 4 × 4, and a 37th point for their sum. */
  readonly ofGradients: boolean;
  /** Whether the result is [tiles, channels] at a point; else [channels, tiles]. */
  readonly tilesAreLines: boolean;
}

function tilesAtPoints({ x, plane, padding, grid, images, ofGradients, tilesAreLines }: Tiles): Matrices {
  const channels = x.shape[1];
  const tiles = padded(images.size * grid[0] * grid[1]);
  const [rows, columns] = tilesAreLines ? [tiles, channels] : [channels, tiles];
  const result = matrices(x.gpu, rows, columns, ofGradients ? points + 1 : points);
  dispatch({
    kernel: kernel("winogradTiles", [transforms, storeSource, tilesSource], { ofGradients }),
    buffers: [x, result.memory],
    uniforms: {
      ...{ firstImage: images.start, images: images.size, channels, height: plane[0], width: plane[1] },
      ...{ tilesDown: grid[0], tilesAcross: grid[1], tiles, paddingTop: padding[0], paddingLeft: padding[1] },
      pointStride: result.stride,
      lines,
      pixelLines: ofGradients ? tileSize : lines,
      tilesAreLines: tilesAreLines ? 1 : 0,
    },
    workgroups: Math.ceil((rows * columns) / workgroupThreads),
    flops: (ofGradients ? flopsOf.gradients : flopsOf.inputs) * rows * columns,
  });
  return result;
}

/** The windows of a convolution, or those of its gradient by the input. */
function weightsAtPoints(weight: Tensor, groups: number, isBackwards: boolean): Matrices {
  const [outputs, inputs] = [weight.shape[0] / groups, weight.shape[1]];
  const [rows, columns] = isBackwards ? [inputs, outputs] : [outputs, inputs];
  const windows = groups * rows * columns;
  const result = matrices(weight.gpu, groups * rows, columns);
  dispatch({
    kernel: kernel("winogradWeights", [transforms, storeSource, weightsSource]),
    buffers: [weight, result.memory],
    uniforms: {
      ...{ windows, rows, columns },
      rowStride: isBackwards ? 9 : 9 * inputs,
      columnStride: isBackwards ? 9 * inputs : 9,
      groupStride: 9 * rows * columns,
      first: isBackwards ? 8 : 0,
      step: isBackwards ? -1 : 1,
      pointStride: result.stride,
      lines,
    },
    workgroups: Math.ceil(windows / workgroupThreads),
    flops: flopsOf.weights * windows,
  });
  return result;
}

/** At each point and in each group a · b. @param columns of a group: its own rows of b, or columns among those of all */
function product(a: Matrices, b: Matrices, groups: number, columns: number): Matrices {
  const rows = a.rows / groups;
  const depth = a.columns;
  const { gpu } = a.memory;
  const result = matrices(gpu, a.rows, columns);
  const size = { rows, columns, depth, batches: points * groups };
  const vectors = (numbers: number) => numbers / 4;
  gemm({
    ...size,
    name: "winogradProduct",
    operands: [productSource],
    ...{ loop: usualLoop(gpu, size), splits: 1 },
    constants: {},
    uniforms: {
      groups,
      pointA: vectors(a.stride),
      groupA: vectors(rows * depth),
      lineA: vectors(depth),
      pointB: vectors(b.stride),
      groupB: vectors(columns === b.columns ? depth * columns : columns),
      lineB: vectors(b.columns),
      pointResult: vectors(result.stride),
      groupResult: vectors(rows * columns),
      lineResult: vectors(columns),
    },
    buffers: [a.memory, b.memory, result.memory],
  });
  return result;
}

/** From `x` to the output, or, if it goes backwards, from the gradient of the output to that of the input. */
function convolveAtPoints(
  { x, weight, bias, activation, convolution }: Sliding,
  isBackwards: boolean,
): Tensor {
  const { images, groups, inputChannels, outputChannels } = convolution;
  const [channels, input, output] = isBackwards
    ? [inputChannels, convolution.output, convolution.input]
    : [outputChannels, convolution.input, convolution.output];
  const padding = convolution.padding.map((size) => (isBackwards ? 2 - size : size));
  const grid = gridOver(output);
  const result = emptyTensor(x.gpu, [images, channels, ...output]);
  const weights = weightsAtPoints(weight, groups, isBackwards);
  for (const part of partsOf(convolution)) {
    const inputs = tilesAtPoints({
      ...{ x, plane: input, padding, grid, images: part },
      ofGradients: false,
      tilesAreLines: false,
    });
    const outputs = product(weights, inputs, groups, inputs.columns);
    const tiles = part.size * grid[0] * grid[1];
    dispatch({
      kernel: kernel("winogradOutput", [transforms, loadSource, outputSource], activated(activation, result)),
      buffers: [outputs.memory, bias ?? x, result],
      uniforms: {
        ...{ firstImage: part.start, channels, height: output[0], width: output[1] },
        ...{ tilesDown: grid[0], tilesAcross: grid[1], tiles },
        ...{ lineLength: outputs.columns, pointStride: outputs.stride },
        hasBias: bias ? 1 : 0,
      },
      workgroups: Math.ceil((channels * tiles) / workgroupThreads),
      flops: flopsOf.outputs * channels * tiles,
    });
    release(inputs, outputs);
  }
  release(weights);
  return result;
}

/** From the input and the gradient of the output to that of the weight and, if it is wanted, of the bias. */
export function winogradWeightGradient(
  x: Tensor,
  dy: Tensor,
  convolution: Convolution,
  wantsBias: boolean,
): ProductAndSums {
  const { groups, inputChannels, outputChannels, input, output, padding } = convolution;
  const channels = inputChannels / groups;
  const grid = gridOver(output);
  const windows = outputChannels * channels;
  const result = emptyTensor(x.gpu, [outputChannels, channels, 3, 3]);
  const biasGradient = wantsBias ? emptyTensor(x.gpu, [outputChannels]) : undefined;
  for (const part of partsOf(convolution)) {
    const isFirst = part.start === 0 ? 1 : 0;
    const inputs = tilesAtPoints({
      ...{ x, plane: input, padding, grid, images: part },
      ofGradients: false,
      tilesAreLines: true,
    });
    const gradients = tilesAtPoints({
      ...{ x: dy, plane: output, padding: [0, 0], grid, images: part },
      ofGradients: true,
      tilesAreLines: false,
    });
    const weights = product(gradients, inputs, groups, channels);
    dispatch({
      kernel: kernel("winogradWeightGradient", [transforms, loadSource, weightGradientSource]),
      buffers: [weights.memory, result],
      uniforms: { windows, pointStride: weights.stride, lines, isFirst },
      workgroups: Math.ceil(windows / workgroupThreads),
      flops: flopsOf.weightGradients * windows,
    });
    if (biasGradient) {
      dispatch({
        kernel: kernel("winogradBiasGradient", [biasGradientSource]),
        buffers: [gradients.memory, biasGradient],
        uniforms: {
          channels: outputChannels,
          tiles: gradients.columns,
          first: points * gradients.stride,
          isFirst,
        },
        workgroups: Math.ceil(outputChannels / workgroupThreads),
        flops: outputChannels * gradients.columns,
      });
    }
    release(inputs, gradients, weights);
  }
  return { product: result, rowSums: biasGradient };
}

/** From the input to the output. */
export function winogradForward(operands: Sliding): Tensor {
  return convolveAtPoints(operands, false);
}

/** From the gradient of the output, `x`, to that of the input. */
export function winogradInputGradient(operands: Sliding): Tensor {
  return convolveAtPoints(operands, true);
}
