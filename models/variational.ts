/**
 * Variational autoencoders: Kingma, Welling, "Auto-encoding variational Bayes" (ICLR 2014). An image has no single code
 * but a normal distribution of codes, which the encoder describes by a mean and a logarithm of the variance for every
 * dimension. Training makes the images likely, given a code drawn from it, and keeps these distributions close to
 * N(0, 1), so that a code drawn from N(0, 1) gives a new image. With β above 1 the latter counts more: Higgins et al.,
 * "beta-VAE" (ICLR 2017).
 *
 *     const beta = klWarmUp(500);
 *     const { loss, reconstruction, kl } = model.loss(images, fed([], () => Float32Array.of(beta(step()))));
 */
import type { ImageDataset } from "../data/dataset.ts";
import { ArgumentError } from "../engine/errors.ts";
import { Linear, Sequential } from "../engine/nn/layers.ts";
import { Module } from "../engine/nn/module.ts";
import { relu, sigmoid } from "../engine/ops/activations.ts";
import { add, exp, mul, square, sub } from "../engine/ops/arithmetic.ts";
import type { Operand } from "../engine/ops/binary.ts";
import { expand, flatten, reshape } from "../engine/ops/layout.ts";
import { logSumExp } from "../engine/ops/logSumExp.ts";
import { bceWithLogitsLoss, klDivGaussian, mseLoss } from "../engine/ops/losses.ts";
import { sum } from "../engine/ops/reduce.ts";
import type { Reduction } from "../engine/ops/reduction.ts";
import { normal } from "../engine/random.ts";
import { type Shape, sizeOf } from "../engine/shape.ts";
import { type Tensor, tensor } from "../engine/tensor.ts";
import { type ConvolutionOptions, convolutions } from "./autoencoder.ts";
import { evaluationBatches } from "./evaluation.ts";

/** The codes of images: normal, independent in every dimension; [N, codeSize] both. */
export interface Posterior {
  readonly mean: Tensor;
  readonly logVariance: Tensor;
}

/** The negative lower bound of log p(image) and its parts: the mean over the images, in nats. */
export interface VariationalLoss {
  /** reconstruction + β · kl: what to minimise. */
  readonly loss: Tensor;
  /** −log p(image | code), for one code drawn for each image. Without gradient. */
  readonly reconstruction: Tensor;
  /** The divergence of the codes' distributions from N(0, 1). Without gradient. */
  readonly kl: Tensor;
}

/**
 * How pixels are distributed around what the decoder draws: black or white with that probability, or normally with
 * the standard deviation `gaussian`.
 */
export type Likelihood = "bernoulli" | { readonly gaussian: number };

/** A code for every image, drawn so that gradients reach the mean and the variance. @param noise from N(0, 1) */
export function reparameterise({ mean, logVariance }: Posterior, noise = normal(mean.shape)): Tensor {
  return add(mean, mul(exp(mul(logVariance, 0.5)), noise));
}

/** β for each step, counted from 0: in a straight line from 0 to `beta`, and `beta` from there on. */
export function klWarmUp(steps: number, beta = 1): (step: number) => number {
  return (step) => (step < steps ? (beta * step) / steps : beta);
}

export abstract class VariationalAutoencoder extends Module {
  /** Of one image: [C, H, W]. */
  abstract readonly imageShape: Shape;
  abstract readonly codeSize: number;
  abstract readonly likelihood: Likelihood;

  /** [N, C, H, W] with pixels in [0, 1]. */
  abstract encode(images: Tensor): Posterior;

  /** [N, codeSize] to what the sigmoid makes pixels of, [N, C, H, W]. */
  protected abstract logits(codes: Tensor): Tensor;

  /** [N, codeSize] to images, [N, C, H, W]: the mean of every pixel. */
  decode(codes: Tensor): Tensor {
    return sigmoid(this.logits(codes));
  }

  /** The reconstruction from the mean of the codes. */
  forward(images: Tensor): Tensor {
    return this.decode(this.encode(images).mean);
  }

