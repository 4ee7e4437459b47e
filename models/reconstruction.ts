/** How well an autoencoder rebuilds images. */
import { type ImageDataset, sliceDataset } from "../data/dataset.ts";
import type { Module } from "../engine/nn/module.ts";
import { mseLoss } from "../engine/ops/losses.ts";
import { type ReconstructionLoss, reconstructionLoss } from "./autoencoder.ts";
import { evaluationBatches } from "./evaluation.ts";
import { peakSignalToNoise, similarityWindow, structuralSimilarity } from "./imageQuality.ts";
import type { Noise } from "./noise.ts";

export interface ReconstructionQuality {
  /** Mean squared error over every pixel of every image. */
  readonly mse: number;
  /** Peak signal-to-noise ratio in decibels. */
  readonly psnr: number;
  /** The mean structural similarity, 1 at best; for images of 11 × 11 pixels or more. */
  readonly ssim?: number;
  /** The reconstruction loss that was asked for. */
  readonly loss: number;
}

/**
 * Over all images of the dataset, with the model in evaluation mode.
 * @param model images in, [N, C, H, W] with pixels in [0, 1], images of the same shape out
 * @param lossKind what training minimises
 * @param noise corrupts what the model is given, the same way every time; it is the clean images that count
 */
export async function evaluateReconstruction(
  model: Module,
  dataset: ImageDataset,
  lossKind: ReconstructionLoss = "mse",
  noise?: Noise,
): Promise<ReconstructionQuality> {
  const { height, width, channels } = dataset;
  const fitsWindow = Math.min(height, width) >= similarityWindow;
  let squaredErrors = 0;
  let losses = 0;
  let similarities = 0;
  for await (const { images, count, measure } of evaluationBatches(model, dataset)) {
    const { reconstructions, squaredError, loss } = measure(() => {
      const reconstructions = model.call(noise ? noise(images) : images);
      return {
        reconstructions,
        squaredError: mseLoss(reconstructions, images),
        loss: reconstructionLoss(lossKind, reconstructions, images),
      };
    });
    squaredErrors += count * (await squaredError.item());
    losses += count * (await loss.item());
    if (fitsWindow) {
      const planes = { count: count * channels, height, width };
      similarities += count * structuralSimilarity(await images.data(), await reconstructions.data(), planes);
    }
    reconstructions.storage.release("the evaluation that used these reconstructions has ended");
  }
  const mse = squaredErrors / dataset.count;
  return {
    mse,
    psnr: peakSignalToNoise(mse),
    ...(fitsWindow && { ssim: similarities / dataset.count }),
    loss: losses / dataset.count,
  };
}

export interface ReconstructedImages {
  readonly count: number;
  /** [count, C, H, W], as all of these. */
  readonly originals: Float32Array;
  /** What the model was given: the originals, or what the noise made of them. */
  readonly inputs: Float32Array;
  readonly reconstructions: Float32Array;
}

/** The first `count` images, or all if there are fewer, and what the model makes of them. */
export async function reconstructImages(
  model: Module,
  dataset: ImageDataset,
  count: number,
  noise?: Noise,
): Promise<ReconstructedImages> {
  const shown = sliceDataset(dataset, 0, Math.min(count, dataset.count));
  const parts: Omit<ReconstructedImages, "count">[] = [];
  for await (const { images, measure } of evaluationBatches(model, shown, { batchSize: shown.count })) {
    const [inputs, reconstructions] = measure(() => {
      const inputs = noise ? noise(images) : images;
      return [inputs, model.call(inputs)];
    });
    parts.push({
      originals: await images.data(),
      inputs: await inputs.data(),
      reconstructions: await reconstructions.data(),
    });
  }
  return { count: shown.count, ...parts[0] };
}
