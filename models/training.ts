/**
 * The training loop that the command line, the browser and a user's script share:
 *
 *     for await (const epoch of train({ dataset, optimizer, loss, … })) {
 *       for await (const step of epoch) console.log(await step.loss.item());
 *     }
 *
 * Leaving either loop stops the training after the current step.
 */
import type { ImageDataset } from "../data/dataset.ts";
import { batches, countBatches } from "../data/loader.ts";
import type { Optimizer } from "../engine/optim/optimizer.ts";
import { type Tensor, tensor } from "../engine/tensor.ts";

export interface Batch {
  /** [N, C, H, W] */
  readonly images: Tensor;
  /** [N], int32 */
  readonly labels: Tensor;
}

export interface TrainingOptions {
  readonly dataset: ImageDataset;
  readonly epochs: number;
  readonly batchSize: number;
  /** Fixes the order of the images. */
  readonly seed: number;
  readonly optimizer: Optimizer;
  /** The mean loss of a batch, as a tensor of one element. */
  readonly loss: (batch: Batch) => Tensor;
}

/** A finished step. */
export interface Step {
  /** Within the epoch, from 0. */
  readonly index: number;
  /** In the batch. */
  readonly images: number;
  /** Can be read until the next step has ended; `keep()` it for longer. */
  readonly loss: Tensor;
}

/** Runs as it is iterated. */
export interface Epoch extends AsyncIterable<Step> {
  /** From 0. */
  readonly index: number;
  /** Steps an epoch. */
  readonly steps: number;
}

/** @throws ArgumentError for a batch size that does not fit the dataset */
export async function* train(options: TrainingOptions): AsyncGenerator<Epoch> {
  const steps = countBatches(options.dataset.count, options.batchSize, false);
  for (let index = 0; index < options.epochs; index++) {
    yield { index, steps, [Symbol.asyncIterator]: () => trainEpoch(options, index) };
  }
}

async function* trainEpoch(
  { dataset, batchSize, seed, optimizer, loss }: TrainingOptions,
  epoch: number,
): AsyncGenerator<Step> {
  const { channels, height, width } = dataset;
  const { gpu } = optimizer.parameters[0];
  for (const host of batches(dataset, { batchSize, shuffle: seed, epoch, dropLast: false })) {
    const images = tensor(host.images, { shape: [host.count, channels, height, width], gpu });
    const labels = tensor(host.labels, { gpu });
    const value = loss({ images, labels });
    optimizer.zeroGrad();
    value.backward();
    optimizer.step();
    for (const { storage } of [images, labels]) storage.release("the step that used this batch has ended");
    await gpu.flush(); // never runs far ahead of the device
    yield { index: host.index, images: host.count, loss: value };
  }
}
