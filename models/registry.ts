/** The models by name, each with a recipe that just works. */
import type { Augmentation } from "../data/augment.ts";
import type { Normalization } from "../data/loader.ts";
import { ArgumentError } from "../engine/errors.ts";
import type { Shape } from "../engine/shape.ts";
import { AdversarialAutoencoder, circlePrior } from "./adversarial.ts";
import { AlexNet, AlexNetSingleTower } from "./alexnet.ts";
import { AlexNet28 } from "./alexnet28.ts";
import { AlexNetCifar } from "./alexnetCifar.ts";
import { ConvolutionalAutoencoder, DenseAutoencoder } from "./autoencoder.ts";
import { GraphAutoencoder, VariationalGraphAutoencoder } from "./graph.ts";
import { adversarialAtWork } from "./kinds/adversarial.ts";
import { autoencoderAtWork } from "./kinds/autoencoder.ts";
import { classifierAtWork } from "./kinds/classifier.ts";
import { type GraphModelAtWork, graphAtWork } from "./kinds/graph.ts";
import type { DataShape, ImageModelAtWork } from "./kinds/kind.ts";
import { variationalAtWork } from "./kinds/variational.ts";
import { LeNet5 } from "./lenet5.ts";
import { gaussianNoise, maskingNoise, saltAndPepperNoise } from "./noise.ts";
import { plainRecipe, type Recipe } from "./recipe.ts";
import {
  aboveZero,
  betweenZeroAndOne,
  type Chosen,
  fromZero,
  fromZeroToOne,
  type Settings,
  type SettingsOffer,
  wholeFromOne,
} from "./settings.ts";
import { ConvolutionalVariationalAutoencoder, DenseVariationalAutoencoder } from "./variational.ts";

interface Registered<AtWork> {
  readonly name: string;
  /** One line for people. */
  readonly about: string;
  readonly settings: SettingsOffer;
  /** The data it is trained on unless somebody says otherwise. */
  readonly dataset: string;
  /** What that data is like. */
  readonly typical: { readonly inputShape: Shape; readonly classes: number };
  readonly recipe: Recipe;
  /** For comparisons: Adam at a constant rate, and nothing that helps. */
  readonly plain: Recipe;
  /** Makes the model with fresh weights. @throws ArgumentError for data or settings that it cannot take */
  open(shape: DataShape, settings: Settings): AtWork;
}

export interface RegisteredImageModel extends Registered<ImageModelAtWork> {
  readonly data: "images";
  /** [C, H, W] to which all images are brought. Default: as the dataset has them. */
  readonly imageShape?: Shape;
}

export interface RegisteredGraphModel extends Registered<GraphModelAtWork> {
  readonly data: "graph";
}

export type RegisteredModel = RegisteredImageModel | RegisteredGraphModel;

type Entry<Model extends RegisteredModel, Offer extends SettingsOffer> = Omit<
  Model,
  "data" | "settings" | "open" | "plain"
> & {
  readonly settings: Offer;
  /** What the plain recipe has otherwise. */
  readonly plain?: Partial<Recipe>;
  open(shape: DataShape, settings: Chosen<Offer>): ReturnType<Model["open"]>;
};

function imageModel<const Offer extends SettingsOffer>(
  entry: Entry<RegisteredImageModel, Offer>,
): RegisteredImageModel {
  return { ...withPlain(entry), data: "images" } as RegisteredImageModel;
}

function graphModel<const Offer extends SettingsOffer>(
  entry: Entry<RegisteredGraphModel, Offer>,
): RegisteredGraphModel {
  return { ...withPlain(entry), data: "graph" } as RegisteredGraphModel;
}

function withPlain<E extends { readonly recipe: Recipe; readonly plain?: Partial<Recipe> }>(entry: E) {
  return { ...entry, plain: plainRecipe(entry.recipe, entry.plain) };
}

