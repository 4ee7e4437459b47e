/**
 * The losses that compare two tensors element by element, with PyTorch's definitions: a formula for the value and one
 * for each gradient. A loss that is reduced is one kernel forward (two, if it is large) and one an input backward.
 */
import lossSource from "../../shaders/loss.wgsl";
import lossGradientSource from "../../shaders/loss_gradient.wgsl";
import teamSource from "../../shaders/team.wgsl";
import { requireRange } from "../arguments.ts";
import { ShapeError } from "../errors.ts";
import { unfinished } from "../gpu/elementMap.ts";
import { kernel } from "../gpu/kernel.ts";
import { type NdArray, zipArrays } from "../reference.ts";
import { type Shape, sameShape, showShape, sizeOf } from "../shape.ts";
import { emptyLike, emptyTensor, type Tensor, viewOf } from "../tensor.ts";
import { logisticTail } from "./activations.ts";
import {
  defineOp,
  dispatch,
  type InputValues,
  type Op,
  type OpChecks,
  requireDtype,
  type Sample,
} from "./define.ts";
import { binaryKernel, type Parameters } from "./elementwise.ts";
import { fold } from "./fold.ts";
import {
  type LossOptions,
  type Reduced,
  reduceReference,
  reductionOf,
  reductions,
  scaleOf,
} from "./reduction.ts";
import { dispatchElements } from "./slices.ts";

interface LossFormulas {
  /** WGSL for the loss of one element, from x, its target t and the parameters. */
  readonly forward: string;
  /** WGSL for dx and dt, from x, t, dy and the parameters. */
  readonly backward: readonly [string, string];
  /** WGSL functions that the formulas call. */
  readonly functions?: string;
  /** What messages call the two tensors. Default: "x" and "the target". */
  readonly names?: readonly [string, string];
  /** By what "mean" divides the sum, for tensors of this shape. Default: the number of elements. */
  readonly divisor?: (shape: Shape) => number;
}

interface LossCase extends Reduced {
  /** Numbers that the formulas use beside x and t, by name. They rarely change, so they are part of the kernel. */
  readonly parameters?: Parameters;
}

/** Each thread that sums losses takes this many vectors of four … */
const vectorsPerThread = 8;
/** … or more: a workgroup that meets at barriers is dear on CPU adapters, and the second pass wants few sums. */
const mostWorkgroups = { registers: 8, workgroup: 256 } as const;

function defineLoss(name: string, formulas: LossFormulas): Op<LossCase> {
  const { divisor = sizeOf, names: [firstName, secondName] = ["x", "the target"] } = formulas;
  function combine(formula: string, parameters: Parameters = {}): string {
    const constants = Object.entries(parameters).map(
      ([parameter, value]) => `const ${parameter}: f32 = ${value};`,
    );
    const combined = `fn combine(x: f32, t: f32, dy: f32) -> f32 { return ${formula}; }`;
    return [...constants, formulas.functions, combined].join("\n");
  }
  /** A formula for every element. */
  function elementwise(kernelName: string, combine: string, x: Tensor, target: Tensor, dy: Tensor): Tensor {
    const result = emptyLike(x);
    const aliases = { input: "alias Input = f32;", output: "alias Output = f32;" };
    dispatchElements({
      kernel: binaryKernel(kernelName, { ...aliases, combine, ...unfinished() }),
      buffers: [x, target, dy, result],
      uniforms: {},
      flops: 1,
    });
    return result;
  }
  function summed(combine: string, x: Tensor, target: Tensor, scale: number): Tensor {
    const wanted = Math.ceil(x.size / (4 * vectorsPerThread * 64)) || 1;
    const workgroups = Math.min(wanted, mostWorkgroups[x.gpu.tiling]);
    const sums = emptyTensor(x.gpu, [workgroups]);
    dispatch({
      kernel: kernel(`${name}Sum`, [teamSource, lossSource], {
        teamSize: 64,
        combine,
      }),
      buffers: [x, target, sums],
      uniforms: { count: x.size, threads: 64 * workgroups, scale },
      workgroups,
      flops: 2 * x.size,
    });
    return viewOf(workgroups === 1 ? sums : fold("sum", sums, [0]), []);
  }
  /** A formula for every element, where the losses were summed. */
  function gradientOfSum(combine: string, x: Tensor, target: Tensor, dy: Tensor, scale: number): Tensor {
    const result = emptyLike(x);
    dispatchElements({
      kernel: kernel(`${name}SumGradient`, [lossGradientSource], { combine, ...unfinished() }),
      buffers: [x, target, dy, result],
      uniforms: { scale },
      flops: 1,
    });
    return result;
  }
  return defineOp<LossCase>({
    name,
    forward([x, target], { reduction, parameters }) {
      requireDtype(name, "float32", x, target);
      if (!sameShape(x.shape, target.shape)) {
        throw new ShapeError(
          `${name}: ${secondName} must have the shape of ${firstName}, ${showShape(x.shape)}, got ${showShape(target.shape)}`,
          `bring ${secondName} into this shape with reshape() or expand()`,
        );
      }
      const formula = combine(formulas.forward, parameters);
      if (reduction === "none") return elementwise(name, formula, x, target, x);
      return summed(formula, x, target, scaleOf(reduction, divisor(x.shape)));
    },
    backward: ({ gradient, inputs: [x, target], options: { reduction, parameters }, needs }) =>
      formulas.backward.map((backward, input) => {
        if (!needs(input)) return null;
        const formula = combine(backward, parameters);
        if (reduction === "none") return elementwise(`${name}Gradient`, formula, x, target, gradient);
        return gradientOfSum(formula, x, target, gradient, scaleOf(reduction, divisor(x.shape)));
      }),
  });
}

