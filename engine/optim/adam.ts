/**
 * Adam: Kingma, Ba (ICLR 2015), and AdamW: Loshchilov, Hutter (ICLR 2019), as PyTorch computes them. They differ in
 * the weight decay: Adam adds it to the gradient, where the moments blur it; AdamW shrinks the weight itself.
 */
import adamSource from "../../shaders/adam.wgsl";
import { requireNonNegative, requireShare } from "../arguments.ts";
import { type Constants, kernel } from "../gpu/kernel.ts";
import { type OptimizedParameters, Optimizer, type ParameterGroup, type Update } from "./optimizer.ts";

export interface AdamOptions {
  /** Default: 0.001. */
  readonly learningRate?: number;
  /** How much of the running means of the gradient and of its square stays, each step. Default: [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Keeps the division finite. Default: 1e-8. */
  readonly epsilon?: number;
  /** Default: 0 for Adam, 0.01 for AdamW. */
  readonly weightDecay?: number;
}

abstract class AdamFamily extends Optimizer {
  readonly #options: Required<Omit<AdamOptions, "learningRate" | "weightDecay">>;
  readonly #isDecoupled: boolean;

  constructor(
    name: "Adam" | "AdamW",
    parameters: OptimizedParameters,
    {
      learningRate = 1e-3,
      betas = [0.9, 0.999],
      epsilon = 1e-8,
      weightDecay = name === "AdamW" ? 0.01 : 0,
    }: AdamOptions,
  ) {
    const [beta1, beta2] = betas;
    requireNonNegative(name, { epsilon });
    requireShare(name, { beta1, beta2 });
    super(name, parameters, { learningRate, weightDecay }, ["firstMoment", "secondMoment"]);
    this.#options = { betas, epsilon };
    this.#isDecoupled = name === "AdamW";
  }

  protected override update(group: ParameterGroup, step: () => number, constants: Constants): Update {
    const {
      betas: [beta1, beta2],
      epsilon,
    } = this.#options;
    return {
      kernel: kernel("adam", [adamSource], constants),
      uniforms: () => ({
        firstDecay: beta1,
        firstShare: 1 - beta1,
        secondDecay: beta2,
        secondShare: 1 - beta2,
        stepSize: group.learningRate / (1 - beta1 ** step()),
        correction: 1 / Math.sqrt(1 - beta2 ** step()),
        epsilon,
        gradientDecay: this.#isDecoupled ? 0 : group.weightDecay,
        weightFactor: this.#isDecoupled ? 1 - group.learningRate * group.weightDecay : 1,
      }),
      flops: 15,
    };
  }
}

/** Adam, whose weight decay joins the gradient. (`torch.optim.Adam`) */
export class Adam extends AdamFamily {
  /** @throws ArgumentError, AutogradError, DtypeError */
  constructor(parameters: OptimizedParameters, options: AdamOptions = {}) {
    super("Adam", parameters, options);
  }
}

/** Adam, whose weight decay shrinks the weight itself. (`torch.optim.AdamW`) */
export class AdamW extends AdamFamily {
  /** @throws ArgumentError, AutogradError, DtypeError */
  constructor(parameters: OptimizedParameters, options: AdamOptions = {}) {
    super("AdamW", parameters, options);
  }
}
