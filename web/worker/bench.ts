/**
 * The device, and on it the model that is at hand with its data and its training; what reads the model as it is for use
 * stands here, so that the training and the answers to the page do it in the same way.
 */
import type { DatasetSplits } from "../../data/dataset.ts";
import { openDevice } from "../../engine/currentDevice.ts";
import { ArgumentError } from "../../engine/errors.ts";
import type { Gpu } from "../../engine/gpu/gpu.ts";
import { inferenceMode } from "../../engine/gradMode.ts";
import { generatorState, manualSeed, setGeneratorState } from "../../engine/random.ts";
import { type Tensor, tensor } from "../../engine/tensor.ts";
import type { StoredCheckpoint, TrainingDescription } from "../../models/checkpoint.ts";
import { measurement } from "../../models/evaluation.ts";
import type { ImageModelAtWork } from "../../models/kinds/kind.ts";
import type { Choice, DataName, ModelInfo } from "../protocol.ts";
import { findImageModel } from "./models.ts";
import { openTraining, type Training } from "./training.ts";
import { makeTurns } from "./turns.ts";

/** A model with its data. */
export interface Bench {
  readonly atWork: ImageModelAtWork;
  readonly data: DatasetSplits;
  readonly dataName: DataName;
  readonly info: ModelInfo;
  readonly training: Training;
}

export const turns = makeTurns();

let gpu: Gpu | undefined;
let bench: Bench | undefined;

/** @throws AdapterError, LimitError */
export async function openAdapter(): Promise<Gpu> {
  gpu ??= await openDevice();
  return gpu;
}

export function device(): Gpu {
  if (gpu) return gpu;
  throw new ArgumentError("the device is not open yet");
}

export function bytesOnDevice(): number {
  const { bytesInUse, bytesPooled } = device().memory();
  return bytesInUse + bytesPooled;
}

export function currentBench(): Bench | undefined {
  return bench;
}

/** @throws ArgumentError before the first training */
export function requireBench(): Bench {
  if (bench) return bench;
  throw new ArgumentError("there is no model yet", "start a training, or open a checkpoint");
}

/** Makes a model with fresh or stored weights and puts it in the place of the one before, which stays when that fails. */
export function makeBench(
  dataName: DataName,
  data: DatasetSplits,
  begun: Omit<TrainingDescription, "inputShape" | "classes">,
  stored?: StoredCheckpoint,
): Promise<void> {
  return turns(async () => {
    const { channels, height, width, classes } = data.train;
    const shape = { inputShape: [channels, height, width], classes };
    const [before, generator] = [bench, generatorState()];
    try {
      manualSeed(begun.seed);
      const atWork = findImageModel(begun.model).open(shape, begun.settings);
      const training = openTraining(atWork, data, { ...begun, ...shape }, stored);
      bench = { atWork, data, dataName, info: describe(atWork, shape), training };
    } catch (error) {
      setGeneratorState(generator); // the one before goes on with the numbers that it would have drawn
      throw error;
    }
    await before?.training.close();
  });
}

/** After the device was lost: all that was on it is gone. */
export function clearBench(): void {
  [gpu, bench] = [undefined, undefined];
}

function describe(
  atWork: ImageModelAtWork,
  { inputShape, classes }: { readonly inputShape: readonly number[]; readonly classes: readonly string[] },
): ModelInfo {
  const parameters = [...atWork.model.parameters()].reduce((sum, { size }) => sum + size, 0);
  const blank = tensor(new Float32Array(inputShape.reduce((a, b) => a * b, 1)), {
    shape: [1, ...inputShape],
  });
  const { encode } = atWork;
  return {
    parameters,
    lossName: atWork.lossName,
    classes,
    imageShape: inputShape,
    classifies: atWork.classify !== undefined,
    reconstructs: atWork.reconstruct !== undefined,
    codeSize: encode && inferenceMode(() => encode(blank)).shape[1],
  };
}

export function choiceOf({ training, dataName }: Bench): Choice {
  const { model, settings, recipe, seed } = training.description;
  const { epochs, batchSize, learningRate } = recipe;
  return { model, settings, data: dataName, epochs, batchSize, learningRate, seed };
}

/** Runs a model as it is for use, not for training, and reads what it gives. */
export async function readOut(run: () => Tensor): Promise<Float32Array> {
  const result = measured(run);
  const values = await result.data();
  result.storage.release("it was shown");
  return values as Float32Array;
}

/** What `work` describes, as a part of a measurement of the model. */
export function measured<T>(work: () => T): T {
  return measurement(requireBench().atWork.model)(work);
}

/** Images of the data as a tensor for the model. */
export function imagesTensor(images: Float32Array): Tensor {
  const { imageShape } = requireBench().info;
  const count = images.length / imageShape.reduce((a, b) => a * b, 1);
  return tensor(images, { shape: [count, ...imageShape] });
}
