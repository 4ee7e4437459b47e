/** What a classifier is trained for, how good it is at it, and what it says about an image. */
import type { ImageDataset } from "../data/dataset.ts";
import { ArgumentError, ShapeError } from "../engine/errors.ts";
import type { Module } from "../engine/nn/module.ts";
import { type CrossEntropyLossOptions, crossEntropyLoss } from "../engine/ops/classLosses.ts";
import { sameShape, showShape } from "../engine/shape.ts";
import type { Tensor } from "../engine/tensor.ts";
import { type EvaluationBatch, type EvaluationOptions, evaluationBatches } from "./evaluation.ts";

/**
 * The cross entropy of the model's logits with the labels; see `crossEntropyLoss`.
 * @param model [N, C, H, W] to logits [N, classes]
 * @param batch images [N, C, H, W], labels [N] int32
 */
export function classificationLoss(
  model: Module,
  { images, labels }: { readonly images: Tensor; readonly labels: Tensor },
  options?: CrossEntropyLossOptions,
): Tensor {
  return crossEntropyLoss(model.call(images), labels, options);
}

export interface ClassificationQuality {
  /** The mean cross entropy in nats, with the labels as they are. */
  readonly loss: number;
  /** The share of images, from 0 to 1, whose class has the largest logit (of equal ones, the first). */
  readonly accuracy: number;
  /** The share whose class has one of the five largest logits: 1 where there are no more than five classes. */
  readonly top5: number;
  /** [classes, classes]: how many images of each class (row) were taken for each class (column). */
  readonly confusion: Int32Array;
  /** The accuracy among the images of each class; NaN for a class without any. */
  readonly perClass: readonly number[];
}

/**
 * Over all images of the dataset, with the model in evaluation mode. Where a logit is NaN, so is the loss.
 * @param model [N, C, H, W] to logits [N, classes]
 * @throws ShapeError for a model that tells another number of classes apart than the dataset has; what `batches` throws
 */
export async function evaluateClassifier(
  model: Module,
  dataset: ImageDataset,
  options: Pick<EvaluationOptions, "batchSize" | "normalize"> = {},
): Promise<ClassificationQuality> {
  const classes = dataset.classes.length;
  const confusion = new Int32Array(classes * classes);
  let losses = 0;
  let amongFive = 0;
  let image = 0;
  for await (const batch of evaluationBatches(model, dataset, options)) {
    const logits = await readLogits(model, batch, classes);
    for (let row = 0; row < batch.count; row++) {
      const scores = logits.subarray(row * classes, (row + 1) * classes);
      const label = dataset.labels[image++];
      losses += logSumOfExponentials(scores) - scores[label];
      if (largerThan(scores, label) < 5) amongFive++;
      confusion[label * classes + indexOfLargest(scores)]++;
    }
  }
  const rows = Array.from({ length: classes }, (_, row) =>
    confusion.subarray(row * classes, (row + 1) * classes),
  );
  const right = rows.reduce((sum, row, label) => sum + row[label], 0);
  return {
    loss: losses / image,
    accuracy: right / image,
    top5: amongFive / image,
    confusion,
    perClass: rows.map((row, label) => row[label] / row.reduce((a, b) => a + b, 0)),
  };
}

/** @throws ShapeError */
async function readLogits(
  model: Module,
  { images, count, measure }: EvaluationBatch,
  classes: number,
): Promise<Float32Array> {
  const logits = measure(() => model.call(images));
  const expected = [count, classes];
  if (!sameShape(logits.shape, expected)) {
    throw new ShapeError(
      `evaluateClassifier: ${model.describe()} gave ${showShape(logits.shape)}, expected logits ${showShape(expected)}`,
      "the model must have an output for each class of the dataset",
    );
  }
  const values = await logits.data();
  logits.storage.release("the evaluation that used these logits has ended");
  return values;
}

/** Of equal ones, the first. */
function indexOfLargest(scores: Float32Array): number {
  return scores.reduce((best, score, index) => (score > scores[best] ? index : best), 0);
}

/** How many stand before that of the label when the largest comes first, and of equal ones the first. */
function largerThan(scores: Float32Array, label: number): number {
  const own = scores[label];
  const isBehind = (score: number, index: number) => score < own || (score === own && index >= label);
  return scores.reduce((count, score, index) => (isBehind(score, index) ? count : count + 1), 0);
}

/** Without the overflow of large logits. */
function logSumOfExponentials(scores: ArrayLike<number>): number {
  const values = Array.from(scores);
  const largest = Math.max(...values);
  return largest + Math.log(values.reduce((sum, score) => sum + Math.exp(score - largest), 0));
}

/** A class and how sure the model is of it. */
export interface ClassGuess {
  readonly index: number;
  /** From 0 to 1; those of all classes add up to 1. */
  readonly probability: number;
}

/**
 * The `count` most probable classes, or all if there are fewer, the most probable first.
 * @param logits of one image
 * @throws ArgumentError unless `count` is a whole number, 1 or more
 */
export function topClasses(logits: ArrayLike<number>, count: number): ClassGuess[] {
  if (!Number.isInteger(count) || count < 1)
    throw new ArgumentError(`topClasses: count must be a whole number ≥ 1, got ${count}`);
  const logSum = logSumOfExponentials(logits);
  return Array.from(logits, (logit, index) => ({ index, probability: Math.exp(logit - logSum) }))
    .sort((a, b) => b.probability - a.probability)
    .slice(0, count);
}
