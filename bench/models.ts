/**
 * The models of the benchmark as data: the peers build them from it, layer by layer, and the FLOPs are counted on it.
 * wgrad runs its own `models/`; that both compute the same is checked before anything is timed.
 */
import { type Shape, sizeOf } from "../engine/shape.ts";

export type Layer =
  | {
      readonly type: "conv2d";
      readonly inChannels: number;
      readonly outChannels: number;
      readonly kernelSize: number;
      readonly stride: number;
      readonly padding: number;
    }
  | {
      readonly type: "linear";
      readonly inFeatures: number;
      readonly outFeatures: number;
      /** [C, H, W] where an image comes in, which is flattened first. */
      readonly image?: Shape;
    }
  | { readonly type: "maxPool2d" | "avgPool2d"; readonly kernelSize: number; readonly stride: number }
  | { readonly type: "dropout"; readonly probability: number }
  | { readonly type: "relu" | "tanh" | "sigmoid" };

export interface BenchModel {
  /** Of one sample: [C, H, W]. */
  readonly input: Shape;
  /** One chain; for a variational autoencoder encoder, mean, logarithm of the variance, and decoder. */
  readonly chains: readonly (readonly Layer[])[];
  /** "elbo" is binary cross-entropy with logits plus the divergence from N(0, 1), both summed, a sample. */
  readonly loss: "mse" | "crossEntropy" | "elbo";
}

const relu: Layer = { type: "relu" };
const tanh: Layer = { type: "tanh" };

const conv2d = (
  inChannels: number,
  outChannels: number,
  kernelSize: number,
  { stride = 1, padding = 0 } = {},
): Layer => ({ type: "conv2d", inChannels, outChannels, kernelSize, stride, padding });

const linear = (inFeatures: number, outFeatures: number): Layer => ({
  type: "linear",
  inFeatures,
  outFeatures,
});

const linearOfImage = (image: Shape, outFeatures: number): Layer => ({
  type: "linear",
  inFeatures: sizeOf(image),
  outFeatures,
  image,
});

const maxPool2d = (kernelSize: number, stride = kernelSize): Layer => ({
  type: "maxPool2d",
  kernelSize,
  stride,
});

const avgPool2d = (kernelSize: number): Layer => ({ type: "avgPool2d", kernelSize, stride: kernelSize });

const half: Layer = { type: "dropout", probability: 0.5 };

export const benchModels = {
  autoencoder: {
    input: [1, 28, 28],
    chains: [
      [
        ...[linearOfImage([1, 28, 28], 128), relu, linear(128, 64), relu, linear(64, 32)],
        ...[linear(32, 64), relu, linear(64, 128), relu, linear(128, 784), { type: "sigmoid" }],
      ],
    ],
    loss: "mse",
  },
  vae: {
    input: [1, 28, 28],
    chains: [
      [linearOfImage([1, 28, 28], 400), relu],
      [linear(400, 20)],
      [linear(400, 20)],
      [linear(20, 400), relu, linear(400, 784)],
    ],
    loss: "elbo",
  },
  lenet5: {
    input: [1, 28, 28],
    chains: [
      [
        ...[conv2d(1, 6, 5, { padding: 2 }), tanh, avgPool2d(2), conv2d(6, 16, 5), tanh, avgPool2d(2)],
        ...[linearOfImage([16, 5, 5], 120), tanh, linear(120, 84), tanh, linear(84, 10)],
      ],
    ],
    loss: "crossEntropy",
  },
  alexnet28: {
    input: [1, 28, 28],
    chains: [
      [
        ...[conv2d(1, 32, 3, { padding: 1 }), relu, maxPool2d(2)],
        ...[conv2d(32, 64, 3, { padding: 1 }), relu, maxPool2d(2)],
        ...[conv2d(64, 128, 3, { padding: 1 }), relu],
        ...[conv2d(128, 128, 3, { padding: 1 }), relu],
        ...[conv2d(128, 64, 3, { padding: 1 }), relu, maxPool2d(3, 2)],
        ...[linearOfImage([64, 3, 3], 512), relu, half, linear(512, 256), relu, half, linear(256, 10)],
      ],
    ],
    loss: "crossEntropy",
  },
  alexnet: {
    input: [3, 224, 224],
    chains: [
      [
        ...[conv2d(3, 64, 11, { stride: 4, padding: 2 }), relu, maxPool2d(3, 2)],
        ...[conv2d(64, 192, 5, { padding: 2 }), relu, maxPool2d(3, 2)],
        ...[conv2d(192, 384, 3, { padding: 1 }), relu],
        ...[conv2d(384, 256, 3, { padding: 1 }), relu],
        ...[conv2d(256, 256, 3, { padding: 1 }), relu, maxPool2d(3, 2)],
        ...[half, linearOfImage([256, 6, 6], 4096), relu, half, linear(4096, 4096), relu],
        linear(4096, 1000),
      ],
    ],
    loss: "crossEntropy",
  },
} as const satisfies Record<string, BenchModel>;

/** An autoencoder with one hidden layer: its FLOPs and its weights grow with the width. */
export function autoencoderOfWidth(width: number): BenchModel {
  const layers = [linearOfImage([1, 28, 28], width), relu, linear(width, 784), { type: "sigmoid" }] as const;
  return { input: [1, 28, 28], chains: [layers], loss: "mse" };
}

export type ModelName = keyof typeof benchModels;

/** Of the forward pass of one sample, in matrix products and convolutions; a multiply-add counts as two. */
export function forwardFlops(model: BenchModel): number {
  return layerFlops(model).reduce((sum, flops) => sum + flops, 0);
}

/** Of a step, a sample: three forward passes, but nobody wants the first layer's gradient by the images. */
export function trainingFlops(model: BenchModel): number {
  return 3 * forwardFlops(model) - layerFlops(model)[0];
}

/** Of the layers with weights, in order. */
function layerFlops({ input, chains }: BenchModel): number[] {
  let [, side] = input;
  const all: number[] = [];
  for (const layer of chains.flat()) {
    if (layer.type === "linear") all.push(2 * layer.inFeatures * layer.outFeatures);
    if (layer.type === "maxPool2d" || layer.type === "avgPool2d") side = slide(side, layer);
    if (layer.type === "conv2d") {
      side = slide(side + 2 * layer.padding, layer);
      all.push(2 * side ** 2 * layer.outChannels * layer.inChannels * layer.kernelSize ** 2);
    }
  }
  return all;
}

/** How many numbers come out of the last layer for a sample: a classifier's classes. */
export function outputSize({ chains }: BenchModel): number {
  const widths = chains.flat().map((layer) => (layer.type === "linear" ? layer.outFeatures : 0));
  return widths.findLast((width) => width > 0)!;
}

/** How many places a window has along a side. */
function slide(side: number, { kernelSize, stride }: { kernelSize: number; stride: number }): number {
  return Math.floor((side - kernelSize) / stride) + 1;
}

/** The shape of a layer's weight, in PyTorch's order; its bias has the first size. Undefined where it has none. */
export function weightShape(layer: Layer): Shape | undefined {
  if (layer.type === "linear") return [layer.outFeatures, layer.inFeatures];
  if (layer.type !== "conv2d") return undefined;
  return [layer.outChannels, layer.inChannels, layer.kernelSize, layer.kernelSize];
}
