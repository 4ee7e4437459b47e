/** Stochastic gradient descent. */
import sgdSource from "../../shaders/sgd.wgsl";
import momentumSource from "../../shaders/sgd_momentum.wgsl";
import { requireNonNegative } from "../arguments.ts";
import { ArgumentError } from "../errors.ts";
import { type Constants, kernel } from "../gpu/kernel.ts";
import { type OptimizedParameters, Optimizer, type ParameterGroup, type Update } from "./optimizer.ts";

export interface SGDOptions {
  readonly learningRate: number;
  /** Default: 0. */
  readonly momentum?: number;
  /** How much of every gradient but the first the buffer does not take. Default: 0. */
  readonly dampening?: number;
  /** Looks one momentum step ahead. Default: false. */
  readonly nesterov?: boolean;
  /** The factor of the L2 penalty: weightDecay · weight joins the gradient. Default: 0. */
  readonly weightDecay?: number;
}

/**
 * Stochastic gradient descent, with momentum and Nesterov's variant as PyTorch computes them (after Sutskever,
 * Martens, Dahl, Hinton, ICML 2013): buffer = momentum · buffer + (1 - dampening) · gradient, where the first
 * gradient enters whole. (`torch.optim.SGD`)
 */
export class SGD extends Optimizer {
  readonly #options: Required<Omit<SGDOptions, "learningRate" | "weightDecay">>;

  /** @throws ArgumentError, AutogradError, DtypeError */
  constructor(parameters: OptimizedParameters, options: SGDOptions) {
    const { learningRate, momentum = 0, dampening = 0, nesterov = false, weightDecay = 0 } = options;
    requireNonNegative("SGD", { momentum, dampening });
    if (nesterov && (momentum === 0 || dampening !== 0)) {
      throw new ArgumentError(
        `SGD: nesterov needs a momentum above 0 and no dampening, got momentum ${momentum} and dampening ${dampening}`,
      );
    }
    super("SGD", parameters, { learningRate, weightDecay }, momentum > 0 ? ["momentumBuffer"] : []);
    this.#options = { momentum, dampening, nesterov };
  }

  protected override update(group: ParameterGroup, step: () => number, constants: Constants): Update {
    const { momentum, dampening, nesterov } = this.#options;
    if (momentum === 0) {
      return {
        kernel: kernel("sgd", [sgdSource], constants),
        uniforms: () => ({ learningRate: group.learningRate, weightDecay: group.weightDecay }),
        flops: 4,
      };
    }
    return {
      kernel: kernel("sgdMomentum", [momentumSource], { ...constants, nesterov }),
      uniforms: () => ({
        learningRate: group.learningRate,
        momentum,
        gradientShare: step() === 1 ? 1 : 1 - dampening,
        weightDecay: group.weightDecay,
      }),
      flops: nesterov ? 9 : 7,
    };
  }
}
