/**
 * Batch normalisation: Ioffe, Szegedy, "Batch normalization" (ICML 2015), with the definitions of PyTorch's
 * BatchNorm: the batch is normalised by its biased variance, the running variance is the unbiased one. Training takes
 * one pass over x for the statistics and one for the result; its gradient one over x and dy for their sums and one for
 * dx. What lies between these passes is as small as the channels are many.
 */
import normaliseSource from "../../shaders/batch_norm.wgsl";
import gradientSource from "../../shaders/batch_norm_gradient.wgsl";
import momentsSource from "../../shaders/batch_norm_moments.wgsl";
import statisticsSource from "../../shaders/batch_norm_statistics.wgsl";
import sumsSource from "../../shaders/batch_norm_sums.wgsl";
import trackSource from "../../shaders/batch_norm_track.wgsl";
import partsSource from "../../shaders/channel_parts.wgsl";
import threadsSource from "../../shaders/channel_threads.wgsl";
import { requireNonNegative, requireRange } from "../arguments.ts";
import { ArgumentError, ShapeError } from "../errors.ts";
import { unfinished } from "../gpu/elementMap.ts";
import { kernel } from "../gpu/kernel.ts";
import { foldAxes, fromIndex, type NdArray } from "../reference.ts";
import { type Shape, sameShape, showShape } from "../shape.ts";
import { emptyLike, emptyTensor, type Tensor } from "../tensor.ts";
import { add, mul, pow } from "./arithmetic.ts";
import { defineOp, dispatch, type OpChecks, requireDtype, requireOneDevice, type Sample } from "./define.ts";
import { addSplits } from "./gemm.ts";
import { planesOf } from "./planes.ts";
import { rowSources } from "./rows.ts";

/** Statistics over all batches so far, which training moves a little in every step; [C] each. */
export interface RunningStatistics {
  readonly mean: Tensor;
  readonly variance: Tensor;
  /** How many batches they have seen: int32, one element. */
  readonly batches: Tensor;
}

export interface BatchNormOptions {
  /** What the normalised values are multiplied by, [C]; needs `bias`. Default: 1. */
  readonly weight?: Tensor;
  /** What is added then, [C]; needs `weight`. Default: 0. */
  readonly bias?: Tensor;
  readonly running?: RunningStatistics;
  /** Normalise by the batch's own statistics, and move the running ones; without, by the running ones. Default true. */
  readonly training?: boolean;
  /** How far the running statistics go towards those of a batch, from 0 to 1. Default 0.1. */
  readonly momentum?: number;
  /** Added to the variance. Default 1e-5. */
  readonly epsilon?: number;
}

interface TrainingOptions {
  readonly epsilon: number;
  readonly momentum: number;
  readonly running?: RunningStatistics;
}

/** So many threads take the sums over all channels; a second pass adds up a channel's parts, at most so many. */
const enoughThreads = { registers: 1024, workgroup: 16384 } as const;
const mostParts = 256;
/** A thread of the other passes has about so many elements. */
const elementsPerThread = 4;

/** The parts into which the channels of x are cut. */
function alongChannels(x: Tensor, epsilon: number) {
  const { images, channels, inner, width, element } = planesOf(x.shape);
  const elements = images * inner;
  const wanted = Math.ceil(enoughThreads[x.gpu.tiling] / channels);
  const parts = Math.max(1, Math.min(wanted, mostParts, Math.ceil(elements / 8)));
  return {
    parts,
    constants: {
      width,
      element,
      total: `fn total(x: Element) -> f32 { return ${width === 4 ? "dot(x, vec4f(1.0))" : "x"}; }`,
    },
    uniforms: { channels, inner, elements, parts, epsilon },
    threads: channels * parts,
  };
}

