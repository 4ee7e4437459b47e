/**
 * Adversarial autoencoders: Makhzani, Shlens, Jaitly, Goodfellow, Frey (2015). A discriminator learns to tell codes of
 * images from codes drawn from a prior; the encoder learns to deceive it, so that its codes come to be distributed
 * like the prior. Three updates a step:
 *
 *     const model = new AdversarialAutoencoder();
 *     const update = adversarialUpdate(model, {
 *       reconstruction: new Adam([...model.encoder.parameters(), ...model.decoder.parameters()]),
 *       discriminator: new Adam(model.discriminator.parameters(), { betas: [0.5, 0.999] }),
 *       generator: new Adam(model.encoder.parameters(), { betas: [0.5, 0.999] }),
 *     });
 *     const { loss, discriminatorLoss, generatorLoss } = update(images);
 */
import type { ImageDataset } from "../data/dataset.ts";
import { inferenceMode } from "../engine/gradMode.ts";
import { Sequential } from "../engine/nn/layers.ts";
import { softplus } from "../engine/ops/activations.ts";
import { add, mul, neg } from "../engine/ops/arithmetic.ts";
import { to } from "../engine/ops/convert.ts";
import { indexSelect } from "../engine/ops/gather.ts";
import { mean } from "../engine/ops/reduce.ts";
import type { Optimizer } from "../engine/optim/optimizer.ts";
import { normal, uniform } from "../engine/random.ts";
import { type Tensor, tensor } from "../engine/tensor.ts";
import { DenseAutoencoder, type DenseAutoencoderOptions, dense } from "./autoencoder.ts";
import { evaluationBatches } from "./evaluation.ts";

/** Draws codes: [count, codeSize]. */
export type Prior = (count: number) => Tensor;

/** N(0, 1) in every dimension. */
export function gaussianPrior(codeSize: number): Prior {
  return (count) => normal([count, codeSize]);
}

/** Codes of two dimensions from `modes` normal distributions (std 0.5), evenly around a circle of radius 4. */
export function circlePrior(modes = 10): Prior {
  const angles = Array.from({ length: modes }, (_, mode) => (2 * Math.PI * mode) / modes);
  const centres = tensor(angles.map((angle) => [4 * Math.cos(angle), 4 * Math.sin(angle)]));
  return (count) => {
    const chosen = to(uniform([count], { high: modes }), "int32");
    return add(indexSelect(centres, chosen, 0), normal([count, 2], { std: 0.5 }));
  };
}

export interface AdversarialAutoencoderOptions extends Omit<DenseAutoencoderOptions, "codeActivation"> {
  /** The discriminator's hidden layers. Default [128, 128]. */
  readonly discriminatorWidths?: readonly number[];
  /** Of codes as long as the last of `widths`. Default: `gaussianPrior`. */
  readonly prior?: Prior;
}

/** Fully connected, 784-400-8-400-784 by default, and a discriminator of codes. */
export class AdversarialAutoencoder extends DenseAutoencoder {
  /** [N, codeSize] to logits, [N, 1]: above 0 for codes that seem to come from the prior. */
  readonly discriminator: Sequential;
  readonly prior: Prior;

  /** @throws ArgumentError */
  constructor({
    widths = [400, 8],
    discriminatorWidths = [128, 128],
    prior = gaussianPrior(widths[widths.length - 1]),
    ...options
  }: AdversarialAutoencoderOptions = {}) {
    super({ widths, ...options });
    const codeSize = widths[widths.length - 1];
    this.discriminator = new Sequential(...dense([codeSize, ...discriminatorWidths, 1], "relu"));
    this.prior = prior;
  }

  override describe(): string {
    return "AdversarialAutoencoder";
  }
}

/** For three sets of parameters: encoder and decoder, the discriminator, the encoder. */
export interface AdversarialOptimizers {
  readonly reconstruction: Optimizer;
  readonly discriminator: Optimizer;
  readonly generator: Optimizer;
}

/** Each can be read until the next step has ended. */
export interface AdversarialLosses {
  /** Of the reconstruction: mean squared error. */
  readonly loss: Tensor;
  /** The discriminator's cross entropy in nats; log 2 when it can only guess. */
  readonly discriminatorLoss: Tensor;
  /** The cross entropy of the encoder's codes passing for the prior's, in nats. */
  readonly generatorLoss: Tensor;

  readonly [part: string]: Tensor;
}

/** A step of training on images [N, C, H, W]. */
export function adversarialUpdate(
  model: AdversarialAutoencoder,
  { reconstruction, discriminator, generator }: AdversarialOptimizers,
): (images: Tensor) => AdversarialLosses {
  function descend(optimizer: Optimizer, loss: Tensor): Tensor {
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    return loss;
  }
  return (images) => {
    const loss = descend(reconstruction, model.loss(images));
    const codes = inferenceMode(() => model.encode(images));
    const priors = model.prior(images.shape[0]);
    const discriminatorLoss = descend(
      discriminator,
      mul(add(costOfYes(model.discriminator.call(priors)), costOfNo(model.discriminator.call(codes))), 0.5),
    );
    const judged = model.discriminator.call(model.encode(images));
    const generatorLoss = descend(generator, costOfYes(judged));
    return { loss, discriminatorLoss, generatorLoss };
  };
}

/** The mean cross entropy where the right answer is "from the prior": −log sigmoid(logits). */
function costOfYes(logits: Tensor): Tensor {
  return mean(softplus(neg(logits)));
}

/** The mean cross entropy where the right answer is "from the encoder". */
function costOfNo(logits: Tensor): Tensor {
  return mean(softplus(logits));
}

/** Of every dimension of the code. */
export interface CodeStatistics {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** How the codes of a dataset's images are distributed. */
export async function codeStatistics(
  model: AdversarialAutoencoder,
  dataset: ImageDataset,
): Promise<CodeStatistics> {
  const first: number[] = [];
  const sums: number[] = []; // of the differences from the first code: rounding would eat the variance of the codes themselves
  const squares: number[] = [];
  for await (const { images, measure } of evaluationBatches(model, dataset)) {
    const codes = measure(() => model.encode(images));
    const [, codeSize] = codes.shape;
    for (const [index, value] of (await codes.data()).entries()) {
      const dimension = index % codeSize;
      first[dimension] ??= value;
      const difference = value - first[dimension];
      sums[dimension] = (sums[dimension] ?? 0) + difference;
      squares[dimension] = (squares[dimension] ?? 0) + difference ** 2;
    }
  }
  const means = sums.map((sum) => sum / dataset.count);
  return {
    mean: means.map((mean, dimension) => first[dimension] + mean),
    std: means.map((mean, dimension) =>
      Math.sqrt(Math.max(0, squares[dimension] / dataset.count - mean ** 2)),
    ),
  };
}