  /** @param noise what the codes are drawn by: from N(0, 1), [N, codeSize] */
  loss(images: Tensor, beta: Operand = 1, noise = normal([images.shape[0], this.codeSize])): VariationalLoss {
    const posterior = this.encode(images);
    const codes = reparameterise(posterior, noise);
    const reconstruction = mul(this.negativeLogLikelihood(images, codes, "sum"), 1 / images.shape[0]);
    const kl = klDivGaussian(posterior.mean, posterior.logVariance);
    const loss = add(reconstruction, mul(kl, beta));
    return { loss, reconstruction: reconstruction.detach(), kl: kl.detach() };
  }

  /** −log p(image | code) in nats: the sum over all pixels, or that of every pixel. */
  negativeLogLikelihood(images: Tensor, codes: Tensor, reduction: Exclude<Reduction, "mean">): Tensor {
    const logits = this.logits(codes);
    if (this.likelihood === "bernoulli") return bceWithLogitsLoss(logits, images, { reduction });
    const { gaussian: std } = this.likelihood;
    const constant = Math.log(std) + 0.5 * Math.log(2 * Math.PI);
    const squares = mul(mseLoss(sigmoid(logits), images, { reduction }), 0.5 / std ** 2);
    return add(squares, reduction === "sum" ? images.size * constant : constant);
  }

  /** New images, from codes drawn from N(0, 1): [count, C, H, W]. */
  sample(count: number): Tensor {
    return this.decode(normal([count, this.codeSize]));
  }

  /**
   * From each image to its partner along the line between the means of their codes.
   * @param from [N, C, H, W]
   * @param to [N, C, H, W]
   * @param steps images on the way, both ends included: 2 or more
   * @returns [N · steps, C, H, W], a row of `steps` for each pair
   * @throws ArgumentError, ShapeError
   */
  interpolate(from: Tensor, to: Tensor, steps: number): Tensor {
    if (!Number.isInteger(steps) || steps < 2)
      throw new ArgumentError(`interpolate: steps must be a whole number, 2 or more, got ${steps}`);
    const count = from.shape[0];
    const [start, end] = [from, to].map((images) =>
      reshape(this.encode(images).mean, [images.shape[0], 1, this.codeSize]),
    );
    const shares = Float32Array.from({ length: steps }, (_, step) => step / (steps - 1));
    const codes = add(start, mul(sub(end, start), tensor(shares, { shape: [steps, 1] })));
    return this.decode(reshape(codes, [count * steps, this.codeSize]));
  }

  /**
   * What is where in a code of two dimensions: the images of `latentGrid(side)`.
   * @returns [side · side, C, H, W]
   * @throws ArgumentError unless codeSize is 2
   */
  latentMap(side: number): Tensor {
    return this.decode(this.latentGrid(side));
  }

  /**
   * Codes of two dimensions that lie so that the same share of N(0, 1) falls between neighbours.
   * @returns [side · side, 2], row by row; the first dimension grows to the right, the second one downwards
   * @throws ArgumentError unless codeSize is 2
   */
  latentGrid(side: number): Tensor {
    if (this.codeSize !== 2) {
      throw new ArgumentError(
        `latentMap: only a code of two dimensions can be laid out as a map, and this one has ${this.codeSize}`,
        "build the model with codeSize 2",
      );
    }
    const places = Array.from({ length: side }, (_, index) => normalQuantile((index + 0.5) / side));
    return tensor(places.flatMap((second) => places.map((first) => [first, second])));
  }
}

export interface DenseVariationalAutoencoderOptions {
  /** Of one image. Default [1, 28, 28]. */
  readonly imageShape?: Shape;
  /** Units between image and code, on both sides. Default 400. */
  readonly hidden?: number;
  /** Default 20. */
  readonly codeSize?: number;
  /** Default "bernoulli". */
  readonly likelihood?: Likelihood;
}