/** The threads that walk all of x. */
function alongPlanes(x: Tensor, epsilon: number) {
  const { images, channels, inner, width, element } = planesOf(x.shape);
  const threadsPerPlane = Math.ceil(inner / elementsPerThread);
  const threads = images * channels * threadsPerPlane;
  const share = 1 / (images * inner * width);
  const finish = width === 4 ? "finishFour" : "finish";
  return {
    constants: {
      element,
      finished: `fn finished(x: Element, k: u32) -> Element { return ${finish}(x, ${width}u * k); }`,
      ...unfinished(),
    },
    uniforms: { channels, inner, threadsPerPlane, threads, epsilon, share },
    threads,
  };
}

/** Mean and biased variance of every channel; moves the running ones. */
function batchStatistics(x: Tensor, { running, momentum, epsilon }: TrainingOptions): [Tensor, Tensor] {
  const { parts, constants, ...along } = alongChannels(x, epsilon);
  const { channels, elements } = along.uniforms;
  const moments = emptyTensor(x.gpu, [channels, parts, 2]);
  dispatch({
    kernel: kernel("batchNormMoments", [partsSource, momentsSource], constants),
    buffers: [x, moments],
    ...along,
    flops: 3 * x.size,
  });
  const mean = emptyTensor(x.gpu, [channels]);
  const variance = emptyTensor(x.gpu, [channels]);
  const teamSize = x.gpu.tiling === "registers" ? 1 : 64;
  const sources = [...rowSources, statisticsSource];
  const tracked = running ? [running.mean, running.variance, running.batches] : [];
  for (const { storage } of tracked) storage.version++;
  const { width } = constants;
  dispatch({
    kernel: running
      ? kernel("batchNormTracked", [...sources, trackSource], { width, teamSize })
      : kernel("batchNormStatistics", sources, {
          width,
          teamSize,
          track: "fn track(channel: u32, mean: f32, variance: f32) {}",
        }),
    buffers: [moments, mean, variance, ...tracked],
    uniforms: { length: parts, inner: 1, rows: channels, elements, momentum },
    threads: channels * teamSize,
    flops: 8 * channels * parts,
  });
  return [mean, variance];
}

function normalise(
  x: Tensor,
  mean: Tensor,
  variance: Tensor,
  weight: Tensor | undefined,
  bias: Tensor | undefined,
  epsilon: number,
): Tensor {
  const { constants, ...along } = alongPlanes(x, epsilon);
  const result = emptyLike(x);
  dispatch({
    kernel: kernel("batchNorm", [threadsSource, normaliseSource], {
      ...constants,
      isAffine: weight !== undefined,
    }),
    buffers: [x, mean, variance, weight ?? mean, bias ?? mean, result],
    ...along,
    flops: 3 * x.size,
  });
  return result;
}

/** Σ dy and Σ dy · normalised x of every channel: the gradients of bias and weight. */
function gradientSums(
  x: Tensor,
  dy: Tensor,
  mean: Tensor,
  variance: Tensor,
  epsilon: number,
): [Tensor, Tensor] {
  const { parts, constants, ...along } = alongChannels(x, epsilon);
  const { channels } = along.uniforms;
  const sums = emptyTensor(x.gpu, [parts, channels]);
  const products = emptyTensor(x.gpu, [parts, channels]);
  dispatch({
    kernel: kernel("batchNormSums", [partsSource, sumsSource], constants),
    buffers: [x, dy, mean, variance, sums, products],
    ...along,
    flops: 4 * x.size,
  });
  const { product, rowSums } = addSplits({ product: products, rowSums: sums }, [channels]);
  return [rowSums!, product];
}

/** @param sums those of `gradientSums`, for training; in evaluation the statistics do not depend on x */
function inputGradient(
  x: Tensor,
  dy: Tensor,
  mean: Tensor,
  variance: Tensor,
  weight: Tensor | undefined,
  sums: readonly [Tensor, Tensor] | undefined,
  epsilon: number,
): Tensor {
  const { constants, ...along } = alongPlanes(x, epsilon);
  const result = emptyLike(x);
  dispatch({
    kernel: kernel("batchNormGradient", [threadsSource, gradientSource], {
      ...constants,
      isAffine: weight !== undefined,
      isTraining: sums !== undefined,
    }),
    buffers: [x, dy, mean, variance, weight ?? mean, ...(sums ?? [mean, mean]), result],
    ...along,
    flops: (sums ? 5 : 1) * x.size,
  });
  return result;
}

