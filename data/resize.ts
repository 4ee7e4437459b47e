/**
 * Brings images to the size that a model wants: the shorter side to the wanted length, the middle of the longer one,
 * grey or colour as wanted. Making smaller averages over all pixels that go into one (a triangle filter as wide as
 * the step, which Pillow and torchvision call antialiased bilinear), so that fine patterns do not turn into false ones.
 */
import { ArgumentError } from "../engine/errors.ts";
import { type ImageDataset, type ImageSize, imageLength } from "./dataset.ts";
import type { DecodedImage } from "./image.ts";

/** A decoded picture as [channels, height, width] of the wanted size, each value in [0, 1]. */
export function fitImage(image: DecodedImage, wanted: ImageSize): Float32Array {
  const { width, height, channels, pixels } = image;
  const planes = new Float32Array(pixels.length);
  for (let channel = 0, place = 0; channel < channels; channel++) {
    for (let from = channel; from < pixels.length; from += channels) planes[place++] = pixels[from]! / 255;
  }
  return resizeImage(planes, { channels, height, width }, wanted);
}

/**
 * @param image [channels, height, width], each value in [0, 1]
 * @param size the image's
 * @param wanted as many channels, or 1 (grey: 0.299 red + 0.587 green + 0.114 blue, ITU-R BT.601), or 3 from 1
 * @returns the image in the wanted size, each value in [0, 1]
 * @throws ArgumentError for channels that cannot be had, or a size that is not of whole pixels
 */
export function resizeImage(image: Float32Array, size: ImageSize, wanted: ImageSize): Float32Array {
  requireChannels(size.channels, wanted.channels);
  requireWholeSize("resizeImage", wanted);
  const step = Math.min(size.width / wanted.width, size.height / wanted.height);
  const columns = filterWeights(size.width, wanted.width, step);
  const rows = filterWeights(size.height, wanted.height, step);
  const plane = wanted.height * wanted.width;
  const resized = new Float32Array(size.channels * plane);
  for (let channel = 0; channel < size.channels; channel++) {
    const source = image.subarray(
      channel * size.height * size.width,
      (channel + 1) * size.height * size.width,
    );
    const target = resized.subarray(channel * plane, (channel + 1) * plane);
    resample(source, size.width, columns, rows, target);
  }
  return convertChannels(resized, size.channels, wanted.channels);
}

/** For each pixel along one side of the result: which pixels of the source go into it, and how much each counts. */
interface Filter {
  readonly starts: Int32Array;
  readonly counts: Int32Array;
  /** `most` for each pixel, of which the first `counts` are used; their sum is 1. */
  readonly weights: Float64Array;
  readonly most: number;
}

/** @param step pixels of the source for one of the result; the middles of both are at the same place */
function filterWeights(sourceLength: number, length: number, step: number): Filter {
  const reach = Math.max(1, step);
  const most = Math.ceil(2 * reach) + 1;
  const starts = new Int32Array(length);
  const counts = new Int32Array(length);
  const weights = new Float64Array(length * most);
  for (let index = 0; index < length; index++) {
    const middle = sourceLength / 2 + (index + 0.5 - length / 2) * step;
    const start = Math.max(0, Math.floor(middle - reach + 0.5));
    const end = Math.min(sourceLength, Math.floor(middle + reach + 0.5));
    const own = weights.subarray(index * most, index * most + end - start);
    for (let i = 0; i < own.length; i++) own[i] = Math.max(0, 1 - Math.abs(start + i + 0.5 - middle) / reach);
    const sum = own.reduce((total, weight) => total + weight, 0);
    for (let i = 0; i < own.length; i++) own[i]! /= sum;
    starts[index] = start;
    counts[index] = own.length;
  }
  return { starts, counts, weights, most };
}

