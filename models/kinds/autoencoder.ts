/** Models that rebuild images from a code, also corrupted ones, also with penalties. */
import type { Tensor } from "../../engine/tensor.ts";
import type { Autoencoder, ReconstructionLoss } from "../autoencoder.ts";
import { denoisingLoss, type Noise } from "../noise.ts";
import { evaluateReconstruction } from "../reconstruction.ts";
import { type Penalties, sparseLoss } from "../sparse.ts";
import { descentTrainer } from "./descentTrainer.ts";
import { exampleImages, recipeBatches } from "./images.ts";
import type { DataShape, ImageModelAtWork } from "./kind.ts";
import { reconstructionPicture } from "./pictures.ts";

export interface AutoencoderOptions {
  readonly model: Autoencoder;
  readonly shape: DataShape;
  readonly lossKind: ReconstructionLoss;
  /** What the model is to see through. */
  readonly noise?: Noise;
  readonly penalties?: Penalties;
}

/** What the axis of a reconstruction's loss is called. */
export const reconstructionLossNames: Readonly<Record<ReconstructionLoss, string>> = {
  mse: "mean squared error",
  bce: "binary cross-entropy",
};

export function autoencoderAtWork(options: AutoencoderOptions): ImageModelAtWork {
  const { model, shape, lossKind, noise, penalties } = options;
  function lossOf(images: Tensor): Tensor {
    if (noise) return denoisingLoss(model, images, noise, lossKind);
    if (penalties) return sparseLoss(model, images, penalties, lossKind);
    return model.loss(images, lossKind);
  }
  return {
    model,
    example: (count) => exampleImages(shape, count),
    forward: ({ images }) => model.call(images),
    lossName: reconstructionLossNames[lossKind],
    batches: ({ train }, recipe, seed) => recipeBatches(train, recipe, seed),
    trainer: (recipe, steps) =>
      descentTrainer(model, recipe, steps, ({ images }) => ({ loss: lossOf(images) })),
    evaluate: async ({ test }) => ({
      metrics: { ...(await evaluateReconstruction(model, test, lossKind, noise)) },
      pictures: [],
    }),
    draw: async ({ test }) => [await reconstructionPicture(model, test, noise)],
    reconstruct: (images) => model.call(images),
    encode: (images) => model.encode(images),
    decode: (codes) => model.decode(codes),
  };
}
