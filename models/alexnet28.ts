/**
 * AlexNet (see `alexnet.ts`) for images of 28 × 28: its five convolutions, with pooling after the first, the second and
 * the fifth, and its two hidden layers with dropout. Windows of 3 × 3 take the place of large and strided ones, and
 * nothing is left to normalise locally. 743,370 parameters for grey images.
 */
import { ArgumentError } from "../engine/errors.ts";
import { Conv2d, Dropout, Flatten, Linear, MaxPool2d, ReLU, Sequential } from "../engine/nn/layers.ts";
import { Module } from "../engine/nn/module.ts";
import { type Shape, showShape } from "../engine/shape.ts";
import type { Tensor } from "../engine/tensor.ts";
import { initialiseForReLU } from "./initialise.ts";

export interface AlexNet28Options {
  /** Of one image. Default [1, 28, 28]. */
  readonly imageShape?: Shape;
  /** Default 10. */
  readonly classes?: number;
}

/** [N, C, 28, 28] with pixels in [0, 1] to logits [N, classes]. */
export class AlexNet28 extends Module {
  readonly features: Sequential;
  readonly classifier: Sequential;

  /** @throws ArgumentError for images of another size */
  constructor({ imageShape = [1, 28, 28], classes = 10 }: AlexNet28Options = {}) {
    super();
    const [channels, height, width] = imageShape;
    if (imageShape.length !== 3 || height !== 28 || width !== 28) {
      throw new ArgumentError(
        `AlexNet-28: imageShape must be [C, 28, 28], got ${showShape(imageShape)}`,
        "resize the images",
      );
    }
    this.features = new Sequential(
      new Conv2d(channels, 32, 3, { padding: 1 }),
      new ReLU(),
      new MaxPool2d({ kernelSize: 2 }), // 32 × 14 × 14
      new Conv2d(32, 64, 3, { padding: 1 }),
      new ReLU(),
      new MaxPool2d({ kernelSize: 2 }), // 64 × 7 × 7
      new Conv2d(64, 128, 3, { padding: 1 }),
      new ReLU(),
      new Conv2d(128, 128, 3, { padding: 1 }),
      new ReLU(),
      new Conv2d(128, 64, 3, { padding: 1 }),
      new ReLU(),
      new MaxPool2d({ kernelSize: 3, stride: 2 }), // 64 × 3 × 3, windows overlap
      new Flatten(),
    );
    this.classifier = new Sequential(
      new Linear(64 * 3 * 3, 512),
      new ReLU(),
      new Dropout(0.5),
      new Linear(512, 256),
      new ReLU(),
      new Dropout(0.5),
      new Linear(256, classes),
    );
    initialiseForReLU(this);
  }

  forward(images: Tensor): Tensor {
    return this.classifier.call(this.features.call(images));
  }

  override describe(): string {
    return "AlexNet28";
  }
}
