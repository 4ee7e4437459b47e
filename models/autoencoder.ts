/**
 * Autoencoders after Hinton and Salakhutdinov, "Reducing the dimensionality of data with neural networks" (Science
 * 313, 2006): an encoder squeezes an image into a few numbers, the code, and a decoder draws the image from it.
 */
import { ArgumentError } from "../engine/errors.ts";
import {
  Conv2d,
  Flatten,
  Linear,
  ReLU,
  Sequential,
  Sigmoid,
  Tanh,
  Unflatten,
  UpsampleNearest2d,
} from "../engine/nn/layers.ts";
import { Module } from "../engine/nn/module.ts";
import { ConvTranspose2d } from "../engine/nn/upsampling.ts";
import { bceLoss, mseLoss } from "../engine/ops/losses.ts";
import { type Shape, sizeOf } from "../engine/shape.ts";
import type { Tensor } from "../engine/tensor.ts";

const activations = { relu: ReLU, sigmoid: Sigmoid, tanh: Tanh } as const;
const losses = { mse: mseLoss, bce: bceLoss } as const;

export type AutoencoderActivation = keyof typeof activations;
/** Mean squared error, or binary cross-entropy with every pixel as a probability. */
export type ReconstructionLoss = keyof typeof losses;

/** The mean distance of reconstructions from their images. */
export function reconstructionLoss(
  kind: ReconstructionLoss,
  reconstructions: Tensor,
  images: Tensor,
): Tensor {
  return losses[kind](reconstructions, images);
}

/** An image in, the reconstruction out: [N, C, H, W] with pixels in [0, 1]. */
export abstract class Autoencoder extends Module {
  abstract readonly encoder: Sequential;
  abstract readonly decoder: Sequential;
  /** Of one image: [C, H, W]. */
  abstract readonly imageShape: Shape;

  /** [N, C, H, W] to [N, codeSize]. */
  encode(images: Tensor): Tensor {
    return this.within(() => this.encoder.call(images));
  }

  /** [N, codeSize] to [N, C, H, W]. */
  decode(codes: Tensor): Tensor {
    return this.within(() => this.decoder.call(codes));
  }

  forward(images: Tensor): Tensor {
    return this.decode(this.encode(images));
  }

  /** The reconstruction's distance from the images themselves. */
  loss(images: Tensor, kind: ReconstructionLoss = "mse"): Tensor {
    return reconstructionLoss(kind, this.call(images), images);
  }
}

export interface DenseAutoencoderOptions {
  /** Of one image. Default [1, 28, 28]. */
  readonly imageShape?: Shape;
  /** The encoder's layers; the last one is the code. The decoder mirrors them. Default [256, 128, 32]. */
  readonly widths?: readonly number[];
  /** Default "relu". */
  readonly activation?: AutoencoderActivation;
  /** Of the code itself: "sigmoid" for a sparse one. Default: none, any number may be in a code. */
  readonly codeActivation?: AutoencoderActivation;
}

/** Fully connected: 784-256-128-32-128-256-784 by default. */
export class DenseAutoencoder extends Autoencoder {
  readonly encoder: Sequential;
  readonly decoder: Sequential;
  readonly imageShape: Shape;

  /** @throws ArgumentError unless the widths are whole numbers, 1 or more, at least one */
  constructor({
    imageShape = [1, 28, 28],
    widths = [256, 128, 32],
    activation = "relu",
    codeActivation,
  }: DenseAutoencoderOptions = {}) {
    super();
    if (widths.length === 0 || !widths.every((width) => Number.isInteger(width) && width >= 1)) {
      throw new ArgumentError(`autoencoder: widths must be whole numbers ≥ 1, got [${widths.join(", ")}]`);
    }
    this.imageShape = imageShape;
    const pixels = sizeOf(imageShape);
    this.encoder = new Sequential(
      new Flatten(),
      ...dense([pixels, ...widths], activation),
      ...(codeActivation ? [new activations[codeActivation]()] : []),
    );
    this.decoder = new Sequential(
      ...dense([pixels, ...widths].reverse(), activation),
      new Sigmoid(),
      new Unflatten(imageShape),
    );
  }

  override describe(): string {
    return "DenseAutoencoder";
  }
}

/** Linear layers with the activation between them. */
export function dense(widths: readonly number[], activation: AutoencoderActivation): Module[] {
  return widths.slice(1).flatMap((width, index) => {
    const layer = new Linear(widths[index], width);
    return index < widths.length - 2 ? [layer, new activations[activation]()] : [layer];
  });
}

export interface ConvolutionOptions {
  /** Of one image; height and width are multiples of 4. Default [1, 28, 28]. */
  readonly imageShape?: Shape;
  /** After the first and the second halving. Default [16, 32]. */
  readonly channels?: readonly [number, number];
  /**
   * How the decoder doubles the size: "nearest" repeats every pixel before a convolution, "transposed" is a transposed
   * convolution, whose window of 4 is a multiple of its stride so that every pixel gets as much. Default "nearest".
   */
  readonly up?: "nearest" | "transposed";
}

export interface ConvolutionalAutoencoderOptions extends ConvolutionOptions {
  /** Default 32. */
  readonly codeSize?: number;
}

/** Two strided convolutions down to a code, and the same way up again. */
export class ConvolutionalAutoencoder extends Autoencoder {
  readonly encoder: Sequential;
  readonly decoder: Sequential;
  readonly imageShape: Shape;

  /** @throws ArgumentError for an image that cannot be halved twice */
  constructor({ codeSize = 32, ...options }: ConvolutionalAutoencoderOptions = {}) {
    super();
    const { imageShape, features, down, up } = convolutions("convolutional autoencoder", options);
    this.imageShape = imageShape;
    this.encoder = new Sequential(...down(), new Linear(features, codeSize));
    this.decoder = new Sequential(new Linear(codeSize, features), ...up(), new Sigmoid());
  }

  override describe(): string {
    return "ConvolutionalAutoencoder";
  }
}

/**
 * The layers between an image and a vector of `features`: `down` halves it twice, `up` leads back to the pixels.
 * @param name for messages
 * @throws ArgumentError for an image that cannot be halved twice
 */
export function convolutions(
  name: string,
  { imageShape = [1, 28, 28], channels: [first, second] = [16, 32], up = "nearest" }: ConvolutionOptions,
) {
  const [colours, height, width] = imageShape;
  if (height % 4 !== 0 || width % 4 !== 0) {
    throw new ArgumentError(
      `${name}: images of ${height} × ${width} cannot be halved twice`,
      "pad or crop them so that height and width are multiples of 4",
    );
  }
  const smallest = [second, height / 4, width / 4];
  const double = (from: number, to: number) =>
    up === "transposed"
      ? [new ConvTranspose2d(from, to, 4, { stride: 2, padding: 1 })]
      : [new UpsampleNearest2d(2), new Conv2d(from, to, 3, { padding: 1 })];
  return {
    imageShape,
    features: sizeOf(smallest),
    down: () => [
      new Conv2d(colours, first, 3, { stride: 2, padding: 1 }),
      new ReLU(),
      new Conv2d(first, second, 3, { stride: 2, padding: 1 }),
      new ReLU(),
      new Flatten(),
    ],
    up: () => [
      new ReLU(),
      new Unflatten(smallest),
      ...double(second, first),
      new ReLU(),
      ...double(first, colours),
    ],
  };
}
