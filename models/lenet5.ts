/**
 * LeNet-5 (LeCun, Bottou, Bengio, Haffner: "Gradient-based learning applied to document recognition", Proceedings of
 * the IEEE 86, 1998, figure 2) as it is usually built today: S2 and S4 are plain averages, C3 sees all maps of S2, and
 * the output layer gives logits instead of distances from drawn characters. 61,706 parameters for grey images.
 */
import { ArgumentError } from "../engine/errors.ts";
import { AvgPool2d, Conv2d, Flatten, Linear, Sequential, Tanh } from "../engine/nn/layers.ts";
import { Module } from "../engine/nn/module.ts";
import { type Shape, showShape } from "../engine/shape.ts";
import type { Tensor } from "../engine/tensor.ts";

export interface LeNet5Options {
  /** Of one image: 32 × 32 as in the paper, or 28 × 28, which are padded to that. Default [1, 28, 28]. */
  readonly imageShape?: Shape;
  /** Default 10. */
  readonly classes?: number;
}

/** [N, C, 28 or 32, the same] with pixels in [0, 1] to logits [N, classes]. */
export class LeNet5 extends Module {
  readonly features: Sequential;
  readonly classifier: Sequential;

  /** @throws ArgumentError for images of another size */
  constructor({ imageShape = [1, 28, 28], classes = 10 }: LeNet5Options = {}) {
    super();
    const [channels, height, width] = imageShape;
    if (imageShape.length !== 3 || (height !== 28 && height !== 32) || width !== height) {
      throw new ArgumentError(
        `LeNet-5: imageShape must be [C, 28, 28] or [C, 32, 32], got ${showShape(imageShape)}`,
        "resize the images",
      );
    }
    this.features = new Sequential(
      new Conv2d(channels, 6, 5, { padding: (32 - height) / 2 }), // C1: 6 × 28 × 28
      new Tanh(),
      new AvgPool2d({ kernelSize: 2 }), // S2: 6 × 14 × 14
      new Conv2d(6, 16, 5), // C3: 16 × 10 × 10
      new Tanh(),
      new AvgPool2d({ kernelSize: 2 }), // S4: 16 × 5 × 5
      new Flatten(),
    );
    this.classifier = new Sequential(
      new Linear(16 * 5 * 5, 120), // C5: its windows are as large as the maps of S4
      new Tanh(),
      new Linear(120, 84), // F6
      new Tanh(),
      new Linear(84, classes),
    );
  }

  forward(images: Tensor): Tensor {
    return this.classifier.call(this.features.call(images));
  }

  override describe(): string {
    return "LeNet5";
  }
}
