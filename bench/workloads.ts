/** What is timed: the operations and the training steps of the README's table. Plain data, so that PyTorch can read it. */
import type { Shape } from "../engine/shape.ts";
import { type BenchModel, benchModels, forwardFlops, type ModelName, trainingFlops } from "./models.ts";

export type Work =
  | { readonly kind: "matmul"; readonly size: number }
  | {
      readonly kind: "conv2d";
      /** [N, C, H, W] */
      readonly images: Shape;
      /** [outChannels, C, kernelSize, kernelSize] */
      readonly weight: Shape;
      readonly padding: number;
      /** Whether the gradients of both are computed, too. */
      readonly backward: boolean;
    }
  /** Forward and backward. */
  | {
      readonly kind: "maxPool2d";
      readonly images: Shape;
      readonly kernelSize: number;
      readonly stride: number;
    }
  /** So many in a row, each on the result of the one before. */
  | { readonly kind: "additions"; readonly count: number; readonly elements: number }
  | { readonly kind: "forward"; readonly model: BenchModel; readonly batch: number; readonly name: ModelName }
  /** A step, up to its loss on the host. */
  | {
      readonly kind: "training";
      readonly model: BenchModel;
      readonly name: ModelName;
      readonly batch: number;
      readonly optimizer: BenchOptimizer;
    };

/** Without weight decay; SGD has a momentum. */
export type BenchOptimizer =
  | { readonly name: "adam"; readonly learningRate: number }
  | { readonly name: "sgd"; readonly learningRate: number; readonly momentum: number };

export interface Workload {
  /** One word, for the command line and the records. */
  readonly name: string;
  readonly title: string;
  readonly work: Work;
  /** In matrix products and convolutions; null where there are none. */
  readonly flops: number | null;
  /** The first run of a process without a cache of compiled kernels, instead of the median of later ones. */
  readonly cold: boolean;
  /** It fills a graphics card; on the processor it runs only when it is asked for by name. */
  readonly forCards: boolean;
}

/** Learning rates are high, so that the first steps, which all engines are compared by, change the losses and the weights. */
export const adam: BenchOptimizer = { name: "adam", learningRate: 0.01 };
const sgd: BenchOptimizer = { name: "sgd", learningRate: 0.05, momentum: 0.9 };
/** At more the losses of AlexNet 224 leap, and last bits grow into differences. */
const slowerSgd: BenchOptimizer = { ...sgd, learningRate: 0.001 };

const autoencoder = "autoencoder 784-128-64-32-64-128-784";

export const workloads: readonly Workload[] = [
  training("step-autoencoder", autoencoder, "autoencoder", 128),
  forCards(training("step-autoencoder-1024", autoencoder, "autoencoder", 1024)),
  training("step-vae", "VAE 784-400-20", "vae", 128),
  training("step-lenet5", "LeNet-5", "lenet5", 64),
  training("step-alexnet28", "AlexNet-28", "alexnet28", 32),
  training("step-alexnet28-128", "AlexNet-28", "alexnet28", 128),
  forCards(training("step-alexnet28-512", "AlexNet-28", "alexnet28", 512)),
  forCards(training("step-alexnet-128", "AlexNet 224", "alexnet", 128)),
  ...[256, 512, 1024].map(matmul),
  ...[2048, 4096].map(matmul).map(forCards),
  conv2d("conv2d-3x3", [32, 32, 14, 14], [64, 32, 3, 3], { backward: false }),
  conv2d("conv2d-3x3-backward", [32, 32, 14, 14], [64, 32, 3, 3], { backward: true }),
  conv2d("conv2d-5x5", [8, 96, 27, 27], [256, 96, 5, 5], { backward: false }),
  conv2d("conv2d-5x5-backward", [8, 96, 27, 27], [256, 96, 5, 5], { backward: true }),
  {
    name: "max-pool",
    title: "max-pool 3×3/2, 64×28×28, batch 32, forward and backward",
    work: { kind: "maxPool2d", images: [32, 64, 28, 28], kernelSize: 3, stride: 2 },
    flops: null,
    cold: false,
    forCards: false,
  },
  ...[1, 8].map(alexnetForward),
  {
    name: "additions",
    title: "chain of 200 additions of 16 elements",
    work: { kind: "additions", count: 200, elements: 16 },
    flops: null,
    cold: false,
    forCards: false,
  },
  {
    ...training("cold-lenet5", "LeNet-5", "lenet5", 64),
    title: "first step, cold: LeNet-5, batch 64",
    cold: true,
  },
];

function forCards(workload: Workload): Workload {
  return { ...workload, forCards: true };
}

function matmul(size: number): Workload {
  return {
    name: `matmul-${size}`,
    title: `matmul ${size} × ${size} × ${size}`,
    work: { kind: "matmul", size },
    flops: 2 * size ** 3,
    cold: false,
    forCards: false,
  };
}

/** Padded so that the images keep their size. */
function conv2d(name: string, images: Shape, weight: Shape, { backward }: { backward: boolean }): Workload {
  const [batch, inChannels, height, width] = images;
  const [outChannels, , kernelSize] = weight;
  const forward = 2 * batch * outChannels * height * width * inChannels * kernelSize ** 2;
  const geometry = `${inChannels}→${outChannels} ${kernelSize}×${kernelSize}, ${height}×${width}, batch ${batch}`;
  return {
    name,
    title: `conv2d ${geometry}${backward ? ", with both gradients" : ""}`,
    work: { kind: "conv2d", images, weight, padding: (kernelSize - 1) / 2, backward },
    flops: backward ? 3 * forward : forward,
    cold: false,
    forCards: false,
  };
}

/** The autoencoders and LeNet-5 by Adam, AlexNet by SGD with momentum, as in its paper. */
function training(name: string, title: string, modelName: ModelName, batch: number): Workload {
  const model: BenchModel = benchModels[modelName];
  const optimizer = modelName === "alexnet28" ? sgd : modelName === "alexnet" ? slowerSgd : adam;
  return {
    name,
    title: `step: ${title}, batch ${batch}`,
    work: { kind: "training", model, name: modelName, batch, optimizer },
    flops: batch * trainingFlops(model),
    cold: false,
    forCards: false,
  };
}

function alexnetForward(batch: number): Workload {
  return {
    name: `forward-alexnet-${batch}`,
    title: `forward: AlexNet 224, batch ${batch}`,
    work: { kind: "forward", model: benchModels.alexnet, name: "alexnet", batch },
    flops: batch * forwardFlops(benchModels.alexnet),
    cold: false,
    forCards: false,
  };
}
