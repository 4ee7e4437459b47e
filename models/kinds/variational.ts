/** Variational autoencoders. */
import { fed } from "../../engine/recordedStep.ts";
import { evaluateReconstruction } from "../reconstruction.ts";
import { evaluateElbo, klWarmUp, type VariationalAutoencoder } from "../variational.ts";
import { descentTrainer } from "./descentTrainer.ts";
import { exampleImages, recipeBatches } from "./images.ts";
import type { DataShape, ImageModelAtWork, Picture } from "./kind.ts";
import { drawnPicture, reconstructionPicture } from "./pictures.ts";

export interface VariationalOptions {
  readonly model: VariationalAutoencoder;
  readonly shape: DataShape;
  readonly beta: number;
  /** The share of the steps, from 0 to 1, in which β grows to its value. */
  readonly warmUp: number;
}

const latentMapSide = 20;

export function variationalAtWork({ model, shape, beta, warmUp }: VariationalOptions): ImageModelAtWork {
  return {
    model,
    example: (count) => exampleImages(shape, count),
    forward: ({ images }) => model.call(images),
    lossName: "−ELBO, nats",
    batches: ({ train }, recipe, seed) => recipeBatches(train, recipe, seed),
    trainer(recipe, steps) {
      const betaAt = klWarmUp(Math.round(warmUp * steps), beta);
      return descentTrainer(model, recipe, steps, ({ images }, step) => ({
        ...model.loss(
          images,
          fed([], () => Float32Array.of(betaAt(step()))),
        ),
      }));
    },
    async evaluate({ test }) {
      const { negativeElbo, reconstruction, kl } = await evaluateElbo(model, test);
      const { loss: _, ...quality } = await evaluateReconstruction(model, test);
      const loss = reconstruction + beta * kl;
      return { metrics: { loss, negativeElbo, reconstruction, kl, ...quality }, pictures: [] };
    },
    async draw({ test }) {
      const pictures: Picture[] = [
        await reconstructionPicture(model, test),
        await drawnPicture(model, { name: "samples", columns: 12 }, () => model.sample(72)),
      ];
      if (model.codeSize === 2) {
        const map = { name: "latent-map", columns: latentMapSide };
        pictures.push(await drawnPicture(model, map, () => model.latentMap(latentMapSide)));
      }
      return pictures;
    },
    reconstruct: (images) => model.call(images),
    encode: (images) => model.encode(images).mean,
    decode: (codes) => model.decode(codes),
    sample: (count) => model.sample(count),
    latentGrid: (side) => model.latentGrid(side),
  };
}
