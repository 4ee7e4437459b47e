/**
 * The training loop that the command line, the browser and a user's script share:
 *
 *     const source = imageBatches(dataset, { batchSize: 64, seed: 1 });
 *     const update = descent(optimizer, ({ images }) => ({ loss: model.loss(images) }));
 *     for await (const epoch of train({ source, epochs: 5, update })) {
 *       for await (const step of epoch) console.log(await step.losses.loss.item());
 *     }
 *
 * A step is recorded when it is first seen and replayed from then on (`recordStep` says what that asks of an update).
 * Leaving the outer loop ends the training; leaving the inner one goes on with the next epoch. The number of steps done
 * is all that the loop remembers: with the states of model, optimiser and generator it goes on from there as if nothing had
 * happened.
 */
import type { Augmentation } from "../data/augment.ts";
import type { ImageDataset } from "../data/dataset.ts";
import { batches, countBatches, type Normalization } from "../data/loader.ts";
import { autocast } from "../engine/autocast.ts";
import { ArgumentError } from "../engine/errors.ts";
import { clipGradNorm } from "../engine/optim/clip.ts";
import type { GradScaler } from "../engine/optim/gradScaler.ts";
import type { Optimizer } from "../engine/optim/optimizer.ts";
import type { Schedule } from "../engine/optim/schedules.ts";
import { type DeviceNumber, everyRun, type HostArray, recordStep } from "../engine/recordedStep.ts";
import type { Tensor } from "../engine/tensor.ts";

/** Anything that a step of training takes. */
export interface Batch {
  /** How many samples it holds. */
  readonly count: number;
}

/** A batch before it is on the device: its tensors' numbers, by name. */
export interface HostBatch {
  readonly count: number;
  readonly arrays: Readonly<Record<string, HostArray>>;
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
  /** The batches of an epoch (from 0) from the batch `first` on: the same ones for the same arguments. */
  batches(epoch: number, first: number): AsyncIterable<HostBatch>;
  /** The batch that has these tensors. */
  assemble(tensors: Readonly<Record<string, Tensor>>): B;
}

/** A step's losses, as tensors of one element: what is minimised, and, detached, what it is made of. */
export interface Losses {
  readonly loss: Tensor;
  readonly [part: string]: Tensor;
}

/** Which step it is, over the whole training, from 0: to be asked in `everyRun()` or `fed()`. */
export type StepNumber = () => number;

/** Trains on a batch. */
export type Update<B extends Batch> = (batch: B, step: StepNumber) => Losses;

export interface TrainingOptions<B extends Batch> {
  readonly source: BatchSource<B>;
  readonly epochs: number;
  readonly update: Update<B>;
  /** How many steps were done before: where a checkpoint goes on. Default: 0. */
  readonly stepsDone?: number;
  /** Calls the update in every step instead of recording it: for one that reads tensors, or chooses what to do. */
  readonly eager?: boolean;
}

/** A finished step. */
export interface Step {
  /** Within the epoch, from 0. */
  readonly index: number;
  /** In the batch. */
  readonly samples: number;
  /** Can be read at any time; of an eager step, until the next one has ended. */
  readonly losses: { readonly loss: DeviceNumber; readonly [part: string]: DeviceNumber };
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
  const { run, release } = stepper(options);
  async function* trainEpoch(epoch: number, first: number): AsyncGenerator<Step> {
    let index = first;
    for await (const { arrays, count } of source.batches(epoch, first)) {
      yield { index, samples: count, losses: await run(arrays, epoch * steps + index) };
      index++;
    }
  }
  try {
    for (let index = Math.floor(stepsDone / steps); index < epochs; index++) {
      const first = Math.max(0, stepsDone - index * steps);
      yield { index, steps, [Symbol.asyncIterator]: () => trainEpoch(index, first) };
    }
  } finally {
    release();
  }
}

/** What does a step and resolves before the device is far behind. */
function stepper<B extends Batch>({ source, update, eager = false }: TrainingOptions<B>) {
  let number = 0;
  const step = recordStep((tensors) => update(source.assemble(tensors), () => number));
  return {
    async run(arrays: HostBatch["arrays"], stepNumber: number): Promise<Step["losses"]> {
      number = stepNumber;
      return (await (eager ? step.runEagerly(arrays) : step.run(arrays))) as Step["losses"];
    },
    release: step.release,
  };
}

export interface DescentOptions {
  /** The learning rate of each step. Default: the optimiser's own. */
  readonly schedule?: Schedule;
  /** Gradients are scaled so that the norm of all together is at most this. */
  readonly clipNorm?: number;
  /** Of this optimiser, for mixed precision. Default: all of it is float32. */
  readonly scaler?: GradScaler;
}

/** The update of a model with one loss and one optimiser. */
export function descent<B extends Batch = ImageBatch>(
  optimizer: Optimizer,
  lossesOf: (batch: B, step: StepNumber) => Losses,
  { schedule, clipNorm, scaler }: DescentOptions = {},
): Update<B> {
  return (batch, step) => {
    if (schedule) {
      everyRun(() => {
        optimizer.learningRate = schedule(step());
      });
    }
    const losses = scaler ? autocast(() => lossesOf(batch, step)) : lossesOf(batch, step);
    optimizer.zeroGrad();
    if (scaler) {
      scaler.backward(losses.loss);
      scaler.step(clipNorm);
    } else {
      losses.loss.backward();
      if (clipNorm !== undefined) clipGradNorm(optimizer.parameters, clipNorm);
      optimizer.step();
    }
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
 * A dataset's images in a new order each epoch; the next batch is read while the device works on this one.
 * @throws ArgumentError for a batch size that does not fit the dataset
 */
export function imageBatches(dataset: ImageDataset, options: ImageBatchOptions): BatchSource<ImageBatch> {
  const { batchSize, seed, ...preparation } = options;
  const { channels, height, width } = dataset;
  return {
    steps: countBatches(dataset.count, batchSize, false),
    samples: dataset.count,
    async *batches(epoch, first) {
      const order = { batchSize, shuffle: seed, epoch, first, dropLast: false, ...preparation };
      for await (const { images, labels, count } of batches(dataset, order)) {
        const arrays = {
          images: { data: images, shape: [count, channels, height, width] },
          labels: { data: labels, shape: [count] },
        };
        yield { count, arrays };
      }
    },
    assemble: ({ images, labels }) => ({ images, labels, count: labels.size }),
  };
}
