/**
 * The training loop that the command line, the browser and a user's script share:
 *
 *     const source = imageBatches(dataset, { batchSize: 64, seed: 1 });
 *     const update = descent(optimizer, ({ images }) => ({ loss: model.loss(images) }));
 *     for await (const epoch of train({ source, epochs: 5, update })) {
 *       for await (const step of epoch) console.log(await step.losses.loss.item());
 *     }
 *
 * Leaving either loop stops the training after the current step. The number of steps done is all that the loop
 * remembers: with the states of model, optimiser and generator it goes on from there as if nothing had happened.
 */
import type { Augmentation } from "../data/augment.ts";
import type { ImageDataset } from "../data/dataset.ts";
import { batches, countBatches, type Normalization } from "../data/loader.ts";
import { currentDevice } from "../engine/currentDevice.ts";
import { ArgumentError } from "../engine/errors.ts";
import { clipGradNorm } from "../engine/optim/clip.ts";
import type { Optimizer } from "../engine/optim/optimizer.ts";
import type { Schedule } from "../engine/optim/schedules.ts";
import { type Tensor, tensor } from "../engine/tensor.ts";

/** Anything that a step of training takes. */
export interface Batch {
  /** How many samples it holds. */
  readonly count: number;
}

export interface ImageBatch extends Batch {
  /** [N, C, H, W] */
  readonly images: Tensor;
  /** [N], int32 */
  readonly labels: Tensor;
}

/** What a model is trained on, in batches. */
export interface BatchSource<B extends Batch> {
  /** Batches an epoch. */
  readonly steps: number;
  /** Samples an epoch. */
  readonly samples: number;
  /**
   * The batches of an epoch (from 0) from the batch `first` on: the same ones for the same arguments. A batch may be
   * used until the next one is asked for.
   */
  batches(epoch: number, first: number): AsyncIterable<B>;
}

/** A step's losses, as tensors of one element: what is minimised, and, detached, what it is made of. */
export interface Losses {
  readonly loss: Tensor;
  readonly [part: string]: Tensor;
}

/** Trains on a batch. `step` counts over the whole training, from 0. */
export type Update<B extends Batch> = (batch: B, step: number) => Losses;

export interface TrainingOptions<B extends Batch> {
  readonly source: BatchSource<B>;
  readonly epochs: number;
  readonly update: Update<B>;
  /** How many steps were done before: where a checkpoint goes on. Default: 0. */
  readonly stepsDone?: number;
}

/** A finished step. */
export interface Step {
  /** Within the epoch, from 0. */
  readonly index: number;
  /** In the batch. */
  readonly samples: number;
  /** Can be read until the next step has ended; `keep()` them for longer. */
  readonly losses: Losses;
}

/** Runs as it is iterated. */
export interface Epoch extends AsyncIterable<Step> {
  /** From 0. */
  readonly index: number;
  /** Steps an epoch. */
  readonly steps: number;
}

/** @throws ArgumentError for epochs or steps that are no whole numbers */
export async function* train<B extends Batch>(options: TrainingOptions<B>): AsyncGenerator<Epoch> {
  const { source, epochs, stepsDone = 0 } = options;
  for (const [name, value] of Object.entries({ epochs, stepsDone })) {
    if (!Number.isSafeInteger(value) || value < 0)
      throw new ArgumentError(`train: ${name} must be a whole number, 0 or more, got ${value}`);
  }
  const { steps } = source;
  for (let index = Math.floor(stepsDone / steps); index < epochs; index++) {
    const first = Math.max(0, stepsDone - index * steps);
    yield { index, steps, [Symbol.asyncIterator]: () => trainEpoch(options, index, first) };
  }
}

async function* trainEpoch<B extends Batch>(
  { source, update }: TrainingOptions<B>,
  epoch: number,
  first: number,
): AsyncGenerator<Step> {
  let index = first;
  for await (const batch of source.batches(epoch, first)) {
    const losses = update(batch, epoch * source.steps + index);
    await losses.loss.gpu.flush(); // never runs far ahead of the device
    yield { index, samples: batch.count, losses };
    index++;
  }
}

export interface DescentOptions {
  /** The learning rate of each step. Default: the optimiser's own. */
  readonly schedule?: Schedule;
  /** Gradients are scaled so that the norm of all together is at most this. */
  readonly clipNorm?: number;
}

/** The update of a model with one loss and one optimiser. */
export function descent<B extends Batch>(
  optimizer: Optimizer,
  lossesOf: (batch: B, step: number) => Losses,
  { schedule, clipNorm }: DescentOptions = {},
): Update<B> {
  return (batch, step) => {
    if (schedule) optimizer.learningRate = schedule(step);
    const losses = lossesOf(batch, step);
    optimizer.zeroGrad();
    losses.loss.backward();
    if (clipNorm !== undefined) clipGradNorm(optimizer.parameters, clipNorm);
    optimizer.step();
    return losses;
  };
}

export interface ImageBatchOptions {
  readonly batchSize: number;
  /** Fixes the order of the images and their augmentation. */
  readonly seed: number;
  readonly augment?: Augmentation;
  readonly normalize?: Normalization;
}

/**
 * A dataset's images in a new order each epoch, on the current device; the next batch is read while the device works
 * on this one.
 * @throws ArgumentError for a batch size that does not fit the dataset
 */
export function imageBatches(dataset: ImageDataset, options: ImageBatchOptions): BatchSource<ImageBatch> {
  const { batchSize, seed, ...preparation } = options;
  const gpu = currentDevice();
  return {
    steps: countBatches(dataset.count, batchSize, false),
    samples: dataset.count,
    batches: (epoch, first) =>
      onDevice(
        gpu,
        dataset,
        batches(dataset, { batchSize, shuffle: seed, epoch, first, dropLast: false, ...preparation }),
      ),
  };
}

/** Uploads batches; their memory goes back when the next one is asked for. */
export async function* onDevice(
  gpu: Tensor["gpu"],
  { channels, height, width }: ImageDataset,
  hostBatches: ReturnType<typeof batches>,
): AsyncGenerator<ImageBatch> {
  for await (const { images: pixels, labels: numbers, count } of hostBatches) {
    const images = tensor(pixels, { shape: [count, channels, height, width], gpu });
    const labels = tensor(numbers, { gpu });
    try {
      yield { images, labels, count };
    } finally {
      for (const { storage } of [images, labels]) storage.release("the step that used this batch has ended");
    }
  }
}