const adam = { optimizer: "adam", weightDecay: 0, schedule: "constant" } as const;
const reconstruction = { epochs: 8, batchSize: 64, learningRate: 2e-3, ...adam };
const digits = { dataset: "digits", typical: { inputShape: [1, 28, 28], classes: 10 } };
const blocks = { dataset: "blocks", typical: { inputShape: [1000], classes: 0 } };
/** Section 5 of the paper, with a cosine in place of steps by hand. */
const imagenet = {
  epochs: 90,
  batchSize: 128,
  optimizer: "sgd",
  learningRate: 0.01,
  weightDecay: 5e-4,
  schedule: "cosine",
  augment: { flip: true },
} as const;
const photographs = {
  dataset: "imagenet",
  typical: { inputShape: [3, 224, 224], classes: 1000 },
  imageShape: [3, 224, 224],
};

/** What leaves a digit what it is. */
const wobble: Augmentation = { shift: 2, rotation: 12, scale: 0.12 };
/** The mean of ImageNet's colours. */
const mean = [0.485, 0.456, 0.406];
/** Section 2 of the paper: bytes from which the mean was taken. */
const centredBytes: Normalization = { mean, std: [1 / 255, 1 / 255, 1 / 255] };
/** As torchvision's weights want it. */
const standardised: Normalization = { mean, std: [0.229, 0.224, 0.225] };

const noises = {
  gaussian: gaussianNoise,
  masking: maskingNoise,
  "salt-and-pepper": saltAndPepperNoise,
} as const;