/** Fully connected, 784-400-20-400-784 by default; the layers' names are those of PyTorch's example. */
export class DenseVariationalAutoencoder extends VariationalAutoencoder {
  readonly imageShape: Shape;
  readonly codeSize: number;
  readonly likelihood: Likelihood;
  readonly fc1: Linear;
  readonly fc21: Linear;
  readonly fc22: Linear;
  readonly fc3: Linear;
  readonly fc4: Linear;

  /** @throws ArgumentError */
  constructor({
    imageShape = [1, 28, 28],
    hidden = 400,
    codeSize = 20,
    likelihood = "bernoulli",
  }: DenseVariationalAutoencoderOptions = {}) {
    super();
    requireLikelihood(likelihood);
    this.imageShape = imageShape;
    this.codeSize = codeSize;
    this.likelihood = likelihood;
    const pixels = sizeOf(imageShape);
    this.fc1 = new Linear(pixels, hidden);
    this.fc21 = new Linear(hidden, codeSize);
    this.fc22 = new Linear(hidden, codeSize);
    this.fc3 = new Linear(codeSize, hidden);
    this.fc4 = new Linear(hidden, pixels);
  }

  encode(images: Tensor): Posterior {
    return this.within(() => {
      const hidden = relu(this.fc1.call(flatten(images)));
      return { mean: this.fc21.call(hidden), logVariance: this.fc22.call(hidden) };
    });
  }

  protected logits(codes: Tensor): Tensor {
    const hidden = relu(this.fc3.call(codes));
    return reshape(this.fc4.call(hidden), [codes.shape[0], ...this.imageShape]);
  }

  override describe(): string {
    return "DenseVariationalAutoencoder";
  }
}

export interface ConvolutionalVariationalAutoencoderOptions extends ConvolutionOptions {
  /** Default 20. */
  readonly codeSize?: number;
  /** Default "bernoulli". */
  readonly likelihood?: Likelihood;
}

/** The convolutions of `ConvolutionalAutoencoder` around a distribution of codes. */
export class ConvolutionalVariationalAutoencoder extends VariationalAutoencoder {
  readonly imageShape: Shape;
  readonly codeSize: number;
  readonly likelihood: Likelihood;
  readonly encoder: Sequential;
  readonly mean: Linear;
  readonly logVariance: Linear;
  readonly decoder: Sequential;

  /** @throws ArgumentError */
  constructor({
    codeSize = 20,
    likelihood = "bernoulli",
    ...options
  }: ConvolutionalVariationalAutoencoderOptions = {}) {
    super();
    requireLikelihood(likelihood);
    const { imageShape, features, down, up } = convolutions("convolutional variational autoencoder", options);
    this.imageShape = imageShape;
    this.codeSize = codeSize;
    this.likelihood = likelihood;
    this.encoder = new Sequential(...down());
    this.mean = new Linear(features, codeSize);
    this.logVariance = new Linear(features, codeSize);
    this.decoder = new Sequential(new Linear(codeSize, features), ...up());
  }

  encode(images: Tensor): Posterior {
    return this.within(() => {
      const features = this.encoder.call(images);
      return { mean: this.mean.call(features), logVariance: this.logVariance.call(features) };
    });
  }

  protected logits(codes: Tensor): Tensor {
    return this.within(() => this.decoder.call(codes));
  }

  override describe(): string {
    return "ConvolutionalVariationalAutoencoder";
  }
}

/** @throws ArgumentError */
function requireLikelihood(likelihood: Likelihood): void {
  if (likelihood === "bernoulli") return;
  const std = likelihood.gaussian;
  if (!(std > 0 && Number.isFinite(std)))
    throw new ArgumentError(
      `variational autoencoder: the standard deviation of a gaussian likelihood must be a finite number above 0, got ${std}`,
    );
}

/** The number below which N(0, 1) lies with the probability p: Newton's method on the distribution function. */
function normalQuantile(p: number): number {
  let x = 0;
  for (let step = 0; step < 50; step++) {
    const density = Math.exp(-(x * x) / 2) / Math.sqrt(2 * Math.PI);
    // Marsaglia, "Evaluating the normal distribution" (Journal of Statistical Software 11, 2004)
    let term = x;
    let series = x;
    for (let n = 3; Math.abs(term) > 1e-17 * Math.abs(series); n += 2) series += term *= (x * x) / n;
    x -= (0.5 + series * density - p) / density;
  }
  return x;
}

