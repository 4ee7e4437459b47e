/** The models that the page offers, as the registry has them. */
import { ArgumentError } from "../../engine/errors.ts";
import { findModel, type RegisteredImageModel } from "../../models/registry.ts";
import { chooseSettings } from "../../models/settings.ts";
import { type ModelOffer, offeredModels } from "../protocol.ts";

/** The models to choose from, with their recipes. */
export function modelOffers(): ModelOffer[] {
  return offeredModels.map((name) => {
    const { about, recipe, settings } = findModel(name);
    const { epochs, batchSize, learningRate } = recipe;
    const { codeSize } = chooseSettings(settings, []);
    const length = typeof codeSize === "number" ? codeSize : undefined;
    return { name, about, epochs, batchSize, learningRate, codeSize: length };
  });
}

/** @throws ArgumentError, also for a model of graphs */
export function findImageModel(name: string): RegisteredImageModel {
  const registered = findModel(name);
  if (registered.data === "images") return registered;
  throw new ArgumentError(`${name} is no model of images`, "use it on the command line");
}
