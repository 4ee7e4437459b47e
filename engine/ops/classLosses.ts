/**
 * The losses of a classifier, with PyTorch's definitions: cross entropy from logits, negative log-likelihood from their
 * log-softmax. Classes may have weights, one index may stand for "no class", and the mean is that of the weights.
 */
import weightsSource from "../../shaders/class_weights.wgsl";
import crossEntropySource from "../../shaders/cross_entropy.wgsl";
import crossEntropyGradientSource from "../../shaders/cross_entropy_gradient.wgsl";
import expSumSource from "../../shaders/exponential_sum.wgsl";
import nllSource from "../../shaders/nll_loss.wgsl";
import nllGradientSource from "../../shaders/nll_loss_gradient.wgsl";
import meanSource from "../../shaders/weighted_mean.wgsl";
import weightedSumSource from "../../shaders/weighted_sum.wgsl";
import { requireRange } from "../arguments.ts";
import { ArgumentError, AutogradError, ShapeError } from "../errors.ts";
import { kernel } from "../gpu/kernel.ts";
import { type NdArray, ndarray } from "../reference.ts";
import { type Shape, sameShape, showShape, sizeOf } from "../shape.ts";
import { emptyLike, emptyTensor, Tensor, tensor, viewOf } from "../tensor.ts";
import { defineOp, dispatch, type InputValues, type OpChecks, requireDtype, type Sample } from "./define.ts";
import { fold } from "./fold.ts";
import {
  type LossOptions,
  type Reduced,
  type Reduction,
  reduceReference,
  reductionOf,
  reductions,
} from "./reduction.ts";
import { alongRows, rowSources } from "./rows.ts";

export interface ClassLossOptions extends LossOptions {
  /** [C] float32: by what the loss of an example of this class is multiplied. Default: 1 each. */
  readonly weight?: Tensor;
  /** A target that stands for "no class": its loss is 0 and does not count in the mean. Default: -100. */
  readonly ignoreIndex?: number;
}

export interface CrossEntropyLossOptions extends ClassLossOptions {
  /** The share of the target, from 0 to 1, that is spread evenly over all classes. Default: 0. */
  readonly labelSmoothing?: number;
}

interface ClassCase extends Reduced {
  /** The checks give numbers. */
  readonly weight?: Tensor | readonly number[];
  readonly ignoreIndex: number;
}

interface CrossEntropyCase extends ClassCase {
  readonly labelSmoothing: number;
}

/** The options with their defaults. @throws ArgumentError */
function classCase(name: string, options: ClassLossOptions): ClassCase {
  const { weight, ignoreIndex = -100 } = options;
  if (!Number.isInteger(ignoreIndex) || ignoreIndex !== (ignoreIndex | 0))
    throw new ArgumentError(`${name}: ignoreIndex must be a whole number of 32 bits, got ${ignoreIndex}`);
  return { ...reductionOf(name, options), ignoreIndex, ...(weight && { weight }) };
}

/** The shape of a target for scores [N, C, …]: [N, …]. */
function withoutClasses(shape: Shape): Shape {
  return shape.filter((_, axis) => axis !== 1);
}

/** @param what the messages call the numbers of each class */
function checkClasses(name: string, what: string, scores: Tensor, target: Tensor): void {
  requireDtype(`${name}: ${what}`, "float32", scores);
  requireDtype(`${name}: target`, "int32", target);
  if (scores.shape.length < 2) {
    throw new ShapeError(
      `${name}: ${what} must be [N, C] or [N, C, d1, …], got ${showShape(scores.shape)}`,
      `a single example is a batch of one: reshape(${what}, [1, -1])`,
    );
  }
  const expected = withoutClasses(scores.shape);
  if (!sameShape(target.shape, expected)) {
    throw new ShapeError(
      `${name}: for ${what} ${showShape(scores.shape)} the target must be ${showShape(expected)}, got ${showShape(target.shape)}`,
      `the target holds the index of the class, one for all C ${what}`,
    );
  }
}