/** In float64: `lossOf` every element, reduced. */
function lossReference(
  [x, target]: readonly NdArray[],
  { reduction, parameters = {} }: LossCase,
  lossOf: (x: number, t: number, parameters: Parameters) => number,
  divisor?: number,
): NdArray {
  const losses = zipArrays(x, target, (a, b) => lossOf(a, b, parameters));
  return reduceReference(losses, reduction, divisor);
}

/**
 * Every reduction with odd sizes, one, a multiple of four, and more than one workgroup.
 * @param values where x and its target are taken from
 * @param parameters one set a row
 */
function lossSamples(
  values: readonly [InputValues, InputValues],
  parameters?: readonly Parameters[],
): Sample<LossCase>[] {
  const shapes: Shape[] = [[3, 5], [1], [2, 4, 8], [11, 13, 17]];
  return reductions.flatMap((reduction) =>
    (parameters ?? [undefined]).flatMap((set) =>
      shapes.map((shape) => ({
        inputs: values.map((from) => ({ shape, values: from })),
        options: set ? { reduction, parameters: set } : { reduction },
      })),
    ),
  );
}

export const mseLossOp = defineLoss("mseLoss", {
  forward: "(x - t) * (x - t)",
  backward: ["2.0 * dy * (x - t)", "-2.0 * dy * (x - t)"],
});

export const mseLossChecks: OpChecks<LossCase> = {
  op: mseLossOp,
  reference: (inputs, options) => lossReference(inputs, options, (x, t) => (x - t) ** 2),
  samples: () => lossSamples(["normal", "normal"]),
};

/**
 * The squared difference of x and target, float32 of one shape; both may ask for gradients. (`torch.nn.MSELoss`)
 * @throws ShapeError unless the shapes are equal; DtypeError, ArgumentError
 */
export function mseLoss(x: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  return mseLossOp.run([x, target], reductionOf("mseLoss", options));
}

export const l1LossOp = defineLoss("l1Loss", {
  forward: "abs(x - t)",
  backward: ["dy * sign(x - t)", "-dy * sign(x - t)"], // 0 where they are equal, as in PyTorch
});

export const l1LossChecks: OpChecks<LossCase> = {
  op: l1LossOp,
  reference: (inputs, options) => lossReference(inputs, options, (x, t) => Math.abs(x - t)),
  samples: () => lossSamples(["distinct", "distinct"]), // equal in places, where central differences give 0 as well
};

/**
 * The absolute difference of x and target, float32 of one shape; both may ask for gradients. (`torch.nn.L1Loss`)
 * @throws ShapeError unless the shapes are equal; DtypeError, ArgumentError
 */
export function l1Loss(x: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  return l1LossOp.run([x, target], reductionOf("l1Loss", options));
}

export interface HuberLossOptions extends LossOptions {
  /** The difference from which on the loss grows in a straight line. Default: 1. */
  readonly delta?: number;
}

/** Not by clamp, which would drop a NaN. */
const limitedDifference = "select(x - t, delta * sign(x - t), abs(x - t) > delta)";

export const huberLossOp = defineLoss("huberLoss", {
  forward: "select(delta * (abs(x - t) - 0.5 * delta), 0.5 * (x - t) * (x - t), abs(x - t) < delta)",
  backward: [`dy * ${limitedDifference}`, `-dy * ${limitedDifference}`],
});

export const huberLossChecks: OpChecks<LossCase> = {
  op: huberLossOp,
  reference: (inputs, options) =>
    lossReference(inputs, options, (x, t, { delta }) => {
      const difference = Math.abs(x - t);
      return difference < delta ? difference ** 2 / 2 : delta * (difference - delta / 2);
    }),
  samples: () => lossSamples(["normal", "normal"], [{ delta: 1 }, { delta: 0.3 }]),
};

/**
 * Half the squared difference of x and target where it is below `delta`, else delta · (|x - target| - delta / 2): no
 * outlier pulls harder than `delta`. float32 of one shape; both may ask for gradients. (`torch.nn.HuberLoss`)
 * @throws ShapeError unless the shapes are equal; ArgumentError unless delta is above 0; DtypeError
 */