export const models: readonly RegisteredModel[] = [
  imageModel({
    name: "autoencoder",
    about: "fully connected autoencoder (Hinton & Salakhutdinov 2006)",
    settings: {
      codeSize: wholeFromOne(32),
      loss: ["mse", "bce"],
      weightL1: fromZero(0),
      weightL2: fromZero(0),
    },
    ...digits,
    recipe: reconstruction,
    open(shape, { codeSize, loss, weightL1, weightL2 }) {
      const model = new DenseAutoencoder({ imageShape: shape.inputShape, widths: [256, 128, codeSize] });
      return autoencoderAtWork({ model, shape, lossKind: loss, penalties: { weightL1, weightL2 } });
    },
  }),
  imageModel({
    name: "convolutional-autoencoder",
    about: "strided convolutions down, upsampling or transposed convolutions up",
    settings: { codeSize: wholeFromOne(32), loss: ["mse", "bce"], up: ["nearest", "transposed"] },
    ...digits,
    recipe: { ...reconstruction, epochs: 4 },
    open(shape, { codeSize, loss, up }) {
      const model = new ConvolutionalAutoencoder({ imageShape: shape.inputShape, codeSize, up });
      return autoencoderAtWork({ model, shape, lossKind: loss });
    },
  }),
  imageModel({
    name: "denoising-autoencoder",
    about: "draws clean images from noisy ones (Vincent et al. 2008)",
    settings: {
      noise: ["gaussian", "masking", "salt-and-pepper"],
      amount: fromZero(0.5),
      codeSize: wholeFromOne(64),
      loss: ["mse", "bce"],
    },
    ...digits,
    recipe: { ...reconstruction, schedule: "cosine" },
    open(shape, { noise, amount, codeSize, loss }) {
      if (noise !== "gaussian" && amount > 1) {
        throw new ArgumentError(
          `denoising-autoencoder: of ${noise} noise, amount is a share of the pixels, from 0 to 1, got ${amount}`,
          "choose amount=0.5, or noise=gaussian",
        );
      }
      const model = new ConvolutionalAutoencoder({ imageShape: shape.inputShape, codeSize });
      return autoencoderAtWork({ model, shape, lossKind: loss, noise: noises[noise](amount) });
    },
  }),
  imageModel({
    name: "sparse-autoencoder",
    about: "a wide code of which few units are on (Ng's CS294A notes)",
    settings: {
      codeSize: wholeFromOne(196),
      target: betweenZeroAndOne(0.05),
      factor: fromZero(1e-3),
      codeL1: fromZero(0),
      loss: ["mse", "bce"],
    },
    ...digits,
    recipe: reconstruction,
    open(shape, { codeSize, target, factor, codeL1, loss }) {
      const { inputShape: imageShape } = shape;
      const model = new DenseAutoencoder({ imageShape, widths: [codeSize], codeActivation: "sigmoid" });
      return autoencoderAtWork({
        model,
        shape,
        lossKind: loss,
        penalties: { codeL1, sparsity: { target, factor } },
      });
    },
  }),
  imageModel({
    name: "vae",
    about: "variational autoencoder (Kingma & Welling 2013)",
    settings: {
      codeSize: wholeFromOne(20),
      hidden: wholeFromOne(400),
      beta: fromZero(1),
      warmUp: fromZeroToOne(0),
      likelihood: ["bernoulli", "gaussian"],
      std: aboveZero(0.1),
    },
    ...digits,
    recipe: { epochs: 20, batchSize: 64, learningRate: 1e-3, ...adam },
    open(shape, { codeSize, hidden, beta, warmUp, likelihood, std }) {
      const { inputShape: imageShape } = shape;
      const distribution = likelihood === "gaussian" ? { gaussian: std } : likelihood;
      const model = new DenseVariationalAutoencoder({
        imageShape,
        hidden,
        codeSize,
        likelihood: distribution,
      });
      return variationalAtWork({ model, shape, beta, warmUp });
    },
  }),
  imageModel({
    name: "convolutional-vae",
    about: "variational autoencoder of convolutions",
    settings: {
      codeSize: wholeFromOne(20),
      beta: fromZero(1),
      warmUp: fromZeroToOne(0),
      likelihood: ["bernoulli", "gaussian"],
      std: aboveZero(0.1),
    },
    ...digits,
    recipe: { epochs: 8, batchSize: 64, learningRate: 1e-3, ...adam },
    open(shape, { codeSize, beta, warmUp, likelihood, std }) {
      const distribution = likelihood === "gaussian" ? { gaussian: std } : likelihood;
      const model = new ConvolutionalVariationalAutoencoder({
        imageShape: shape.inputShape,
        codeSize,
        likelihood: distribution,
      });
      return variationalAtWork({ model, shape, beta, warmUp });
    },
  }),
  imageModel({
    name: "adversarial-autoencoder",
    about: "codes that a discriminator cannot tell from a prior (Makhzani et al. 2015)",
    settings: {
      codeSize: wholeFromOne(8),
      prior: ["gaussian", "circle"],
      images: ["deslanted", "as-they-are"],
    },
    ...digits,
    recipe: {
      epochs: 20,
      batchSize: 100,
      learningRate: 1e-3,
      ...adam,
      betas: [0.5, 0.999],
      schedule: "cosine",
    },
    open(shape, { codeSize, prior, images }) {
      if (prior === "circle" && codeSize !== 2) {
        throw new ArgumentError(
          `adversarial-autoencoder: a prior on a circle is for codes of 2 dimensions, got ${codeSize}`,
          "choose codeSize=2 as well",
        );
      }
      const model = new AdversarialAutoencoder({
        imageShape: shape.inputShape,
        widths: [400, codeSize],
        ...(prior === "circle" && { prior: circlePrior() }),
      });
      return adversarialAtWork({ model, shape, deslants: images === "deslanted" });
    },
  }),
  imageModel({
    name: "lenet5",
    about: "LeNet-5 (LeCun et al. 1998), 28 × 28 or 32 × 32",
    settings: {},
    ...digits,
    recipe: {
      epochs: 15,
      batchSize: 64,
      learningRate: 5e-3,
      ...adam,
      schedule: "one-cycle",
      labelSmoothing: 0.1,
      augment: wobble,
    },
    plain: { epochs: 10, learningRate: 1e-3 },
    open(shape) {
      const { inputShape: imageShape, classes } = shape;
      return classifierAtWork({ model: new LeNet5({ imageShape, classes: classes.length }), shape });
    },
  }),
  imageModel({
    name: "alexnet28",
    about: "AlexNet's five convolutions for 28 × 28",
    settings: {},
    ...digits,
    recipe: {
      epochs: 8,
      batchSize: 64,
      learningRate: 1e-3,
      ...adam,
      schedule: "one-cycle",
      clipNorm: 1,
      labelSmoothing: 0.1,
      augment: { shift: 1.5, rotation: 10, scale: 0.1 },
    },
    plain: { epochs: 5, learningRate: 5e-4 },
    open(shape) {
      const { inputShape: imageShape, classes } = shape;
      return classifierAtWork({ model: new AlexNet28({ imageShape, classes: classes.length }), shape });
    },
  }),
  imageModel({
    name: "alexnet-cifar",
    about: "AlexNet's five convolutions for 32 × 32, with batch normalisation",
    settings: {},
    dataset: "cifar-10",
    typical: { inputShape: [3, 32, 32], classes: 10 },
    recipe: {
      epochs: 12,
      batchSize: 64,
      learningRate: 5e-3,
      ...adam,
      schedule: "one-cycle",
      labelSmoothing: 0.1,
      augment: { flip: true, crop: 4 },
    },
    open(shape) {
      const { inputShape: imageShape, classes } = shape;
      return classifierAtWork({ model: new AlexNetCifar({ imageShape, classes: classes.length }), shape });
    },
  }),
  imageModel({
    name: "alexnet",
    about: "AlexNet, ImageNet's, in two towers (Krizhevsky et al. 2012)",
    settings: { groups: [2, 1] },
    ...photographs,
    recipe: imagenet,
    open(shape, { groups }) {
      const { inputShape: imageShape, classes } = shape;
      const model = new AlexNet({ imageShape, classes: classes.length, groups });
      return classifierAtWork({ model, shape, normalize: centredBytes });
    },
  }),
  imageModel({
    name: "alexnet-single-tower",
    about: "AlexNet in one tower (Krizhevsky 2014), with torchvision's names",
    settings: {},
    ...photographs,
    recipe: imagenet,
    open(shape) {
      const { inputShape: imageShape, classes } = shape;
      const model = new AlexNetSingleTower({ imageShape, classes: classes.length });
      return classifierAtWork({ model, shape, normalize: standardised });
    },
  }),
  graphModel({
    name: "graph-autoencoder",
    about: "codes of a graph's nodes that tell its edges (Kipf & Welling 2016)",
    settings: { hidden: wholeFromOne(32), codeSize: wholeFromOne(16) },
    ...blocks,
    recipe: { epochs: 2, batchSize: 1, learningRate: 2e-2, ...adam },
    open(shape, { hidden: hiddenSize, codeSize }) {
      return graphAtWork(
        new GraphAutoencoder({ inFeatures: shape.inputShape[0], hiddenSize, codeSize }),
        shape,
      );
    },
  }),
  graphModel({
    name: "variational-graph-autoencoder",
    about: "the same, with a normal distribution of codes for each node",
    settings: { hidden: wholeFromOne(32), codeSize: wholeFromOne(16) },
    ...blocks,
    recipe: { epochs: 4, batchSize: 1, learningRate: 2e-2, ...adam },
    open(shape, { hidden: hiddenSize, codeSize }) {
      const model = new VariationalGraphAutoencoder({
        inFeatures: shape.inputShape[0],
        hiddenSize,
        codeSize,
      });
      return graphAtWork(model, shape);
    },
  }),
];

/** @throws ArgumentError naming the models that there are */
export function findModel(name: string): RegisteredModel {
  const found = models.find((model) => model.name === name);
  if (found) return found;
  throw new ArgumentError(
    `there is no model "${name}"`,
    `choose one of: ${models.map((model) => model.name).join(", ")}`,
  );
}
