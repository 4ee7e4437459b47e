/**
 * AlexNet, both ways. `AlexNet`: Krizhevsky, Sutskever, Hinton, "ImageNet classification with deep convolutional neural
 * networks" (NIPS 2012), where two graphics cards had half of the channels each and only conv3 and the fully connected
 * layers saw both halves. `AlexNetSingleTower`: Krizhevsky, "One weird trick for parallelizing convolutional neural
 * networks" (2014), with torchvision's names, so that its weights fit.
 */
import { ArgumentError } from "../engine/errors.ts";
import { Conv2d, Dropout, Flatten, Linear, MaxPool2d, ReLU, Sequential } from "../engine/nn/layers.ts";
import { Module } from "../engine/nn/module.ts";
import { LocalResponseNorm } from "../engine/nn/normalisation.ts";
import { AdaptiveAvgPool2d } from "../engine/nn/pooling.ts";
import { flatten } from "../engine/ops/layout.ts";
import { type Shape, showShape } from "../engine/shape.ts";
import type { Tensor } from "../engine/tensor.ts";
import { initialise } from "./initialise.ts";

export interface AlexNetOptions {
  /** Of one image: 227 × 227, or 224 × 224, which are padded by 2 pixels. Default [3, 227, 227]. */
  readonly imageShape?: Shape;
  /** Default 1000. */
  readonly classes?: number;
  /** 2 (the default) as on two graphics cards, 60,965,224 parameters; 1 with all channels joined, 62,378,344. */
  readonly groups?: 1 | 2;
}

/** Section 3.4; the paper's alpha multiplies the plain sum of squares, PyTorch's the mean of the window. */
const responseNorm = { size: 5, k: 2, alpha: 5 * 1e-4, beta: 0.75 };
/** Section 3.4: windows overlap. */
const pooling = { kernelSize: 3, stride: 2 };

/** [N, C, 227 or 224, the same] to logits [N, classes]. */
export class AlexNet extends Module {
  readonly features: Sequential;
  readonly classifier: Sequential;

  /** @throws ArgumentError for images of another size, or other groups */
  constructor({ imageShape = [3, 227, 227], classes = 1000, groups = 2 }: AlexNetOptions = {}) {
    super();
    const [channels, height, width] = imageShape;
    if (imageShape.length !== 3 || (height !== 227 && height !== 224) || width !== height) {
      throw new ArgumentError(
        `AlexNet: imageShape must be [C, 227, 227] or [C, 224, 224], got ${showShape(imageShape)}`,
        "resize and crop the images",
      );
    }
    if (groups !== 1 && groups !== 2)
      throw new ArgumentError(`AlexNet: groups must be 1 or 2, got ${groups}`);
    const conv1 = new Conv2d(channels, 96, 11, { stride: 4, padding: height === 224 ? 2 : 0 });
    const conv2 = new Conv2d(96, 256, 5, { padding: 2, groups });
    const conv3 = new Conv2d(256, 384, 3, { padding: 1 });
    const conv4 = new Conv2d(384, 384, 3, { padding: 1, groups });
    const conv5 = new Conv2d(384, 256, 3, { padding: 1, groups });
    const fc6 = new Linear(256 * 6 * 6, 4096);
    const fc7 = new Linear(4096, 4096);
    const fc8 = new Linear(4096, classes);
    for (const layer of [conv1, conv3, fc8]) initialise(layer, 0.01, 0); // section 5
    for (const layer of [conv2, conv4, conv5, fc6, fc7]) initialise(layer, 0.01, 1);
    this.features = new Sequential(
      conv1, // 96 × 55 × 55
      new ReLU(),
      new LocalResponseNorm(responseNorm),
      new MaxPool2d(pooling), // 96 × 27 × 27
      conv2, // 256 × 27 × 27
      new ReLU(),
      new LocalResponseNorm(responseNorm),
      new MaxPool2d(pooling), // 256 × 13 × 13
      conv3, // 384 × 13 × 13
      new ReLU(),
      conv4,
      new ReLU(),
      conv5, // 256 × 13 × 13
      new ReLU(),
      new MaxPool2d(pooling), // 256 × 6 × 6
      new Flatten(),
    );
    this.classifier = new Sequential(
      fc6,
      new ReLU(),
      new Dropout(0.5),
      fc7,
      new ReLU(),
      new Dropout(0.5),
      fc8,
    );
  }

  forward(images: Tensor): Tensor {
    return this.classifier.call(this.features.call(images));
  }

  override describe(): string {
    return "AlexNet";
  }
}

export interface AlexNetSingleTowerOptions {
  /** Of one image, height and width 63 or more. Default [3, 224, 224]. */
  readonly imageShape?: Shape;
  /** Default 1000. */
  readonly classes?: number;
}

/** The least height and width that leave the last pooling a window. */
const smallestSide = 63;

/** [N, C, H, W] to logits [N, classes]; 61,100,840 parameters. */
export class AlexNetSingleTower extends Module {
  readonly features: Sequential;
  readonly avgpool = new AdaptiveAvgPool2d(6);
  readonly classifier: Sequential;

  /** @throws ArgumentError for images that are too small */
  constructor({ imageShape = [3, 224, 224], classes = 1000 }: AlexNetSingleTowerOptions = {}) {
    super();
    const [channels, ...sides] = imageShape;
    if (sides.length !== 2 || sides.some((side) => side < smallestSide)) {
      throw new ArgumentError(
        `AlexNet: imageShape must be [C, H, W] with H and W of ${smallestSide} or more, got ${showShape(imageShape)}`,
        "resize the images",
      );
    }
    this.features = new Sequential(
      new Conv2d(channels, 64, 11, { stride: 4, padding: 2 }), // 64 × 55 × 55
      new ReLU(),
      new MaxPool2d(pooling), // 64 × 27 × 27
      new Conv2d(64, 192, 5, { padding: 2 }),
      new ReLU(),
      new MaxPool2d(pooling), // 192 × 13 × 13
      new Conv2d(192, 384, 3, { padding: 1 }),
      new ReLU(),
      new Conv2d(384, 256, 3, { padding: 1 }),
      new ReLU(),
      new Conv2d(256, 256, 3, { padding: 1 }),
      new ReLU(),
      new MaxPool2d(pooling), // 256 × 6 × 6
    );
    this.classifier = new Sequential(
      new Dropout(0.5),
      new Linear(256 * 6 * 6, 4096),
      new ReLU(),
      new Dropout(0.5),
      new Linear(4096, 4096),
      new ReLU(),
      new Linear(4096, classes),
    );
  }

  forward(images: Tensor): Tensor {
    return this.classifier.call(flatten(this.avgpool.call(this.features.call(images))));
  }

  override describe(): string {
    return "AlexNetSingleTower";
  }
}
