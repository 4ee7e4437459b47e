/** Pictures that several kinds of models draw. */
import type { ImageDataset } from "../../data/dataset.ts";
import type { Module } from "../../engine/nn/module.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { measurement } from "../evaluation.ts";
import type { Noise } from "../noise.ts";
import { reconstructImages } from "../reconstruction.ts";
import type { ImageGrid } from "./kind.ts";

const columns = 12;

/** Test images over what the model makes of them; between them what noise made of them, if there is any. */
export async function reconstructionPicture(
  model: Module,
  dataset: ImageDataset,
  noise?: Noise,
): Promise<ImageGrid> {
  const { count, originals, inputs, reconstructions } = await reconstructImages(
    model,
    dataset,
    2 * columns,
    noise,
  );
  const { channels, height, width } = dataset;
  return {
    type: "images",
    name: "reconstructions",
    stacked: noise ? [originals, inputs, reconstructions] : [originals, reconstructions],
    count,
    imageShape: [channels, height, width],
    columns,
  };
}

/**
 * Images that a model draws, as in a `measurement`: always from the same random numbers.
 * @param draw the images: [count, C, H, W]
 */
export async function drawnPicture(
  model: Module<never, unknown>,
  { name, columns }: { readonly name: string; readonly columns: number },
  draw: () => Tensor,
): Promise<ImageGrid> {
  const images = measurement(model)(draw);
  const [count, ...imageShape] = images.shape;
  return { type: "images", name, stacked: [await images.data()], count, imageShape, columns };
}
