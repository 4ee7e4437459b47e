/** The models by name, each with a recipe that just works. */
import { ArgumentError } from "../engine/errors.ts";
import type { Shape } from "../engine/shape.ts";
import { type Autoencoder, ConvolutionalAutoencoder, DenseAutoencoder } from "./autoencoder.ts";

export interface Recipe {
  readonly epochs: number;
  readonly batchSize: number;
  /** For Adam. */
  readonly learningRate: number;
}

export interface RegisteredModel {
  readonly name: string;
  /** @param imageShape of one image: [C, H, W] */
  readonly build: (imageShape: Shape) => Autoencoder;
  readonly recipe: Recipe;
}

const models: readonly RegisteredModel[] = [
  {
    name: "autoencoder",
    build: (imageShape) => new DenseAutoencoder({ imageShape }),
    recipe: { epochs: 8, batchSize: 64, learningRate: 2e-3 },
  },
  {
    name: "convolutional-autoencoder",
    build: (imageShape) => new ConvolutionalAutoencoder({ imageShape }),
    recipe: { epochs: 4, batchSize: 64, learningRate: 2e-3 },
  },
];

/** @throws ArgumentError naming the models that there are */
export function findModel(name: string): RegisteredModel {
  const found = models.find((model) => model.name === name);
  if (found) return found;
  throw new ArgumentError(
    `there is no model "${name}"`,
    `choose one of: ${models.map((model) => model.name).join(", ")}`,
  );
}