/** The weights of the classes on the device, if there are any. */
function classWeights(name: string, scores: Tensor, { weight }: ClassCase): Tensor | undefined {
  if (!weight) return undefined;
  const { gpu } = scores;
  const weights = weight instanceof Tensor ? weight : tensor(Float32Array.from(weight), { gpu });
  requireDtype(`${name}: weight`, "float32", weights);
  if (!sameShape(weights.shape, [scores.shape[1]])) {
    throw new ShapeError(
      `${name}: weight must be [${scores.shape[1]}], a number for each class, got ${showShape(weights.shape)}`,
    );
  }
  if (weights.requiresGrad) {
    throw new AutogradError(
      `${name}: there is no gradient for the weights of the classes`,
      "pass detach() of weight",
    );
  }
  if (weights.gpu !== gpu)
    throw new ArgumentError(`${name}: weight lives on another device`, "make all tensors on one device");
  return weights;
}

/** What goes in front of the kernels; `reduction` decides whether losses are stored with their weights. */
function forwardConstants(weights: Tensor | undefined, { reduction }: ClassCase) {
  const isMean = reduction === "mean";
  const [type, stored] = isMean ? ["vec2f", "vec2f(loss, weight)"] : ["f32", "loss"];
  return {
    isWeighted: weights !== undefined,
    isMean,
    loss: `alias Loss = ${type}; fn lossOf(loss: f32, weight: f32) -> Loss { return ${stored}; }`,
  };
}

function backwardConstants(weights: Tensor | undefined, { reduction }: ClassCase) {
  return {
    isWeighted: weights !== undefined,
    isReduced: reduction !== "none",
    isMean: reduction === "mean",
  };
}

function optionUniforms({ ignoreIndex, labelSmoothing = 0 }: ClassCase & Partial<CrossEntropyCase>) {
  return { ignoreIndex: ignoreIndex >>> 0, labelSmoothing };
}

/** How the scores of an example lie in memory: so many, so far apart. */
function geometry({ shape }: Tensor) {
  return { length: shape[1], inner: sizeOf(shape.slice(2)) };
}

/** A mean of more than so many losses a thread of one workgroup takes two passes … */
const manyLosses = 64;
/** … of which the first gives a thread so many of them. */
const fewLosses = 16;

/** Memory for the losses as `forwardConstants` has them stored. */
function emptyLosses(target: Tensor, reduction: Reduction): Tensor {
  return emptyTensor(target.gpu, reduction === "mean" ? [...target.shape, 2] : target.shape);
}

/** What `emptyLosses` made, reduced. In memory, a mean is followed by the weight of all losses, for the gradient. */
function reduceLosses(losses: Tensor, reduction: Reduction): Tensor {
  if (reduction === "none") return losses;
  return viewOf(
    reduction === "sum" ? fold("sum", losses, [...losses.shape.keys()]) : weightedMean(losses),
    [],
  );
}

/** So few scores are reduced to their loss by the workgroup that computes all losses. */
const fewScores = 4096;

function weightedMean(losses: Tensor): Tensor {
  const count = losses.size / 2;
  const workgroups = count <= 64 * manyLosses ? 1 : Math.min(Math.ceil(count / (64 * fewLosses)), 256);
  const result = emptyTensor(losses.gpu, [workgroups, 2]);
  const isLast = workgroups === 1;
  dispatch({
    kernel: kernel("weightedMean", [weightedSumSource, meanSource], { isLast }),
    buffers: [losses, result],
    uniforms: { count, threads: 64 * workgroups },
    workgroups,
    flops: losses.size,
  });
  return isLast ? result : weightedMean(result);
}

/** In float64: the loss of every example from what it would be for each class as the right one. */
function classReference(
  [scores, target]: readonly NdArray[],
  { reduction, ignoreIndex, weight }: ClassCase,
  lossOf: (scores: readonly number[], label: number, weights: readonly number[]) => number,
): NdArray {
  const [, classes, ...rest] = scores.shape;
  const inner = sizeOf(rest);
  const weights = (weight as readonly number[] | undefined) ?? new Array<number>(classes).fill(1);
  const counts = target.data.map((label) => (label === ignoreIndex ? 0 : weights[label]));
  const losses = target.data.map((label, row) => {
    const start = Math.floor(row / inner) * classes * inner + (row % inner);
    const own = Array.from({ length: classes }, (_, k) => scores.data[start + k * inner]);
    return label === ignoreIndex ? 0 : lossOf(own, label, weights);
  });
  return reduceReference(
    ndarray(target.shape, losses),
    reduction,
    counts.reduce((a, b) => a + b, 0),
  );
}

