/**
 * Cuts a dataset into batches. The order of an epoch depends on the seed and the epoch's number alone, never on
 * what was drawn before, so that a training resumed at epoch 7 sees what an uninterrupted one would have seen; so
 * does what augmentation makes of an image. The next batch is read while the one before is worked on.
 */
import { ArgumentError, DataError, WgradError } from "../engine/errors.ts";
import { hostRandom } from "../engine/hostRandom.ts";
import { type Augmentation, augmentImage, requireAugmentation } from "./augment.ts";
import { requirePixels } from "./check.ts";
import { type ImageDataset, type ImageSize, imageLength } from "./dataset.ts";
import { shuffleInPlace } from "./shuffle.ts";

export interface HostBatch {
  /** [count, channels, height, width], in [0, 1] unless normalised. */
  readonly images: Float32Array;
  /** [count]. */
  readonly labels: Int32Array;
  readonly count: number;
  /** Which batch of the epoch this is, from 0. */
  readonly index: number;
}

/** Makes (x − mean) / std of every pixel x in [0, 1]; one number a channel. */
export interface Normalization {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

export interface BatchOptions {
  readonly batchSize: number;
  /** The seed of the order, or `false` for the dataset's own order. */
  readonly shuffle: number | string | false;
  /** Which epoch, from 0. */
  readonly epoch: number;
  /** Leaves out a last batch that is smaller than the others. */
  readonly dropLast: boolean;
  /** Begins at this batch of the epoch, as a resumed training does: 0 by default. */
  readonly first?: number;
  readonly normalize?: Normalization;
  /** Drawn from `shuffle`, the epoch and the image's index in the dataset. */
  readonly augment?: Augmentation;
}

/**
 * One epoch's batches. Each batch has memory of its own, which the caller may keep.
 * @throws ArgumentError for options that do not fit the dataset or each other, or an epoch without a single batch
 * @throws DataError that names the image that could not be read, and its file where it has one
 */
export async function* batches(
  dataset: ImageDataset,
  options: BatchOptions,
): AsyncGenerator<HostBatch, void, undefined> {
  const { batchSize, shuffle, epoch, dropLast, first = 0, normalize, augment } = options;
  const batchCount = countBatches(dataset.count, batchSize, dropLast);
  if (!Number.isInteger(first) || first < 0 || first > batchCount) {
    throw new ArgumentError(`batches: first ${first}, expected a whole number from 0 to ${batchCount}`);
  }
  if (normalize) requireNormalization(normalize, dataset.channels);
  if (augment) requireAugmentation(augment);
  const order = shuffle === false ? inOrder(dataset.count) : epochOrder(dataset.count, shuffle, epoch);
  const leaving = new AbortController();

  function finish(image: Float32Array, index: number): void {
    if (augment) augmentImage(image, dataset, augment, hostRandom(`${shuffle}/augment/${epoch}/${index}`));
    if (normalize) normalizeImage(image, dataset, normalize);
  }
  async function read(index: number): Promise<HostBatch> {
    const chosen = order.subarray(index * batchSize, (index + 1) * batchSize);
    const images = await readEach(dataset, chosen, finish, leaving.signal);
    const labels = Int32Array.from(chosen, (image) => dataset.labels[image]!);
    return { images, labels, count: chosen.length, index };
  }

  try {
    let next = first < batchCount ? read(first) : undefined;
    while (next) {
      const batch: HostBatch = await next;
      next = batch.index + 1 < batchCount ? read(batch.index + 1) : undefined;
      next?.catch(() => {}); // thrown where it is awaited; who leaves the loop before is not told
      yield batch;
    }
  } finally {
    leaving.abort();
  }
}

/**
 * The images at `indices` as they are, [count, channels, height, width], each value in [0, 1].
 * @throws DataError that names the image that could not be read
 */
export function readImages(dataset: ImageDataset, indices: ArrayLike<number>): Promise<Float32Array> {
  return readEach(dataset, indices);
}

/** So many files are read at a time: enough to keep a disk busy, few enough for any system's limit. */
const readersAtATime = 8;

async function readEach(
  dataset: ImageDataset,
  indices: ArrayLike<number>,
  finish?: (image: Float32Array, index: number) => void,
  stop?: AbortSignal,
): Promise<Float32Array> {
  const length = imageLength(dataset);
  const images = new Float32Array(indices.length * length);
  let begun = 0;
  async function reader(): Promise<void> {
    while (begun < indices.length && !stop?.aborted) {
      const position = begun++;
      const index = indices[position]!;
      const image = images.subarray(position * length, (position + 1) * length);
      try {
        const reading = dataset.readImage(index, image);
        if (reading) await reading; // what is in memory needs no turn of the event loop
      } catch (error) {
        const { problem, help } =
          error instanceof WgradError ? error : { problem: (error as Error).message, help: undefined };
        throw new DataError(`${dataset.name}: image ${index}: ${problem}`, help, { cause: error });
      }
      requirePixels(dataset, index, image);
      finish?.(image, index);
    }
  }
  await Promise.all(Array.from({ length: readersAtATime }, reader));
  return images;
}

/**
 * How many batches an epoch has.
 * @throws ArgumentError for a batch size that is no positive whole number, or when there is no batch at all
 */
export function countBatches(imageCount: number, batchSize: number, dropLast: boolean): number {
  if (!Number.isInteger(batchSize) || batchSize < 1) {
    throw new ArgumentError(`batches: batchSize ${batchSize}, expected a whole number of at least 1`);
  }
  const batchCount = dropLast ? Math.floor(imageCount / batchSize) : Math.ceil(imageCount / batchSize);
  if (batchCount === 0) {
    throw new ArgumentError(
      `batches: ${imageCount} images make no batch of ${batchSize}`,
      imageCount === 0 ? "use a dataset that has images" : `use a batchSize of at most ${imageCount}`,
    );
  }
  return batchCount;
}

/** The order in which an epoch visits the images: a permutation of 0 … count − 1. */
export function epochOrder(count: number, seed: number | string, epoch: number): Uint32Array {
  const order = inOrder(count);
  shuffleInPlace(order, hostRandom(`${seed}/epoch/${epoch}`));
  return order;
}

function inOrder(count: number): Uint32Array {
  return new Uint32Array(count).map((_, index) => index);
}

/** @throws ArgumentError */
function requireNormalization({ mean, std }: Normalization, channels: number): void {
  const finite = [...mean, ...std].every(Number.isFinite) && std.every((value) => value > 0);
  if (mean.length === channels && std.length === channels && finite) return;
  throw new ArgumentError(
    `batches: normalize with mean [${mean.join(", ")}] and std [${std.join(", ")}] for images of ${channels} channel(s)`,
    "give one mean and one std above zero for each channel, for pixels in [0, 1]",
  );
}

function normalizeImage(image: Float32Array, { channels }: ImageSize, { mean, std }: Normalization): void {
  const plane = image.length / channels;
  for (let channel = 0; channel < channels; channel++) {
    const [offset, divisor] = [mean[channel]!, std[channel]!];
    for (let i = channel * plane; i < (channel + 1) * plane; i++) image[i] = (image[i]! - offset) / divisor;
  }
}
