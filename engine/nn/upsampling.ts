/** Layers that make images larger; what each computes and how it is initialised follows PyTorch's documentation. */
import { type ConvTranspose2dOptions, convTranspose2d } from "../ops/convTranspose2d.ts";
import type { Tensor } from "../tensor.ts";
import { show, showOptions } from "./describe.ts";
import { Module } from "./module.ts";
import { defaultBias, defaultWeight } from "./parameter.ts";

export interface ConvTranspose2dLayerOptions extends ConvTranspose2dOptions {
  readonly bias?: boolean;
}

/** [N, inChannels, H, W] to [N, outChannels, …]; see `convTranspose2d`. */
export class ConvTranspose2d extends Module {
  /** [inChannels, outChannels / groups, kernelHeight, kernelWidth] */
  readonly weight: Tensor;
  /** [outChannels] */
  readonly bias: Tensor | undefined;
  readonly options: ConvTranspose2dOptions;

  constructor(
    readonly inChannels: number,
    readonly outChannels: number,
    readonly kernelSize: number | readonly [number, number],
    { bias = true, ...options }: ConvTranspose2dLayerOptions = {},
  ) {
    super();
    const window = typeof kernelSize === "number" ? [kernelSize, kernelSize] : kernelSize;
    this.options = options;
    this.weight = defaultWeight([inChannels, outChannels / (options.groups ?? 1), ...window]);
    this.bias = bias ? defaultBias(outChannels, this.weight.shape) : undefined;
  }

  forward(x: Tensor): Tensor {
    return convTranspose2d(x, this.weight, this.bias, this.options);
  }

  override describe(): string {
    const { inChannels, outChannels, kernelSize, options } = this;
    return `ConvTranspose2d(${inChannels}, ${outChannels}, ${show(kernelSize)}${showOptions(options)})`;
  }
}
