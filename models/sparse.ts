/**
 * Autoencoders whose weights are kept small or whose codes are kept sparse: by absolute values, by squares, and by the
 * penalty of Ng's lecture notes "Sparse autoencoder" (CS294A, 2011), which wants every unit of the code to be quiet on
 * most images:
 *
 *     const model = new DenseAutoencoder({ widths: [196], activation: "sigmoid", codeActivation: "sigmoid" });
 *     const loss = ({ images }) => sparseLoss(model, images, { sparsity: { target: 0.1, factor: 0.01 } });
 */
import { ArgumentError } from "../engine/errors.ts";
import { abs, add, mul, square, sub } from "../engine/ops/arithmetic.ts";
import { filled } from "../engine/ops/elementwise.ts";
import { bceLoss } from "../engine/ops/losses.ts";
import { mean, sum } from "../engine/ops/reduce.ts";
import type { Tensor } from "../engine/tensor.ts";
import { type Autoencoder, type ReconstructionLoss, reconstructionLoss } from "./autoencoder.ts";

/** What each penalty is multiplied by; one that is left out is not computed. */
export interface Penalties {
  /** For the sum of |w| over the weights of all layers; biases go free. */
  readonly weightL1?: number;
  /** For the sum of w² over the weights of all layers; biases go free. */
  readonly weightL2?: number;
  /** For the sum of the absolute values of an image's code, averaged over the batch. */
  readonly codeL1?: number;
  /** For the sum of the squares of an image's code, averaged over the batch. */
  readonly codeL2?: number;
  /** For `sparsityDivergence` from the target; for codes from 0 to 1. */
  readonly sparsity?: { readonly target: number; readonly factor: number };
}

/** The reconstruction's distance from the images, and the penalties on top. @throws ArgumentError */
export function sparseLoss(
  model: Autoencoder,
  images: Tensor,
  { weightL1, weightL2, codeL1, codeL2, sparsity }: Penalties,
  kind: ReconstructionLoss = "mse",
): Tensor {
  const codes = model.encode(images);
  const weights = [...model.parameters()].filter(({ shape }) => shape.length > 1);
  const share = 1 / images.shape[0];
  const terms = [reconstructionLoss(kind, model.decode(codes), images)];
  if (weightL1) terms.push(...weights.map((weight) => mul(sum(abs(weight)), weightL1)));
  if (weightL2) terms.push(...weights.map((weight) => mul(sum(square(weight)), weightL2)));
  if (codeL1) terms.push(mul(sum(abs(codes)), codeL1 * share));
  if (codeL2) terms.push(mul(sum(square(codes)), codeL2 * share));
  if (sparsity) terms.push(mul(sparsityDivergence(codes, sparsity.target), sparsity.factor));
  return terms.reduce((total, term) => add(total, term));
}

/**
 * How far the units of a code are from being on in a share `target` of the images: the Kullback-Leibler divergence
 * of the units' means over the batch, taken as probabilities, from `target`, added up over the units, in nats.
 * @param codes [N, codeSize], from 0 to 1
 * @throws ArgumentError unless the target lies between 0 and 1
 */
export function sparsityDivergence(codes: Tensor, target: number): Tensor {
  if (!(target > 0 && target < 1))
    throw new ArgumentError(`sparsityDivergence: the target must lie between 0 and 1, got ${target}`);
  const means = mean(codes, { axes: 0 });
  const targets = filled(codes.gpu, means.shape, target);
  // The divergence is the cross entropy less the entropy of the target, which no weight can change.
  const entropy = -(target * Math.log(target) + (1 - target) * Math.log(1 - target));
  return sub(bceLoss(means, targets, { reduction: "sum" }), means.size * entropy);
}
