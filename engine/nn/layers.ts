/** The layers; what each computes and how it is initialised follows PyTorch's documentation of the same name. */
import { relu, sigmoid, tanh } from "../ops/activations.ts";
import { type Conv2dOptions, conv2d } from "../ops/conv2d.ts";
import { dropout } from "../ops/dropout.ts";
import { flatten, reshape, upsampleNearest2d } from "../ops/layout.ts";
import { linear } from "../ops/matmul.ts";
import { type AvgPoolOptions, avgPool2d, maxPool2d, type PoolOptions } from "../ops/pool.ts";
import type { Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { show, showOptions } from "./describe.ts";
import { Module } from "./module.ts";
import { defaultBias, defaultWeight } from "./parameter.ts";

/** x · weightᵀ + bias: [..., inFeatures] to [..., outFeatures]. */
export class Linear extends Module {
  /** [outFeatures, inFeatures] */
  readonly weight: Tensor;
  /** [outFeatures] */
  readonly bias: Tensor | undefined;

  constructor(
    readonly inFeatures: number,
    readonly outFeatures: number,
    options: { readonly bias?: boolean } = {},
  ) {
    super();
    this.weight = defaultWeight([outFeatures, inFeatures]);
    this.bias = options.bias === false ? undefined : defaultBias(outFeatures, this.weight.shape);
  }

  forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias);
  }

  override describe(): string {
    return `Linear(${this.inFeatures}, ${this.outFeatures})`;
  }
}

export interface Conv2dLayerOptions extends Omit<Conv2dOptions, "activation"> {
  readonly bias?: boolean;
}

/** [N, inChannels, H, W] to [N, outChannels, …]; see `conv2d`. */
export class Conv2d extends Module {
  /** [outChannels, inChannels / groups, kernelHeight, kernelWidth] */
  readonly weight: Tensor;
  /** [outChannels] */
  readonly bias: Tensor | undefined;
  readonly options: Conv2dOptions;

  constructor(
    readonly inChannels: number,
    readonly outChannels: number,
    readonly kernelSize: number | readonly [number, number],
    { bias = true, ...options }: Conv2dLayerOptions = {},
  ) {
    super();
    const window = typeof kernelSize === "number" ? [kernelSize, kernelSize] : kernelSize;
    this.options = options;
    this.weight = defaultWeight([outChannels, inChannels / (options.groups ?? 1), ...window]);
    this.bias = bias ? defaultBias(outChannels, this.weight.shape) : undefined;
  }

  forward(x: Tensor): Tensor {
    return conv2d(x, this.weight, this.bias, this.options);
  }

  override describe(): string {
    return `Conv2d(${this.inChannels}, ${this.outChannels}, ${show(this.kernelSize)}${showOptions(this.options)})`;
  }
}

export class MaxPool2d extends Module {
  constructor(readonly options: PoolOptions) {
    super();
  }

  forward(x: Tensor): Tensor {
    return maxPool2d(x, this.options);
  }

  override describe(): string {
    return `MaxPool2d(${showOptions(this.options).slice(2)})`;
  }
}

export class AvgPool2d extends Module {
  constructor(readonly options: AvgPoolOptions) {
    super();
  }

  forward(x: Tensor): Tensor {
    return avgPool2d(x, this.options);
  }

  override describe(): string {
    return `AvgPool2d(${showOptions(this.options).slice(2)})`;
  }
}

/** Repeats every pixel in both directions. */
export class UpsampleNearest2d extends Module {
  constructor(readonly scale: number) {
    super();
  }

  forward(x: Tensor): Tensor {
    return upsampleNearest2d(x, this.scale);
  }

  override describe(): string {
    return `UpsampleNearest2d(${this.scale})`;
  }
}

export class ReLU extends Module {
  forward(x: Tensor): Tensor {
    return relu(x);
  }

  override describe(): string {
    return "ReLU";
  }
}

export class Sigmoid extends Module {
  forward(x: Tensor): Tensor {
    return sigmoid(x);
  }

  override describe(): string {
    return "Sigmoid";
  }
}

export class Tanh extends Module {
  forward(x: Tensor): Tensor {
    return tanh(x);
  }

  override describe(): string {
    return "Tanh";
  }
}

/** Sets elements to zero while training, and leaves everything as it is in evaluation. */
export class Dropout extends Module {
  constructor(readonly probability = 0.5) {
    super();
  }

  forward(x: Tensor): Tensor {
    return this.training ? dropout(x, this.probability) : x;
  }

  override describe(): string {
    return `Dropout(${this.probability})`;
  }
}

/** [N, …] to [N, features]. */
export class Flatten extends Module {
  forward(x: Tensor): Tensor {
    return flatten(x);
  }

  override describe(): string {
    return "Flatten";
  }
}

/** [N, features] to [N, ...shape]. */
export class Unflatten extends Module {
  constructor(readonly shape: Shape) {
    super();
  }

  forward(x: Tensor): Tensor {
    return reshape(x, [x.shape[0], ...this.shape]);
  }

  override describe(): string {
    return `Unflatten(${this.shape.join(" × ")})`;
  }
}

/** One module after the other; they are named "0", "1", …. */
export class Sequential extends Module {
  readonly layers: readonly Module[];

  constructor(...layers: readonly Module[]) {
    super();
    this.layers = layers;
  }

  forward(x: Tensor): Tensor {
    return this.layers.reduce((value, layer) => layer.call(value), x);
  }

  override *namedChildren(): Generator<[string, Module<never, unknown>]> {
    for (const [index, layer] of this.layers.entries())
      yield [`${index}`, layer as unknown as Module<never, unknown>];
  }

  override describe(): string {
    return "Sequential";
  }
}
