/** A model's recipe, where something else may be chosen for a single step of it. */
import { ArgumentError } from "../engine/errors.ts";
import type { Precision, Recipe } from "../models/recipe.ts";
import type { RegisteredModel } from "../models/registry.ts";

export interface RecipeChoice {
  readonly batch?: number;
  readonly precision?: Precision;
}

/** The recipe with what was chosen in place of its own. */
export function chooseRecipe({ recipe }: RegisteredModel, { batch, precision }: RecipeChoice): Recipe {
  return { ...recipe, batchSize: batch ?? recipe.batchSize, ...(precision && { precision }) };
}

/** @throws ArgumentError where a batch was chosen for a model that has none */
export function refuseBatchOfGraph({ name, data }: RegisteredModel, { batch }: RecipeChoice): void {
  if (data === "graph" && batch !== undefined) {
    throw new ArgumentError(`${name} takes the whole graph in every step, not a batch`, "leave --batch out");
  }
}
