/** Adversarial autoencoders. */
import type { ImageDataset } from "../../data/dataset.ts";
import { deslantDataset } from "../../data/deslant.ts";
import { ArgumentError } from "../../engine/errors.ts";
import { everyRun } from "../../engine/recordedStep.ts";
import { type AdversarialAutoencoder, adversarialUpdate, codeStatistics } from "../adversarial.ts";
import { makeOptimizer, makeSchedule } from "../recipe.ts";
import { evaluateReconstruction } from "../reconstruction.ts";
import { reconstructionLossNames } from "./autoencoder.ts";
import { exampleImages, recipeBatches } from "./images.ts";
import type { DataShape, ImageModelAtWork } from "./kind.ts";
import { drawnPicture, reconstructionPicture } from "./pictures.ts";

export interface AdversarialOptions {
  readonly model: AdversarialAutoencoder;
  readonly shape: DataShape;
  /** Whether images are deslanted before anything else: see `data/deslant.ts`. */
  readonly deslants: boolean;
}

export function adversarialAtWork({ model, shape, deslants }: AdversarialOptions): ImageModelAtWork {
  const prepare = (images: ImageDataset) => (deslants ? deslantDataset(images) : images);
  const sample = (count: number) => model.decode(model.prior(count));
  return {
    model,
    prepare,
    example: (count) => exampleImages(shape, count),
    forward: ({ images }) => model.call(images),
    lossName: reconstructionLossNames.mse,
    batches: ({ train }, recipe, seed) => recipeBatches(prepare(train), recipe, seed),
    trainer(recipe, steps) {
      if (recipe.precision === "mixed") {
        throw new ArgumentError(
          "adversarial-autoencoder: three losses with an optimiser each are trained in float32 alone",
          "leave the precision out",
        );
      }
      const { encoder, decoder, discriminator } = model;
      const schedule = makeSchedule(recipe, steps);
      const optimizers = {
        reconstruction: makeOptimizer(recipe, [...encoder.parameters(), ...decoder.parameters()]),
        discriminator: makeOptimizer(recipe, discriminator.parameters()),
        generator: makeOptimizer(recipe, encoder.parameters()),
      };
      const update = adversarialUpdate(model, optimizers);
      return {
        optimizers,
        update({ images }, step) {
          everyRun(() => {
            for (const optimizer of Object.values(optimizers)) optimizer.learningRate = schedule(step());
          });
          return update(images);
        },
      };
    },
    async evaluate({ test }) {
      const images = prepare(test);
      const { mean, std } = await codeStatistics(model, images);
      const quality = await evaluateReconstruction(model, images);
      const codes = { codeMean: farthest(mean, 0), codeStd: farthest(std, 1) };
      return { metrics: { ...quality, ...codes }, pictures: [] };
    },
    draw: async ({ test }) => [
      await reconstructionPicture(model, prepare(test)),
      await drawnPicture(model, { name: "samples", columns: 12 }, () => sample(72)),
    ],
    reconstruct: (images) => model.call(images),
    encode: (images) => model.encode(images),
    decode: (codes) => model.decode(codes),
    sample,
  };
}

/** The dimension that is worst off: NaN, if one is that. */
function farthest(values: readonly number[], from: number): number {
  const farthest = Math.max(...values.map((value) => Math.abs(value - from)));
  return values.find((value) => Math.abs(value - from) === farthest) ?? Number.NaN;
}