/** Odd sizes, 1, more than one workgroup, further axes; with short rows and long ones. */
const sampleShapes: readonly Shape[] = [
  [3, 5],
  [1, 1],
  [67, 10],
  [3, 201],
  [2, 3, 5],
  [2, 130, 3],
  [2, 4, 3, 7],
];

/** Weights for the checks: 0.5, 1, 1.5, 2, 0.5, … */
function sampleWeights(classes: number): number[] {
  return Array.from({ length: classes }, (_, k) => 0.5 + (k % 4) / 2);
}

function classSamples<Case>(
  shape: Shape,
  more: Partial<CrossEntropyCase>,
  values: InputValues = "normal",
): Sample<Case>[] {
  return reductions.map((reduction) => ({
    inputs: [
      { shape, values },
      { shape: withoutClasses(shape), values: { below: shape[1] } },
    ],
    options: { reduction, ignoreIndex: -100, ...more } as Case,
  }));
}

/** Every option, alone and with others; the last one has a mean of two passes. */
function optionSamples<Case>(values: InputValues): Sample<Case>[] {
  return [
    ...classSamples<Case>([5, 7], { weight: sampleWeights(7) }, values),
    ...classSamples<Case>([3, 5, 11], { ignoreIndex: 2 }, values),
    ...classSamples<Case>([67, 4], { ignoreIndex: 0, weight: sampleWeights(4) }, values),
    ...classSamples<Case>([3, 130], { ignoreIndex: 64, weight: sampleWeights(130) }, values),
    ...classSamples<Case>([5, 2, 29, 31], { ignoreIndex: 1, weight: [0.5, 1] }, values),
  ];
}

/** How both kernels walk the logits: along rows, or one workgroup along all of them. */
function alongLogits(logits: Tensor, options: CrossEntropyCase) {
  const { constants, uniforms, threads } = alongRows(logits, 1);
  const isWhole = options.reduction !== "none" && constants.teamSize === 1 && logits.size <= fewScores;
  return {
    constants: { ...constants, isSmoothed: options.labelSmoothing > 0, isWhole },
    uniforms: { ...uniforms, ...optionUniforms(options) },
    threads: isWhole ? 64 : threads,
  };
}

export const crossEntropyLossOp = defineOp<CrossEntropyCase>({
  name: "crossEntropyLoss",
  forward([logits, target], options) {
    checkClasses("crossEntropyLoss", "logits", logits, target);
    const weights = classWeights("crossEntropyLoss", logits, options);
    const { reduction } = options;
    const { constants, uniforms, threads } = alongLogits(logits, options);
    const { isWhole } = constants;
    const losses = isWhole ? emptyTensor(logits.gpu, [2]) : emptyLosses(target, reduction);
    const logSums = emptyTensor(logits.gpu, [...target.shape, 2]);
    const sources = [...rowSources, expSumSource, weightsSource, weightedSumSource, crossEntropySource];
    dispatch({
      kernel: kernel("crossEntropyLoss", sources, {
        ...constants,
        ...forwardConstants(weights, options),
      }),
      buffers: [logits, target, weights ?? logits, losses, logSums],
      uniforms,
      threads,
      flops: 4 * logits.size,
    });
    const saved = weights ? [logSums, weights] : [logSums];
    const output = isWhole ? viewOf(losses, []) : reduceLosses(losses, reduction);
    return { output, saved };
  },
  backward({ gradient, inputs: [logits, target], output, saved: [logSums, weights], options }) {
    const result = emptyLike(logits);
    const { constants, uniforms, threads } = alongLogits(logits, options);
    const sources = [...rowSources, weightsSource, crossEntropyGradientSource];
    dispatch({
      kernel: kernel("crossEntropyLossGradient", sources, {
        ...constants,
        ...backwardConstants(weights, options),
      }),
      buffers: [logits, target, weights ?? logits, logSums, output, gradient, result],
      uniforms,
      threads,
      flops: 5 * logits.size,
    });
    return [result, null];
  },
});

