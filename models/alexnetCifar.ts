/**
 * AlexNet (see `alexnet.ts`) for images of 32 × 32, such as CIFAR-10's, with what was found since: its five convolutions
 * and three poolings stay, batch normalisation (Ioffe, Szegedy, ICML 2015) takes the place of response normalisation and
 * dropout, and an average over each plane that of the hidden layers (Lin, Chen, Yan: "Network in network", ICLR 2014).
 * It is small: 8 MFLOPs an image, 98,330 parameters.
 */
import { ArgumentError } from "../engine/errors.ts";
import { Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential } from "../engine/nn/layers.ts";
import { Module } from "../engine/nn/module.ts";
import { BatchNorm2d } from "../engine/nn/normalisation.ts";
import { AdaptiveAvgPool2d } from "../engine/nn/pooling.ts";
import { type Shape, showShape } from "../engine/shape.ts";
import type { Tensor } from "../engine/tensor.ts";
import { initialiseForReLU } from "./initialise.ts";

export interface AlexNetCifarOptions {
  /** Of one image, height and width 8 or more. Default [3, 32, 32]. */
  readonly imageShape?: Shape;
  /** Default 10. */
  readonly classes?: number;
}

/** [N, C, H, W] with pixels in [0, 1] to logits [N, classes]. */
export class AlexNetCifar extends Module {
  readonly features: Sequential;
  readonly classifier: Sequential;

  /** @throws ArgumentError for images that are too small */
  constructor({ imageShape = [3, 32, 32], classes = 10 }: AlexNetCifarOptions = {}) {
    super();
    const [channels, ...sides] = imageShape;
    if (sides.length !== 2 || sides.some((side) => side < 8)) {
      throw new ArgumentError(
        `AlexNet for CIFAR: imageShape must be [C, H, W] with H and W of 8 or more, got ${showShape(imageShape)}`,
        "resize the images",
      );
    }
    this.features = new Sequential(
      ...convolution(channels, 16),
      new MaxPool2d({ kernelSize: 2 }), // 16 × 16 × 16
      ...convolution(16, 32),
      new MaxPool2d({ kernelSize: 2 }), // 32 × 8 × 8
      ...convolution(32, 64),
      new MaxPool2d({ kernelSize: 2 }), // 64 × 4 × 4
      ...convolution(64, 64),
      ...convolution(64, 64),
      new AdaptiveAvgPool2d(1),
      new Flatten(),
    );
    this.classifier = new Sequential(new Linear(64, classes));
    initialiseForReLU(this);
  }

  forward(images: Tensor): Tensor {
    return this.classifier.call(this.features.call(images));
  }

  override describe(): string {
    return "AlexNetCifar";
  }
}

/** The normalisation subtracts what a bias would add. */
function convolution(inChannels: number, outChannels: number): Module[] {
  return [
    new Conv2d(inChannels, outChannels, 3, { padding: 1, bias: false }),
    new BatchNorm2d(outChannels),
    new ReLU(),
  ];
}
