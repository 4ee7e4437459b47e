/** How well an autoencoder rebuilds images. */
import { type ImageDataset, imageLength, sliceDataset } from "../data/dataset.ts";
import { batches } from "../data/loader.ts";
import { inferenceMode } from "../engine/gradMode.ts";
import { mseLoss } from "../engine/ops/losses.ts";
import { tensor } from "../engine/tensor.ts";
import { type Autoencoder, type ReconstructionLoss, reconstructionLoss } from "./autoencoder.ts";

export interface ReconstructionQuality {
  /** Mean squared error over every pixel of every image. */
  readonly mse: number;
  /** Peak signal-to-noise ratio in decibels for pixels in [0, 1]: 10 · log10(1 / mse). */
  readonly psnr: number;
  /** What training minimises, on this dataset. */
  readonly loss: number;
}

const batchSize = 250;

/**
 * Over all images of the dataset, with the model in evaluation mode.
 * @param lossKind what training minimises
 */
export async function evaluateReconstruction(
  model: Autoencoder,
  dataset: ImageDataset,
  lossKind: ReconstructionLoss = "mse",
): Promise<ReconstructionQuality> {
  const wasTraining = model.training;
  model.eval();
  let squaredErrors = 0;
  let losses = 0;
  for (const batch of batches(dataset, { batchSize, shuffle: false, epoch: 0, dropLast: false })) {
    const images = tensor(batch.images, { shape: [batch.count, ...model.imageShape] });
    const { squaredError, loss } = inferenceMode(() => {
      const reconstructions = model.call(images);
      return {
        squaredError: mseLoss(reconstructions, images),
        loss: reconstructionLoss(lossKind, reconstructions, images),
      };
    });
    squaredErrors += batch.count * (await squaredError.item());
    losses += batch.count * (await loss.item());
    images.storage.release("the evaluation that used this batch has ended");
  }
  if (wasTraining) model.train();
  const mse = squaredErrors / dataset.count;
  return { mse, psnr: 10 * Math.log10(1 / mse), loss: losses / dataset.count };
}

/** The first `count` images and what the model makes of them, [count, C, H, W] each. */
export async function reconstructImages(model: Autoencoder, dataset: ImageDataset, count: number) {
  const { images, count: shown } = sliceDataset(dataset, 0, Math.min(count, dataset.count));
  const originals = images.slice(0, shown * imageLength(dataset));
  const reconstructions = inferenceMode(() =>
    model.call(tensor(originals, { shape: [shown, ...model.imageShape] })),
  );
  return { originals, reconstructions: await reconstructions.data(), count: shown };
}
