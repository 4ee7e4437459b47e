/** Initial weights as papers have them, where they are not PyTorch's defaults. */
import { inferenceMode } from "../engine/gradMode.ts";
import { fans } from "../engine/nn/init.ts";
import { Conv2d, Linear } from "../engine/nn/layers.ts";
import type { Module } from "../engine/nn/module.ts";
import { copyInto, filled } from "../engine/ops/elementwise.ts";
import { normal } from "../engine/random.ts";

/** Draws a layer's weights from N(0, std) and sets its biases to one number. */
export function initialise(layer: Conv2d | Linear, std: number, biases: number): void {
  const { weight, bias } = layer;
  inferenceMode(() => {
    copyInto(weight, normal(weight.shape, { std }));
    if (bias) copyInto(bias, filled(bias.gpu, bias.shape, biases));
  });
}

/**
 * For layers that ReLUs follow: weights from N(0, √(2 / fan in)), biases 0 (He, Zhang, Ren, Sun: "Delving deep into
 * rectifiers", ICCV 2015). Twice the gain of PyTorch's default and more, with which deep networks start slowly.
 */
export function initialiseForReLU(model: Module): void {
  for (const [, layer] of model.namedModules()) {
    if (layer instanceof Conv2d || layer instanceof Linear)
      initialise(layer, Math.sqrt(2 / fans(layer.weight.shape).fanIn), 0);
  }
}
