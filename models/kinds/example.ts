/** Samples to measure a model by before there are any: on a device that only plans they take no memory. */
import { currentDevice } from "../../engine/currentDevice.ts";
import { filled } from "../../engine/ops/elementwise.ts";
import type { ImageBatch } from "../training.ts";
import type { DataShape } from "./kind.ts";

/** Black images of class 0. */
export function exampleImages({ inputShape }: DataShape, count: number): ImageBatch {
  const gpu = currentDevice();
  const images = filled(gpu, [count, ...inputShape], 0).keep();
  return { images, labels: filled(gpu, [count], 0, "int32").keep(), count };
}