export const crossEntropyLossChecks: OpChecks<CrossEntropyCase> = {
  op: crossEntropyLossOp,
  reference: (inputs, options) =>
    classReference(inputs, options, (logits, label, weights) => {
      const logSum = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0));
      const losses = logits.map((logit, k) => weights[k] * (logSum - logit));
      const smooth = losses.reduce((a, b) => a + b, 0) / losses.length;
      return (1 - options.labelSmoothing) * losses[label] + options.labelSmoothing * smooth;
    }),
  samples: () => [
    ...sampleShapes.flatMap((shape) => classSamples<CrossEntropyCase>(shape, { labelSmoothing: 0 })),
    ...optionSamples<CrossEntropyCase>("normal").map(({ inputs, options }, index) => ({
      inputs,
      options: { ...options, labelSmoothing: [0, 0.1, 0.3][Math.floor(index / 3) % 3] },
    })),
    ...classSamples<CrossEntropyCase>([3, 5], { labelSmoothing: 0.2 }),
    ...classSamples<CrossEntropyCase>([3, 67], { labelSmoothing: 1, weight: sampleWeights(67) }),
  ],
};

/**
 * -log softmax(logits)[target]: logits are [N, C] or [N, C, d1, …] float32, target the index of the right class, int32
 * [N] or [N, d1, …]. "mean" divides by the number of targets, or by the sum of their weights, those left out that are
 * `ignoreIndex` (all of them: NaN). With label smoothing s, the target is 1 - s + s / C for the right class and s / C for
 * the others, each times its weight (Szegedy and others: Rethinking the Inception architecture, CVPR 2016, section 7).
 * Where an index lies outside of 0 to C - 1, the loss and the gradient are NaN. (`torch.nn.CrossEntropyLoss`)
 * @throws ShapeError, DtypeError, ArgumentError; AutogradError for weights that ask for a gradient
 */
export function crossEntropyLoss(
  logits: Tensor,
  target: Tensor,
  options: CrossEntropyLossOptions = {},
): Tensor {
  const { labelSmoothing = 0 } = options;
  requireRange("crossEntropyLoss", { labelSmoothing }, 0, 1);
  return crossEntropyLossOp.run([logits, target], {
    ...classCase("crossEntropyLoss", options),
    labelSmoothing,
  });
}

export const nllLossOp = defineOp<ClassCase>({
  name: "nllLoss",
  forward([x, target], options) {
    checkClasses("nllLoss", "logProbabilities", x, target);
    const weights = classWeights("nllLoss", x, options);
    const losses = emptyLosses(target, options.reduction);
    dispatch({
      kernel: kernel("nllLoss", [weightsSource, nllSource], forwardConstants(weights, options)),
      buffers: [x, target, weights ?? x, losses],
      uniforms: { ...geometry(x), rows: target.size, ...optionUniforms(options) },
      threads: target.size,
      flops: target.size,
    });
    return { output: reduceLosses(losses, options.reduction), saved: weights ? [weights] : [] };
  },
  backward({ gradient, inputs: [x, target], output, saved: [weights], options }) {
    const result = emptyLike(x);
    dispatch({
      kernel: kernel("nllLossGradient", [weightsSource, nllGradientSource], {
        ...backwardConstants(weights, options),
      }),
      buffers: [target, weights ?? gradient, output, gradient, result],
      uniforms: { ...geometry(x), count: x.size, ...optionUniforms(options) },
      threads: x.size,
      flops: target.size,
    });
    return [result, null];
  },
});

export const nllLossChecks: OpChecks<ClassCase> = {
  op: nllLossOp,
  reference: (inputs, options) =>
    classReference(inputs, options, (x, label, weights) => -weights[label] * x[label]),
  samples: () => [
    ...sampleShapes.flatMap((shape) => classSamples<ClassCase>(shape, {}, "positive")),
    ...optionSamples<ClassCase>("positive"),
  ],
};

/**
 * -logProbabilities[target]: the cross entropy of what `logSoftmax` along axis 1 gave. logProbabilities are [N, C] or
 * [N, C, d1, …] float32, target the index of the right class, int32 [N] or [N, d1, …]; for "mean", the options and an
 * index outside of 0 to C - 1 see `crossEntropyLoss`. (`torch.nn.NLLLoss`)
 * @throws ShapeError, DtypeError, ArgumentError; AutogradError for weights that ask for a gradient
 */
export function nllLoss(logProbabilities: Tensor, target: Tensor, options: ClassLossOptions = {}): Tensor {
  return nllLossOp.run([logProbabilities, target], classCase("nllLoss", options));
}
