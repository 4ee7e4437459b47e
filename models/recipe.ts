/** How a model is trained, in numbers: what a recipe says becomes an optimiser and a schedule. */
import type { Augmentation } from "../data/augment.ts";
import { Adam } from "../engine/optim/adam.ts";
import type { Optimizer } from "../engine/optim/optimizer.ts";
import { cosineSchedule, oneCycleSchedule, type Schedule } from "../engine/optim/schedules.ts";
import { SGD } from "../engine/optim/sgd.ts";
import type { Tensor } from "../engine/tensor.ts";

const optimizerNames = ["adam", "sgd"] as const;
const scheduleNames = ["constant", "cosine", "one-cycle"] as const;
/** "mixed" has activations in float16 (`autocast`) and a scaled loss. */
const precisionNames = ["float32", "mixed"] as const;
export type Precision = (typeof precisionNames)[number];

export interface Recipe {
  readonly epochs: number;
  readonly batchSize: number;
  /** "sgd" has a momentum of 0.9. */
  readonly optimizer: (typeof optimizerNames)[number];
  /** The largest one, where a schedule changes it. */
  readonly learningRate: number;
  readonly weightDecay: number;
  /** Of Adam. Default: [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Over all steps of the training; "one-cycle" rises in the first fifth of them. */
  readonly schedule: (typeof scheduleNames)[number];
  /** For training images. */
  readonly augment?: Augmentation;
  /** Of a classifier's targets. */
  readonly labelSmoothing?: number;
  /** The most that the norm of all gradients together may be. */
  readonly clipNorm?: number;
  /** Default: float32. */
  readonly precision?: Precision;
}

/** Whether a value from a file can be followed as a recipe. */
export function isRecipe(value: unknown): value is Recipe {
  if (typeof value !== "object" || value === null) return false;
  const recipe = value as Readonly<Record<keyof Recipe, unknown>>;
  const isCount = (count: unknown) => Number.isSafeInteger(count) && (count as number) >= 1;
  const isAmount = (amount: unknown) => Number.isFinite(amount) && (amount as number) >= 0;
  const isAmountOrNone = (amount: unknown) => amount === undefined || isAmount(amount);
  const isBeta = (beta: unknown) => isAmount(beta) && (beta as number) < 1;
  const { augment = {}, betas = [0, 0], precision = "float32" } = recipe;
  return (
    isCount(recipe.epochs) &&
    isCount(recipe.batchSize) &&
    optimizerNames.some((name) => name === recipe.optimizer) &&
    scheduleNames.some((name) => name === recipe.schedule) &&
    precisionNames.some((name) => name === precision) &&
    isAmount(recipe.learningRate) &&
    isAmount(recipe.weightDecay) &&
    isAmountOrNone(recipe.labelSmoothing) &&
    isAmountOrNone(recipe.clipNorm) &&
    Array.isArray(betas) &&
    betas.length === 2 &&
    betas.every(isBeta) &&
    typeof augment === "object" &&
    augment !== null
  );
}

/** A recipe stripped of everything but Adam at a constant rate: what papers compare with. */
export function plainRecipe(recipe: Recipe, changes: Partial<Recipe> = {}): Recipe {
  const { epochs, batchSize, learningRate } = recipe;
  return {
    epochs,
    batchSize,
    learningRate,
    optimizer: "adam",
    weightDecay: 0,
    schedule: "constant",
    ...changes,
  };
}

export function makeOptimizer(recipe: Recipe, parameters: Iterable<Tensor>): Optimizer {
  const { learningRate, weightDecay, betas = [0.9, 0.999] } = recipe;
  switch (recipe.optimizer) {
    case "adam":
      return new Adam(parameters, { learningRate, weightDecay, betas });
    case "sgd":
      return new SGD(parameters, { learningRate, weightDecay, momentum: 0.9 });
  }
}

/** @param steps of the whole training */
export function makeSchedule({ schedule, learningRate }: Recipe, steps: number): Schedule {
  switch (schedule) {
    case "constant":
      return () => learningRate;
    case "cosine":
      return cosineSchedule(learningRate, { steps });
    case "one-cycle":
      return oneCycleSchedule(learningRate, { steps, pctStart: 0.2 });
  }
}
