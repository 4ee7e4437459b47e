/** What all measurements of a model on a dataset share. */
import type { ImageDataset } from "../data/dataset.ts";
import { batches, type Normalization } from "../data/loader.ts";
import { currentDevice, withDevice } from "../engine/currentDevice.ts";
import type { Gpu } from "../engine/gpu/gpu.ts";
import { inferenceMode } from "../engine/gradMode.ts";
import type { Module } from "../engine/nn/module.ts";
import { type GeneratorState, generatorState, setGeneratorState } from "../engine/random.ts";
import { tensor } from "../engine/tensor.ts";
import type { ImageBatch } from "./training.ts";

/** Runs a part of a measurement, which describes what to compute and waits for nothing. */
export type Measure = <T>(work: () => T) => T;

/**
 * How a model is measured: in inference mode, each of its modules in evaluation mode, on its own device. Random numbers
 * start from the seed, and go on from one part to the next, so that they are the same every time. After each part modules
 * and generator are as they were before: whatever trains or measures meanwhile is left alone.
 */
export function measurement(model: Module<never, unknown>, seed = 0): Measure {
  const gpu = deviceOf(model);
  let own: GeneratorState = { seed, draws: 0 };
  return (work) =>
    withDevice(gpu, () => {
      const modes = [...model.namedModules()].map(([, module]) => [module, module.training] as const);
      const before = generatorState();
      setGeneratorState(own);
      try {
        model.eval();
        return inferenceMode(work);
      } finally {
        own = generatorState();
        setGeneratorState(before);
        for (const [module, training] of modes) module.training = training;
      }
    });
}

function deviceOf(model: Module<never, unknown>): Gpu {
  for (const [, { gpu }] of model.namedTensors()) return gpu;
  return currentDevice();
}

export interface EvaluationOptions {
  /** How many images the model sees at a time. Default 250. */
  readonly batchSize?: number;
  /** Of what is drawn at random. Default 0. */
  readonly seed?: number;
  readonly normalize?: Normalization;
}

export interface EvaluationBatch extends ImageBatch {
  readonly measure: Measure;
}

/** All images of the dataset in its own order, with the model's `measurement`. */
export async function* evaluationBatches(
  model: Module<never, unknown>,
  dataset: ImageDataset,
  { batchSize = 250, seed = 0, normalize }: EvaluationOptions = {},
): AsyncGenerator<EvaluationBatch> {
  const measure = measurement(model, seed);
  const order = { batchSize, shuffle: false, epoch: 0, dropLast: false } as const;
  const inOrder = batches(dataset, { ...order, ...(normalize && { normalize }) });
  for await (const batch of onDevice(deviceOf(model), dataset, inOrder)) yield { ...batch, measure };
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
