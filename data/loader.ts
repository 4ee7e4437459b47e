/**
 * Cuts a dataset into batches. The order of an epoch depends on the seed and the epoch's number alone, never on
 * what was drawn before, so that a training resumed at epoch 7 sees what an uninterrupted one would have seen.
 */

import { ArgumentError } from "../engine/errors.ts";
import { hostRandom } from "../engine/hostRandom.ts";
import { type ImageDataset, selectImages } from "./dataset.ts";

export interface HostBatch {
  /** [count, channels, height, width], in [0, 1]. */
  readonly images: Float32Array;
  /** [count]. */
  readonly labels: Int32Array;
  readonly count: number;
  /** Which batch of the epoch this is, from 0. */
  readonly index: number;
}

export interface BatchOptions {
  readonly batchSize: number;
  /** The seed of the order, or `false` for the dataset's own order. */
  readonly shuffle: number | string | false;
  /** Which epoch, from 0. */
  readonly epoch: number;
  /** Leaves out a last batch that is smaller than the others. */
  readonly dropLast: boolean;
}

/**
 * One epoch's batches. Each batch has memory of its own, which the caller may keep.
 * @throws ArgumentError for a batch size that is no positive whole number, or an epoch without a single batch
 */
export function* batches(
  dataset: ImageDataset,
  options: BatchOptions,
): Generator<HostBatch, void, undefined> {
  const { batchSize, shuffle, epoch, dropLast } = options;
  const batchCount = countBatches(dataset.count, batchSize, dropLast);
  const order = shuffle === false ? inOrder(dataset.count) : epochOrder(dataset.count, shuffle, epoch);
  for (let index = 0; index < batchCount; index++) {
    const chosen = order.subarray(index * batchSize, (index + 1) * batchSize);
    const { images, labels, count } = selectImages(dataset, chosen);
    yield { images, labels: Int32Array.from(labels), count, index };
  }
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

/** The order in which an epoch visits the images: a permutation of 0 … count − 1 (Fisher and Yates). */
export function epochOrder(count: number, seed: number | string, epoch: number): Uint32Array {
  const random = hostRandom(`${seed}/epoch/${epoch}`);
  const order = inOrder(count);
  for (let last = count - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    const kept = order[last]!;
    order[last] = order[other]!;
    order[other] = kept;
  }
  return order;
}

function inOrder(count: number): Uint32Array {
  return new Uint32Array(count).map((_, index) => index);
}
