/** The trainer of a model with one loss and one optimiser, as its recipe says. */
import type { Module } from "../../engine/nn/module.ts";
import { gradScaler } from "../../engine/optim/gradScaler.ts";
import { makeOptimizer, makeSchedule, type Recipe } from "../recipe.ts";
import { type Batch, descent, type Losses, type StepNumber } from "../training.ts";
import type { Trainer } from "./kind.ts";

/** @param steps of the whole training */
export function descentTrainer<B extends Batch>(
  model: Module<never, unknown>,
  recipe: Recipe,
  steps: number,
  lossesOf: (batch: B, step: StepNumber) => Losses,
): Trainer<B> {
  const optimizer = makeOptimizer(recipe, model.parameters());
  const { clipNorm, precision } = recipe;
  const scaling = precision === "mixed" && { scaler: gradScaler(optimizer) };
  const options = { schedule: makeSchedule(recipe, steps), ...(clipNorm !== undefined && { clipNorm }) };
  return {
    optimizers: { optimizer, ...scaling },
    update: descent(optimizer, lossesOf, { ...options, ...scaling }),
  };
}