export function huberLoss(x: Tensor, target: Tensor, options: HuberLossOptions = {}): Tensor {
  const { delta = 1 } = options;
  requireRange("huberLoss", { delta }, 1e-30, 1e30);
  return huberLossOp.run([x, target], { ...reductionOf("huberLoss", options), parameters: { delta } });
}

export const bceLossOp = defineLoss("bceLoss", {
  forward: "-(t * clampedLog(x) + (1.0 - t) * clampedLog(1.0 - x))",
  backward: ["dy * (x - t) / max(x * (1.0 - x), 1e-12)", "dy * (log(1.0 - x) - log(x))"],
  // Of a negative number or NaN: NaN, which max would drop.
  functions: `fn clampedLog(p: f32) -> f32 {
if (p > 0.0) { return max(log(p), -100.0); }
if (p == 0.0) { return -100.0; }
return bitcast<f32>(bitcast<u32>(p) | 0x7fc00000u); }`,
});

export const bceLossChecks: OpChecks<LossCase> = {
  op: bceLossOp,
  reference: (inputs, options) =>
    lossReference(
      inputs,
      options,
      (x, t) => -(t * Math.max(Math.log(x), -100) + (1 - t) * Math.max(Math.log(1 - x), -100)),
    ),
  samples: () => lossSamples(["probability", "probability"]),
};

/**
 * The binary cross entropy -(t · log x + (1 - t) · log(1 - x)) of probabilities x and target, float32 of one shape.
 * The logarithms are at least -100, and the divisor of x's gradient at least 1e-12, so that 0 and 1 do no harm; the
 * target's gradient, if it asks for one, is infinite there. x outside [0, 1] gives NaN. (`torch.nn.BCELoss`)
 * @throws ShapeError unless the shapes are equal; DtypeError, ArgumentError
 */
export function bceLoss(x: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  return bceLossOp.run([x, target], reductionOf("bceLoss", options));
}

export const bceWithLogitsLossOp = defineLoss("bceWithLogitsLoss", {
  forward: `max(x, 0.0) - x * t + ${logisticTail}`,
  backward: ["dy * (1.0 / (1.0 + exp(-x)) - t)", "-dy * x"],
});

export const bceWithLogitsLossChecks: OpChecks<LossCase> = {
  op: bceWithLogitsLossOp,
  reference: (inputs, options) =>
    lossReference(
      inputs,
      options,
      (x, t) => -(t * Math.log(1 / (1 + Math.exp(-x))) + (1 - t) * Math.log(1 / (1 + Math.exp(x)))),
    ),
  samples: () => lossSamples(["normal", "probability"]),
};

/**
 * `bceLoss` of sigmoid(x), computed from the logits x so that large ones lose nothing. (`torch.nn.BCEWithLogitsLoss`)
 * @throws ShapeError unless the shapes are equal; DtypeError, ArgumentError
 */
export function bceWithLogitsLoss(x: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  return bceWithLogitsLossOp.run([x, target], reductionOf("bceWithLogitsLoss", options));
}

export const klDivGaussianOp = defineLoss("klDivGaussian", {
  forward: "0.5 * (x * x + (exp(t) - t - 1.0))",
  backward: ["dy * x", "0.5 * dy * (exp(t) - 1.0)"],
  names: ["mean", "logVariance"],
  divisor: ([examples]) => examples,
});

export const klDivGaussianChecks: OpChecks<LossCase> = {
  op: klDivGaussianOp,
  reference: (inputs, options) =>
    lossReference(
      inputs,
      options,
      (mean, logVariance) => (mean ** 2 + Math.exp(logVariance) - logVariance - 1) / 2,
      inputs[0].shape[0],
    ),
  samples: () => lossSamples(["normal", "normal"]),
};

/**
 * How far the normal distributions N(mean, exp(logVariance)) are from N(0, 1), in nats: the Kullback-Leibler
 * divergence ½ · (mean² + exp(logVariance) - logVariance - 1) of every element; the term that pulls the codes of a
 * variational autoencoder together (Kingma, Welling: Auto-encoding variational Bayes, ICLR 2014, appendix B).
 * mean and logVariance are float32 [N, …], N examples.
 *
 * The reduction "mean" adds up the elements of an example and averages over the examples alone: sum / N, which PyTorch
 * calls "batchmean". "sum" is the sum of all elements, and "none" leaves every element, [N, …], as it is.
 * @throws ShapeError unless both have one shape of two axes or more; DtypeError, ArgumentError
 */
export function klDivGaussian(mean: Tensor, logVariance: Tensor, options: LossOptions = {}): Tensor {
  if (mean.shape.length < 2) {
    throw new ShapeError(
      `klDivGaussian: mean must be [N, latent] or [N, …], got ${showShape(mean.shape)}`,
      "a single example is a batch of one: reshape(mean, [1, -1])",
    );
  }
  return klDivGaussianOp.run([mean, logVariance], reductionOf("klDivGaussian", options));
}
