/** What the kinds of image models share: their batches. */
import type { ImageDataset } from "../../data/dataset.ts";
import type { Normalization } from "../../data/loader.ts";
import { currentDevice } from "../../engine/currentDevice.ts";
import { filled } from "../../engine/ops/elementwise.ts";
import type { Recipe } from "../recipe.ts";
import { type BatchSource, type ImageBatch, imageBatches } from "../training.ts";
import type { DataShape } from "./kind.ts";

/** Black images of class 0, to measure a model by: on a device that only plans they take no memory. */
export function exampleImages({ inputShape }: DataShape, count: number): ImageBatch {
  const gpu = currentDevice();
  const images = filled(gpu, [count, ...inputShape], 0).keep();
  return { images, labels: filled(gpu, [count], 0, "int32").keep(), count };
}

/** A dataset in batches, as the recipe says. */
export function recipeBatches(
  dataset: ImageDataset,
  { batchSize, augment }: Recipe,
  seed: number,
  preparation: { readonly normalize?: Normalization } = {},
): BatchSource<ImageBatch> {
  return imageBatches(dataset, { batchSize, seed, ...(augment && { augment }), ...preparation });
}
