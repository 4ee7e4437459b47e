/** `wgrad predict`: what is on images. */
import { DataError } from "../../engine/errors.ts";
import { topClasses } from "../../models/classification.ts";
import { formatPercent } from "../output/format.ts";
import { readPictures, requireAbility, runOn, withTrainedImageModel } from "../trainedModel.ts";

export interface PredictionCommand {
  readonly images: readonly string[];
  readonly from?: string;
  readonly top: number;
  readonly invert?: boolean;
  readonly json?: boolean;
}

/** @throws DataError, also where a model gives no numbers; ArgumentError for a model that knows no classes */
export async function runPrediction({
  images,
  from,
  top,
  invert = false,
  json,
}: PredictionCommand): Promise<void> {
  await withTrainedImageModel(from, async (trained) => {
    const classify = requireAbility(trained, "classify", "tell classes apart");
    const { classes } = trained.description;
    const logits = await runOn(trained, readPictures(trained.description, images, invert), classify);
    for (const [index, path] of images.entries()) {
      const own = logits.subarray(index * classes.length, (index + 1) * classes.length);
      const found = topClasses(own, top).map(({ index: place, probability }) => ({
        class: classes[place],
        probability,
      }));
      if (!found.every(({ probability }) => Number.isFinite(probability))) {
        throw new DataError(
          `${path}: the model's probabilities are not numbers, because its weights are not, or are far too large`,
          "train the model again, or choose another training with --from",
        );
      }
      if (json) {
        process.stdout.write(`${JSON.stringify({ event: "prediction", image: path, classes: found })}\n`);
        continue;
      }
      process.stdout.write(`${path}\n`);
      for (const { class: name, probability } of found)
        process.stdout.write(`  ${formatPercent(probability).padStart(8)}  ${name}\n`);
    }
  });
}
