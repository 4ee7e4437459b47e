/** What all measurements of a model on a dataset share. */
import type { ImageDataset } from "../data/dataset.ts";
import { batches, type Normalization } from "../data/loader.ts";
import { currentDevice } from "../engine/currentDevice.ts";
import type { Gpu } from "../engine/gpu/gpu.ts";
import type { Module } from "../engine/nn/module.ts";
import { generatorState, manualSeed, setGeneratorState } from "../engine/random.ts";
import { tensor } from "../engine/tensor.ts";
import type { ImageBatch } from "./training.ts";

/**
 * Puts the model into evaluation mode and starts the generator from the seed, so that a measurement with random numbers
 * gives the same result every time and leaves the training's own random numbers alone.
 * @returns puts both back
 */
export function startMeasuring(model: Module<never, unknown>, seed = 0): () => void {
  const wasTraining = model.training;
  const generator = generatorState();
  model.eval();
  manualSeed(seed);
  return () => {
    setGeneratorState(generator);
    if (wasTraining) model.train();
  };
}

export interface EvaluationOptions {
  /** How many images the model sees at a time. Default 250. */
  readonly batchSize?: number;
  /** Of what is drawn at random. Default 0. */
  readonly seed?: number;
  readonly normalize?: Normalization;
}

/** All images of the dataset in its own order; what `startMeasuring` does lasts while it goes through them. */
export async function* evaluationBatches(
  model: Module<never, unknown>,
  dataset: ImageDataset,
  { batchSize = 250, seed = 0, normalize }: EvaluationOptions = {},
): AsyncGenerator<ImageBatch> {
  const endMeasuring = startMeasuring(model, seed);
  try {
    const order = { batchSize, shuffle: false, epoch: 0, dropLast: false } as const;
    const inOrder = batches(dataset, { ...order, ...(normalize && { normalize }) });
    yield* onDevice(currentDevice(), dataset, inOrder);
  } finally {
    endMeasuring();
  }
}

/** Uploads batches; their memory goes back when the next one is asked for. */
export async function* onDevice(
  gpu: Gpu,
  { channels, height, width }: ImageDataset,
  hostBatches: ReturnType<typeof batches>,
): AsyncGenerator<ImageBatch> {
  for await (const { images: pixels, labels: numbers, count } of hostBatches) {
    const images = tensor(pixels, { shape: [count, channels, height, width], gpu });
    const labels = tensor(numbers, { gpu });
    try {
      yield { images, labels, count };
    } finally {
      for (const { storage } of [images, labels]) storage.release("the next batch was asked for");
    }
  }
}
