/**
 * What every source of images hands on: how many there are, their size, their labels, and a way to read one. Where
 * the pixels are is the source's own business: bytes in memory, or photographs on disk that are decoded when they
 * are needed. A model sees them batch by batch (loader.ts).
 */
import { ArgumentError, DataError } from "../engine/errors.ts";
import { requirePixels, validateImages } from "./check.ts";

export interface ImageSize {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** Labelled images of one size. */
export interface ImageDataset extends ImageSize {
  /** Source and split, for example `mnist/train`. */
  readonly name: string;
  readonly count: number;
  /** [count], each an index into `classes`. */
  readonly labels: Int32Array;
  /** The classes' names, in the order of their labels. */
  readonly classes: readonly string[];
  /**
   * Writes an image as [channels, height, width], each value in [0, 1]. Several may be read at a time.
   * @param index from 0 up to, not including, `count`
   * @param target as many numbers as an image has; all of them are overwritten
   */
  readonly readImage: (index: number, target: Float32Array) => void | Promise<void>;
}

export interface DatasetSplits {
  readonly train: ImageDataset;
  readonly test: ImageDataset;
}

/** Floats that one image takes: channels × height × width. */
export function imageLength({ channels, height, width }: ImageSize): number {
  return channels * height * width;
}

export interface MemoryImages extends ImageSize {
  readonly name: string;
  /** [count, channels, height, width]: bytes from 0 to 255, or floats in [0, 1]. Not copied. */
  readonly pixels: Uint8Array | Float32Array;
  /** [count], each an index into `classes`. */
  readonly labels: ArrayLike<number>;
  readonly classes: readonly string[];
}

const floatOfByte = Float32Array.from({ length: 256 }, (_, byte) => byte / 255);

/**
 * A dataset of images that are in memory.
 * @throws DataError for arrays whose lengths do not fit each other, a float outside [0, 1], or a label without a class
 */
export function memoryDataset(images: MemoryImages): ImageDataset {
  const { name, pixels, channels, height, width, classes } = images;
  const count = images.labels.length;
  const length = imageLength(images);
  if (pixels.length !== count * length) {
    throw new DataError(
      `${name}: ${pixels.length} pixels for ${count} labels and images of ${channels}×${height}×${width}, ` +
        `expected ${count * length}`,
      "build the dataset with pixels as [count, channels, height, width] and one label an image",
    );
  }
  function readImage(index: number, target: Float32Array): void {
    const start = index * length;
    if (pixels instanceof Float32Array) target.set(pixels.subarray(start, start + length));
    else for (let i = 0; i < length; i++) target[i] = floatOfByte[pixels[start + i]!]!;
  }
  validateImages({ name, count, labels: images.labels, classes });
  const labels = Int32Array.from(images.labels);
  const dataset = { name, count, channels, height, width, labels, classes, readImage };
  if (pixels instanceof Float32Array) requirePixels(dataset, 0, pixels);
  return dataset;
}

/**
 * The images from `start` up to, not including, `end`, as a view.
 * @throws ArgumentError unless 0 ≤ start ≤ end ≤ count
 */
export function sliceDataset(dataset: ImageDataset, start: number, end: number): ImageDataset {
  const whole = Number.isInteger(start) && Number.isInteger(end);
  if (!whole || start < 0 || end < start || end > dataset.count) {
    throw new ArgumentError(
      `sliceDataset: images ${start} to ${end} of ${dataset.name}, which has ${dataset.count}`,
      `ask for whole numbers with 0 ≤ start ≤ end ≤ ${dataset.count}`,
    );
  }
  return {
    ...dataset,
    count: end - start,
    labels: dataset.labels.subarray(start, end),
    readImage: (index, target) => dataset.readImage(start + index, target),
  };
}

/**
 * The images at `indices`, in that order, as a view.
 * @throws ArgumentError for an index outside [0, count)
 */
export function selectImages(dataset: ImageDataset, indices: ArrayLike<number>): ImageDataset {
  const chosen = Array.from(indices);
  const bad = chosen.findIndex((index) => !Number.isInteger(index) || index < 0 || index >= dataset.count);
  if (bad !== -1) {
    throw new ArgumentError(
      `selectImages: index ${chosen[bad]} at position ${bad}, and ${dataset.name} has ${dataset.count} images`,
      `ask for whole numbers from 0 to ${dataset.count - 1}`,
    );
  }
  return {
    ...dataset,
    count: chosen.length,
    labels: Int32Array.from(chosen, (index) => dataset.labels[index]!),
    readImage: (index, target) => dataset.readImage(chosen[index]!, target),
  };
}
