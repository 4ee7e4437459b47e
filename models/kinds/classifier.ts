/** Models that tell classes apart. */
import type { ImageDataset } from "../../data/dataset.ts";
import type { Normalization } from "../../data/loader.ts";
import { DataError } from "../../engine/errors.ts";
import type { Module } from "../../engine/nn/module.ts";
import { classificationLoss, evaluateClassifier } from "../classification.ts";
import { descentTrainer } from "./descentTrainer.ts";
import { exampleImages, recipeBatches } from "./images.ts";
import type { DataShape, ImageModelAtWork } from "./kind.ts";

export interface ClassifierOptions {
  readonly model: Module;
  readonly shape: DataShape;
  /** What the model wants pixels to be like. */
  readonly normalize?: Normalization;
}

export function classifierAtWork({ model, shape, normalize }: ClassifierOptions): ImageModelAtWork {
  const preparation = normalize ? { normalize } : {};
  return {
    model,
    example: (count) => exampleImages(shape, count),
    forward: ({ images }) => model.call(images),
    lossName: "cross entropy",
    ...preparation,
    batches({ train }, recipe, seed) {
      requireClasses(train);
      return recipeBatches(train, recipe, seed, preparation);
    },
    trainer(recipe, steps) {
      const { labelSmoothing = 0 } = recipe;
      return descentTrainer(model, recipe, steps, (batch) => ({
        loss: classificationLoss(model, batch, { labelSmoothing }),
      }));
    },
    async evaluate({ test }) {
      const { loss, accuracy, top5, confusion } = await evaluateClassifier(model, test, preparation);
      const { classes } = shape;
      return {
        metrics: { loss, accuracy, ...(classes.length > 5 && { top5 }) },
        pictures: [{ type: "confusion", name: "confusion", counts: confusion, classes }],
      };
    },
    draw: async () => [],
    classify: (images) => model.call(images),
  };
}

/** With a single class, the first step would be right about everything. @throws DataError */
function requireClasses({ name, classes }: ImageDataset): void {
  if (classes.length > 1) return;
  throw new DataError(
    `${name}: there is one class only, "${classes[0]}", and a classifier needs two`,
    "add images of another class, for photographs in a folder with its name",
  );
}
