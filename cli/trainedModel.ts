/** A trained model, ready for use: found, made, and filled with its weights. */
import { dirname } from "node:path";
import { type ImageDataset, memoryDataset } from "../data/dataset.ts";
import { decodeImage } from "../data/image.ts";
import { batches } from "../data/loader.ts";
import { fitImage } from "../data/resize.ts";
import { ArgumentError } from "../engine/errors.ts";
import type { Gpu } from "../engine/gpu/gpu.ts";
import { inferenceMode } from "../engine/gradMode.ts";
import type { Tensor } from "../engine/tensor.ts";
import type { ModelDescription } from "../models/checkpoint.ts";
import { onDevice } from "../models/evaluation.ts";
import type { ImageModelAtWork } from "../models/kinds/kind.ts";
import { openTunedDevice } from "./openTunedDevice.ts";
import { readFile, readWeights } from "./savedFiles.ts";

export interface TrainedImageModel {
  readonly gpu: Gpu;
  readonly description: ModelDescription;
  readonly atWork: ImageModelAtWork;
  /** What a complaint about the model begins with. */
  readonly name: string;
}

/**
 * Opens a device, runs `work` with the model in evaluation mode, and closes the device.
 * @param from a training's folder or a weights file; the newest one by default
 * @throws DataError, AdapterError, ArgumentError for a model that is not for images
 */
export async function withTrainedImageModel<T>(
  from: string | undefined,
  work: (trained: TrainedImageModel) => Promise<T>,
): Promise<T> {
  const { description, registered, path, loadInto } = readWeights(from);
  const { model } = description;
  const name = from === undefined ? `${dirname(path)} is the newest training, and ${model}` : model;
  if (registered.data !== "images") {
    throw new ArgumentError(
      `${name} is a model of graphs, and this command is for images`,
      "choose another training with --from",
    );
  }
  const gpu = await openTunedDevice();
  try {
    const atWork = registered.open(description, description.settings);
    loadInto(atWork.model);
    atWork.model.eval();
    return await work({ gpu, description, atWork, name });
  } finally {
    await gpu.close();
  }
}

/**
 * What a model can do, or an error that says that it cannot.
 * @param what completes "… cannot": "draw new images"
 */
export function requireAbility<
  Name extends "classify" | "reconstruct" | "encode" | "decode" | "sample" | "latentGrid",
>({ atWork, name }: TrainedImageModel, wanted: Name, what: string): NonNullable<ImageModelAtWork[Name]> {
  const ability = atWork[wanted];
  if (ability) return ability;
  throw new ArgumentError(`${name} cannot ${what}`, "choose another training with --from");
}

/**
 * Pictures of any size as the model's images.
 * @param invert for pictures that are dark on white, where the model's are white on dark
 * @throws DataError that names the file
 */
export function readPictures(
  { inputShape }: ModelDescription,
  paths: readonly string[],
  invert: boolean,
): ImageDataset {
  const [channels, height, width] = inputShape;
  const size = { channels, height, width };
  const length = channels * height * width;
  const pixels = new Float32Array(paths.length * length);
  for (const [index, path] of paths.entries()) {
    const image = fitImage(decodeImage(readFile(path), path), size);
    pixels.set(invert ? image.map((value) => 1 - value) : image, index * length);
  }
  const labels = new Int32Array(paths.length);
  return memoryDataset({ name: "pictures", ...size, pixels, labels, classes: ["picture"] });
}

/** What `run` makes of the images, one after another; prepared as the model wants them. */
export async function runOn(
  { gpu, atWork }: TrainedImageModel,
  dataset: ImageDataset,
  run: (images: Tensor) => Tensor,
): Promise<Float32Array> {
  const preparation = atWork.normalize ? { normalize: atWork.normalize } : {};
  const order = { batchSize: 64, shuffle: false, epoch: 0, dropLast: false, ...preparation } as const;
  const chunks: Float32Array[] = [];
  const prepared = atWork.prepare?.(dataset) ?? dataset;
  for await (const { images } of onDevice(gpu, prepared, batches(prepared, order)))
    chunks.push(await inferenceMode(() => run(images)).data());
  const all = new Float32Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let place = 0;
  for (const chunk of chunks) {
    all.set(chunk, place);
    place += chunk.length;
  }
  return all;
}
