/** Pooling to a given size; what it computes follows PyTorch's documentation. */
import { adaptiveAvgPool2d } from "../ops/adaptiveAvgPool2d.ts";
import type { Tensor } from "../tensor.ts";
import { show } from "./describe.ts";
import { Module } from "./module.ts";

/** [N, C, H, W] to [N, C, …outputSize]; see `adaptiveAvgPool2d`. */
export class AdaptiveAvgPool2d extends Module {
  /** @param outputSize one number for both, or [height, width] */
  constructor(readonly outputSize: number | readonly [number, number]) {
    super();
  }

  forward(x: Tensor): Tensor {
    return adaptiveAvgPool2d(x, this.outputSize);
  }

  override describe(): string {
    return `AdaptiveAvgPool2d(${show(this.outputSize)})`;
  }
}
