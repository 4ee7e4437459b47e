/**
 * What commands and pages need of a model, whatever kind it is: how it is trained, measured and shown. A kind (beside
 * this file) gives that to a module; `registry.ts` names the models that there are.
 */
import type { DatasetSplits, ImageDataset } from "../../data/dataset.ts";
import type { Normalization } from "../../data/loader.ts";
import type { Module } from "../../engine/nn/module.ts";
import type { Remembering } from "../../engine/optim/optimizer.ts";
import type { Shape } from "../../engine/shape.ts";
import type { Tensor } from "../../engine/tensor.ts";
import type { Recipe } from "../recipe.ts";
import type { Batch, BatchSource, ImageBatch, Update } from "../training.ts";

/** What a model has to know of its data before it is made. */
export interface DataShape {
  /** Of one sample: [C, H, W] for images, [nodes] for a graph. */
  readonly inputShape: Shape;
  readonly classes: readonly string[];
}

/** Test figures by name: `loss`, `accuracy`, `mse`, … */
export type Metrics = Readonly<Record<string, number>>;

/** Images to be drawn as a grid. */
export interface ImageGrid {
  readonly type: "images";
  /** "reconstructions": what the file is called. */
  readonly name: string;
  /** One or more sets of images, [count, C, H, W] each, in [0, 1]; those of one number stand below each other. */
  readonly stacked: readonly Float32Array[];
  readonly count: number;
  readonly imageShape: Shape;
  /** How many stand side by side. */
  readonly columns: number;
}

/** Which classes were taken for which. */
export interface ConfusionMatrix {
  readonly type: "confusion";
  readonly name: string;
  /** [classes, classes]: row = true class, column = predicted class. */
  readonly counts: Int32Array;
  readonly classes: readonly string[];
}

export type Picture = ImageGrid | ConfusionMatrix;

/** How good a model is on test data. */
export interface Evaluation {
  /** `loss` among them, where there is one. */
  readonly metrics: Metrics;
  /** What the same look at the data shows. */
  readonly pictures: readonly Picture[];
}

/** What a training changes beside the model's own tensors. */
export interface Trainer<B extends Batch> {
  /** And the scaler of a training in mixed precision: by name, as a checkpoint stores their states. */
  readonly optimizers: Readonly<Record<string, Remembering>>;
  readonly update: Update<B>;
}

/** A model at work on data of its kind. */
export interface ModelAtWork<Data, B extends Batch> {
  readonly model: Module<never, unknown>;
  /** A batch to measure the model by. */
  example(count: number): B;
  /** Runs the model on a batch, and nothing more. */
  forward(batch: B): unknown;
  /** "cross entropy": what the axis of the loss is called. */
  readonly lossName: string;
  /** What an epoch goes through. @throws ArgumentError for a batch size that does not fit, DataError */
  batches(data: Data, recipe: Recipe, seed: number): BatchSource<B>;
  /** @param steps of the whole training */
  trainer(recipe: Recipe, steps: number): Trainer<B>;
  /** On the test data. Random numbers drawn for it do not change those that the training draws. */
  evaluate(data: Data): Promise<Evaluation>;
  /** What the model draws, some of it from test data. */
  draw(data: Data): Promise<readonly Picture[]>;
}

/** A model of images, and what it can do; each kind can do some of it. */
export interface ImageModelAtWork extends ModelAtWork<DatasetSplits, ImageBatch> {
  /** What it wants pixels to be like. Default: from 0 to 1. */
  readonly normalize?: Normalization;
  /** Brings images into the form that it was made for; done for its own `batches`, `evaluate` and `draw`. */
  prepare?(images: ImageDataset): ImageDataset;
  /** [N, C, H, W] to logits [N, classes]. */
  classify?(images: Tensor): Tensor;
  /** [N, C, H, W] to the same. */
  reconstruct?(images: Tensor): Tensor;
  /** [N, C, H, W] to codes [N, codeSize]. */
  encode?(images: Tensor): Tensor;
  /** Codes [N, codeSize] to [N, C, H, W]. */
  decode?(codes: Tensor): Tensor;
  /** New images [count, C, H, W]. */
  sample?(count: number): Tensor;
  /** Codes of two dimensions to draw a map by: [side · side, 2], row by row. @throws ArgumentError for longer codes */
  latentGrid?(side: number): Tensor;
}
