/**
 * Loss scaling for mixed precision: Micikevicius et al., "Mixed precision training" (ICLR 2018), section 3.2, with a scale
 * that finds itself, as in torch.cuda.amp.GradScaler. Gradients that float16 would round to zero are multiplied, by way of
 * the loss, and divided again as float32. The scale lives on the device, and so does the decision to skip a step whose
 * gradients overflowed: the host waits for nothing.
 */
import lossScaleSource from "../../shaders/loss_scale.wgsl";
import limitSource from "../../shaders/norm_limit.wgsl";
import teamSource from "../../shaders/team.wgsl";
import { requirePositive } from "../arguments.ts";
import { ArgumentError } from "../errors.ts";
import { kernel } from "../gpu/kernel.ts";
import { dispatch } from "../ops/define.ts";
import { copyInto } from "../ops/elementwise.ts";
import { withOrigin } from "../origin.ts";
import { emptyTensor, full, requireFloat16, Tensor, zeros } from "../tensor.ts";
import { gradientsOf, multiply, normLimit, squareSums } from "./clip.ts";
import type { Optimizer, Remembering } from "./optimizer.ts";

export interface GradScalerOptions {
  /** The scale at first. Default: 65536. */
  readonly initialScale?: number;
  /** By what the scale is multiplied after `growthInterval` steps in a row without an overflow. Default: 2. */
  readonly growthFactor?: number;
  /** By what it is multiplied after an overflow. Default: 0.5. */
  readonly backoffFactor?: number;
  /** Default: 2000. */
  readonly growthInterval?: number;
}

/** What a training step with `autocast` does in place of `loss.backward()` and `optimizer.step()`. */
export interface GradScaler extends Remembering {
  /** One number on the device, which changes with every step. */
  readonly scale: Tensor;
  /** Computes the gradients of scale · loss. @param loss of one element, float32 */
  backward(loss: Tensor): void;
  /**
   * Takes the scale away from all gradients, and limits the norm of all together to `maxNorm` (`clipGradNorm`); then the
   * optimiser's step, which leaves weights and what is remembered about them alone where a gradient is not finite (but
   * counts: for a schedule, Adam's correction of its first steps, or SGD's first one without dampening); then the next scale.
   * @returns the norm without the scale, before it is limited: not finite where the step was skipped
   * @throws ArgumentError
   */
  step(maxNorm?: number): Tensor;
}

/**
 * A scaler for the gradients that one optimiser sees.
 * @throws LimitError on an adapter without float16; ArgumentError
 */
export function gradScaler(optimizer: Optimizer, options: GradScalerOptions = {}): GradScaler {
  const { initialScale = 65536, growthFactor = 2, backoffFactor = 0.5, growthInterval = 2000 } = options;
  requirePositive("gradScaler", { initialScale, growthFactor, backoffFactor, growthInterval });
  const { parameters } = optimizer;
  const [{ gpu }] = parameters;
  requireFloat16(gpu);
  const scale = full([], initialScale, { gpu });
  const goodSteps = zeros([], { gpu });

  /** From scaled gradients to true ones. */
  function unscale(maxNorm: number): { readonly norm: Tensor; readonly skip: Tensor } {
    const most = normLimit("gradScaler", maxNorm);
    const { gradients } = gradientsOf("gradScaler", parameters);
    if (gradients.length === 0) {
      throw new ArgumentError(
        "gradScaler: no parameter has a gradient",
        "call scaler.backward(loss) before scaler.step(), with a loss that depends on the optimiser's parameters",
      );
    }
    const sums = squareSums(gradients);
    const [norm, factor, skip] = [0, 0, 0].map(() => emptyTensor(gpu, []));
    dispatch({
      kernel: kernel("lossScale", [teamSource, limitSource, lossScaleSource], { teamSize: 64 }),
      buffers: [sums, scale, goodSteps, norm, factor, skip],
      uniforms: {
        count: sums.size,
        most,
        growth: growthFactor,
        backoff: backoffFactor,
        interval: growthInterval,
      },
      workgroups: 1,
      flops: sums.size,
    });
    multiply(gradients, factor);
    return { norm, skip };
  }

  return {
    scale,
    parameters,
    backward: (loss) =>
      loss.backward(new Tensor(scale.storage, loss.size === 1 ? loss.shape : [], "float32")),
    step(maxNorm = Number.POSITIVE_INFINITY) {
      const { norm, skip } = withOrigin({ phase: "update" }, () => unscale(maxNorm));
      optimizer.step(skip);
      return norm;
    },
    stateDict: () => ({ numbers: {}, tensors: { scale, goodSteps } }),
    loadStateDict({ tensors }) {
      for (const name of ["scale", "goodSteps"]) {
        if (tensors[name]?.size !== 1) {
          throw new ArgumentError(
            `gradScaler: the state has no number ${name}`,
            "load what stateDict() of a gradScaler returned",
          );
        }
      }
      copyInto(scale, tensors.scale);
      copyInto(goodSteps, tensors.goodSteps);
    },
  };
}
