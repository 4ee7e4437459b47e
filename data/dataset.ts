/**
 * What every source of images hands on: all images of a set in one array, ready for the loader. The arrays
 * are on the host; a model sees them batch by batch (loader.ts).
 */
import { ArgumentError } from "../engine/errors.ts";

/** Labelled images of one size. */
export interface ImageDataset {
  /** Source and split, for example `mnist/train`. */
  readonly name: string;
  /** [count, channels, height, width], each value in [0, 1]. */
  readonly images: Float32Array;
  /** [count], each an index into `classes`. */
  readonly labels: Uint8Array;
  readonly count: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** The classes' names, in the order of their labels. */
  readonly classes: readonly string[];
}

export interface DatasetSplits {
  readonly train: ImageDataset;
  readonly test: ImageDataset;
}

/** Floats that one image takes: channels × height × width. */
export function imageLength(dataset: ImageDataset): number {
  return dataset.channels * dataset.height * dataset.width;
}

/**
 * The images from `start` up to, not including, `end`, as views of the same memory.
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
  const length = imageLength(dataset);
  return {
    ...dataset,
    images: dataset.images.subarray(start * length, end * length),
    labels: dataset.labels.subarray(start, end),
    count: end - start,
  };
}

/**
 * The images at `indices`, in that order, copied.
 * @throws ArgumentError for an index outside [0, count)
 */
export function selectImages(dataset: ImageDataset, indices: ArrayLike<number>): ImageDataset {
  const length = imageLength(dataset);
  const images = new Float32Array(indices.length * length);
  const labels = new Uint8Array(indices.length);
  for (let position = 0; position < indices.length; position++) {
    const index = indices[position]!;
    if (!Number.isInteger(index) || index < 0 || index >= dataset.count) {
      throw new ArgumentError(
        `selectImages: index ${index} at position ${position}, and ${dataset.name} has ${dataset.count} images`,
        `ask for whole numbers from 0 to ${dataset.count - 1}`,
      );
    }
    images.set(dataset.images.subarray(index * length, (index + 1) * length), position * length);
    labels[position] = dataset.labels[index]!;
  }
  return { ...dataset, images, labels, count: indices.length };
}