/** One plane: along its rows first, only those that the result has a use for, then along its columns. */
function resample(
  source: Float32Array,
  sourceWidth: number,
  columns: Filter,
  rows: Filter,
  target: Float32Array,
): void {
  const [width, height] = [columns.starts.length, rows.starts.length];
  const firstRow = rows.starts[0]!;
  const rowCount = rows.starts[height - 1]! + rows.counts[height - 1]! - firstRow;
  const narrow = new Float32Array(rowCount * width);
  for (let x = 0; x < width; x++) {
    const start = firstRow * sourceWidth + columns.starts[x]!;
    const [weights, count] = [columns.weights, columns.counts[x]!];
    const weight = x * columns.most;
    for (let row = 0; row < rowCount; row++) {
      const from = start + row * sourceWidth;
      let sum = 0;
      for (let i = 0; i < count; i++) sum += weights[weight + i]! * source[from + i]!;
      narrow[row * width + x] = sum;
    }
  }
  for (let y = 0; y < height; y++) {
    const start = (rows.starts[y]! - firstRow) * width;
    const [weights, count] = [rows.weights, rows.counts[y]!];
    const weight = y * rows.most;
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let i = 0; i < count; i++) sum += weights[weight + i]! * narrow[start + i * width + x]!;
      target[y * width + x] = Math.min(1, sum); // weights add up to 1 but for rounding
    }
  }
}

function requireChannels(has: number, wants: number): void {
  if (has === wants || (has === 3 && wants === 1) || (has === 1 && wants === 3)) return;
  throw new ArgumentError(
    `resizeImage: an image of ${has} channel(s) cannot become one of ${wants}`,
    "ask for as many channels as there are, for 1 from 3, or for 3 from 1",
  );
}

function requireWholeSize(operation: string, { height, width }: Pick<ImageSize, "height" | "width">): void {
  if ([height, width].every((side) => Number.isInteger(side) && side > 0)) return;
  throw new ArgumentError(
    `${operation}: the size ${height}×${width}, expected whole numbers of pixels`,
    "ask for a height and a width of at least 1, without fractions",
  );
}

function convertChannels(image: Float32Array, has: number, wants: number): Float32Array {
  if (has === wants) return image;
  if (has === 3) {
    const plane = image.length / 3;
    return Float32Array.from({ length: plane }, (_, i) =>
      Math.min(1, 0.299 * image[i]! + 0.587 * image[plane + i]! + 0.114 * image[2 * plane + i]!),
    );
  }
  const colour = new Float32Array(3 * image.length);
  for (let channel = 0; channel < 3; channel++) colour.set(image, channel * image.length);
  return colour;
}

/**
 * The same images in another size, each resized when it is read.
 * @param shape [channels, height, width], as `resizeImage` takes them
 * @throws ArgumentError for channels that cannot be had, or a size that is not of whole pixels
 */
export function resizeDataset(
  dataset: ImageDataset,
  [channels, height, width]: readonly [number, number, number],
): ImageDataset {
  const wanted = { channels, height, width };
  requireChannels(dataset.channels, channels);
  requireWholeSize("resizeDataset", wanted);
  async function readImage(index: number, target: Float32Array): Promise<void> {
    const image = new Float32Array(imageLength(dataset));
    await dataset.readImage(index, image);
    target.set(resizeImage(image, dataset, wanted));
  }
  return { ...dataset, ...wanted, readImage };
}

/**
 * The same images in the middle of a black frame: MNIST's 28×28 pixels as the 32×32 that LeNet-5 takes.
 * @throws ArgumentError for a frame that is smaller than the images, or not of whole pixels
 */
export function padDataset(dataset: ImageDataset, height: number, width: number): ImageDataset {
  requireWholeSize("padDataset", { height, width });
  if (height < dataset.height || width < dataset.width) {
    throw new ArgumentError(
      `padDataset: images of ${dataset.height}×${dataset.width} pixels do not fit into ${height}×${width}`,
      "pad to a larger size, or use resizeDataset",
    );
  }
  const top = Math.floor((height - dataset.height) / 2);
  const left = Math.floor((width - dataset.width) / 2);
  async function readImage(index: number, target: Float32Array): Promise<void> {
    const image = new Float32Array(imageLength(dataset));
    await dataset.readImage(index, image);
    target.fill(0);
    for (let row = 0; row < dataset.channels * dataset.height; row++) {
      const channel = Math.floor(row / dataset.height);
      const y = top + (row % dataset.height);
      const own = image.subarray(row * dataset.width, (row + 1) * dataset.width);
      target.set(own, (channel * height + y) * width + left);
    }
  }
  return { ...dataset, height, width, readImage };
}