/** The negative lower bound of log p(image) on a dataset, and its parts: means over the images, in nats. */
export interface ElboReport {
  readonly negativeElbo: number;
  readonly reconstruction: number;
  readonly kl: number;
}

/** With one code drawn for each image, from the seed. */
export async function evaluateElbo(
  model: VariationalAutoencoder,
  dataset: ImageDataset,
  seed = 0,
): Promise<ElboReport> {
  const sums = { reconstruction: 0, kl: 0 };
  for await (const { images, count, measure } of evaluationBatches(model, dataset, { seed })) {
    const { reconstruction, kl } = measure(() => model.loss(images));
    sums.reconstruction += count * (await reconstruction.item());
    sums.kl += count * (await kl.item());
  }
  const [reconstruction, kl] = [sums.reconstruction / dataset.count, sums.kl / dataset.count];
  return { negativeElbo: reconstruction + kl, reconstruction, kl };
}

/** Codes that are decoded at a time. */
const chunkSize = 1000;

/**
 * A tighter bound of −log p(image): −log of the mean of p(image, code) / q(code | image) over so many codes drawn
 * from q for each image. (Burda, Grosse, Salakhutdinov: Importance weighted autoencoders, ICLR 2016)
 * @param samples codes an image: 1 or more
 * @returns the mean over the images, in nats
 * @throws ArgumentError
 */
export async function importanceWeightedBound(
  model: VariationalAutoencoder,
  dataset: ImageDataset,
  samples: number,
  seed = 0,
): Promise<number> {
  if (!Number.isInteger(samples) || samples < 1) {
    throw new ArgumentError(
      `importanceWeightedBound: samples must be a whole number, 1 or more, got ${samples}`,
    );
  }
  const batchSize = 50;
  let total = 0;
  for await (const { images, count, measure } of evaluationBatches(model, dataset, { batchSize, seed })) {
    const posterior = measure(() => model.encode(images));
    let weights = new Float64Array(count).fill(Number.NEGATIVE_INFINITY);
    for (let drawn = 0; drawn < samples; drawn += chunkSize / batchSize) {
      const chunk = Math.min(samples - drawn, chunkSize / batchSize);
      const sums = measure(() => logSumExp(logWeights(model, images, posterior, chunk), { axes: 0 }));
      const values = await sums.data();
      weights = weights.map((weight, image) => logAddExp(weight, values[image]));
    }
    for (const weight of weights) total += Math.log(samples) - weight;
  }
  return total / dataset.count;
}

/** log p(image, code) − log q(code | image) of codes drawn from q: [samples, N]. */
function logWeights(
  model: VariationalAutoencoder,
  images: Tensor,
  { mean, logVariance }: Posterior,
  samples: number,
): Tensor {
  const [count, codeSize] = mean.shape;
  const noise = normal([samples, count, codeSize]);
  const codes = reparameterise({ mean, logVariance }, noise);
  const repeated = reshape(expand(images, [samples, ...images.shape]), [
    samples * count,
    ...images.shape.slice(1),
  ]);
  const perPixel = model.negativeLogLikelihood(repeated, reshape(codes, [samples * count, codeSize]), "none");
  const likelihoods = sum(reshape(perPixel, [samples, count, perPixel.size / (samples * count)]), {
    axes: 2,
  });
  // log N(code; 0, 1) − log N(code; mean, variance), where noise² = (code − mean)² / variance
  const densities = mul(sum(add(sub(square(noise), square(codes)), logVariance), { axes: 2 }), 0.5);
  return sub(densities, likelihoods);
}

function logAddExp(a: number, b: number): number {
  return Math.max(a, b) + Math.log1p(Math.exp(-Math.abs(a - b)));
}