/** Every axis but that of the channels. */
function channelAxes(shape: Shape): number[] {
  return shape.map((_, axis) => axis).filter((axis) => axis !== 1);
}

function normaliseReference(
  x: NdArray,
  mean: NdArray,
  variance: NdArray,
  weight: NdArray | undefined,
  bias: NdArray | undefined,
  epsilon: number,
): NdArray {
  let flat = 0;
  return fromIndex(x.shape, ([, channel]) => {
    const deviation = x.data[flat++] - mean.data[channel];
    const normalised = deviation / Math.sqrt(variance.data[channel] + epsilon);
    return normalised * (weight?.data[channel] ?? 1) + (bias?.data[channel] ?? 0);
  });
}

function average(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Planes in vectors and not, none at all; odd sizes, 1; several parts, workgroups, and parts for a team. */
const sampleShapes: readonly Shape[] = [
  [7, 1],
  [5, 3],
  [67, 70],
  [1, 2, 7],
  [3, 4, 5],
  [2, 3, 4],
  [2, 3, 5, 7],
  [2, 1, 4, 3],
  [5, 3, 11, 12],
  [1, 2, 41, 67],
  [4, 67, 2, 2],
];

/** By the statistics of the batch: x, and perhaps weight and bias. */
export const batchNormOp = defineOp<TrainingOptions>({
  name: "batchNorm",
  forward([x, weight, bias], options) {
    const saved = batchStatistics(x, options);
    const [mean, variance] = saved;
    return { output: normalise(x, mean, variance, weight, bias, options.epsilon), saved };
  },
  backward({ gradient, inputs: [x, weight], saved: [mean, variance], options: { epsilon }, needs }) {
    const sums = gradientSums(x, gradient, mean, variance, epsilon);
    const dx = needs(0) ? inputGradient(x, gradient, mean, variance, weight, sums, epsilon) : null;
    return weight ? [dx, sums[1], sums[0]] : [dx];
  },
});

export const batchNormChecks: OpChecks<TrainingOptions> = {
  op: batchNormOp,
  reference([x, weight, bias], { epsilon }) {
    const axes = channelAxes(x.shape);
    const mean = foldAxes(x, axes, average);
    const variance = foldAxes(x, axes, (values) => {
      const center = average(values);
      return average(values.map((value) => (value - center) ** 2));
    });
    return normaliseReference(x, mean, variance, weight, bias, epsilon);
  },
  samples: () =>
    sampleShapes.flatMap((shape): Sample<TrainingOptions>[] => [
      { inputs: [shape, [shape[1]], [shape[1]]], options: { epsilon: 1e-5, momentum: 0 } },
      { inputs: [shape], options: { epsilon: 0.1, momentum: 0 } },
    ]),
};

/** By given statistics: x, mean, variance, and perhaps weight and bias. */
export const batchNormEvaluationOp = defineOp<{ epsilon: number }>({
  name: "batchNormEvaluation",
  forward: ([x, mean, variance, weight, bias], { epsilon }) =>
    normalise(x, mean, variance, weight, bias, epsilon),
  backward({ gradient, inputs, options: { epsilon }, needs }) {
    const [x, mean, variance, weight] = inputs;
    const dx = needs(0) ? inputGradient(x, gradient, mean, variance, weight, undefined, epsilon) : null;
    if (inputs.every((_, input) => input === 0 || !needs(input))) return [dx];
    const [sums, products] = gradientSums(x, gradient, mean, variance, epsilon);
    const inverse = pow(add(variance, epsilon), -0.5);
    const scale = weight ? mul(inverse, weight) : inverse;
    return [
      dx,
      needs(1) ? mul(mul(scale, sums), -1) : null,
      needs(2) ? mul(mul(mul(scale, inverse), products), -0.5) : null,
      ...(weight ? [products, sums] : []),
    ];
  },
});

export const batchNormEvaluationChecks: OpChecks<{ epsilon: number }> = {
  op: batchNormEvaluationOp,
  reference: ([x, mean, variance, weight, bias], { epsilon }) =>
    normaliseReference(x, mean, variance, weight, bias, epsilon),
  samples: () =>
    sampleShapes.flatMap((shape): Sample<{ epsilon: number }>[] => {
      const perChannel = [shape[1]];
      const statistics = [perChannel, { shape: perChannel, values: "positive" as const }];
      return [
        { inputs: [shape, ...statistics, perChannel, perChannel], options: { epsilon: 1e-5 } },
        { inputs: [shape, ...statistics], options: { epsilon: 0.1 } },
      ];
    }),
};

/** @throws ShapeError, DtypeError, ArgumentError */
function check(name: string, x: Tensor, options: BatchNormOptions, epsilon: number, momentum: number): void {
  const { weight, bias, running, training = true } = options;
  requireDtype(name, "float32", x);
  if (x.shape.length < 2)
    throw new ShapeError(`${name}: x must be [N, channels] or [N, channels, …], got ${showShape(x.shape)}`);
  const perChannel = [x.shape[1]];
  const given = { weight, bias, "running.mean": running?.mean, "running.variance": running?.variance };
  for (const [what, tensor] of Object.entries(given)) {
    if (!tensor) continue;
    requireDtype(`${name}: ${what}`, "float32", tensor);
    if (!sameShape(tensor.shape, perChannel)) {
      throw new ShapeError(
        `${name}: ${what} must have a number for each of the ${x.shape[1]} channels of x ${showShape(x.shape)}, got ${showShape(tensor.shape)}`,
      );
    }
  }
  if (!weight !== !bias) {
    throw new ArgumentError(
      `${name}: there is ${weight ? "a weight, but no bias" : "a bias, but no weight"}`,
      "give both or neither: ones() and zeros() change nothing",
    );
  }
  if (running) {
    requireDtype(`${name}: running.batches`, "int32", running.batches);
    requireOneDevice(name, "x and the running statistics", [x, ...Object.values(running)]);
  } else if (!training) {
    throw new ArgumentError(
      `${name}: without training it normalises by running statistics, and there are none`,
      "give them as `running`, or leave `training` on",
    );
  }
  requireNonNegative(name, { epsilon });
  requireRange(name, { momentum }, 0, 1);
  if (training && x.size < 2 * x.shape[1]) {
    throw new ShapeError(
      `${name}: x ${showShape(x.shape)} has fewer than two values a channel, from which there is no variance`,
      "train with more than one sample in a batch (drop a last one that is left over), or call eval() before predicting",
    );
  }
}

/**
 * Every channel of x, less its mean and divided by its standard deviation over the batch and all axes behind, times
 * weight, plus bias. In training, `running` is moved towards the statistics of the batch by the way; without
 * training they take their place. (`torch.nn.functional.batch_norm`)
 * @param x [N, C] or [N, C, …]
 * @throws ShapeError (also for training with a single value a channel), DtypeError, ArgumentError
 */
export function batchNorm(x: Tensor, options: BatchNormOptions = {}): Tensor {
  const { weight, bias, running, training = true, momentum = 0.1, epsilon = 1e-5 } = options;
  check("batchNorm", x, options, epsilon, momentum);
  const affine = weight && bias ? [weight, bias] : [];
  return training
    ? batchNormOp.run([x, ...affine], { epsilon, momentum, ...(running && { running }) })
    : batchNormEvaluationOp.run([x, running!.mean, running!.variance, ...affine], { epsilon });
}
