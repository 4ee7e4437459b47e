/** What a training leaves behind in its folder. */
import { existsSync, rmSync } from "node:fs";
import { OutputError } from "../../engine/errors.ts";
import { encodeWeights, type ModelDescription } from "../../models/checkpoint.ts";
import type { Evaluation, ModelAtWork, Picture } from "../../models/kinds/kind.ts";
import type { Batch } from "../../models/training.ts";
import { confusionPlot } from "../output/confusionPlot.ts";
import type { OutputFolder } from "../output/folder.ts";
import { type LossHistory, lossPlot } from "../output/lossPlot.ts";
import { encodePng, imageGrid } from "../output/pictures.ts";
import type { Reporter } from "../output/reporter.ts";

export const resultFiles = {
  metrics: "metrics.jsonl",
  checkpoint: "checkpoint.safetensors",
  weights: "model.safetensors",
  curve: "loss.svg",
} as const;

/** Each kind of model draws some of them. */
const pictureFiles = ["confusion.svg", "reconstructions.png", "samples.png", "latent-map.png"];

/** All that a training can leave. */
export const resultNames: readonly string[] = [...Object.values(resultFiles), ...pictureFiles];

export type ResultFolder = OutputFolder<string>;

/**
 * Takes away what an earlier training left beside its checkpoint and its figures, which are written anew, and nothing else.
 * @returns the names of these files
 * @throws OutputError
 */
export function removeResults(folder: ResultFolder): string[] {
  const rewritten: readonly string[] = [resultFiles.checkpoint, resultFiles.metrics];
  const left = resultNames.filter((name) => !rewritten.includes(name) && existsSync(folder.pathOf(name)));
  for (const name of left) {
    const path = folder.pathOf(name);
    try {
      rmSync(path, { force: true });
    } catch (error) {
      throw new OutputError(
        `cannot remove ${path}, which an earlier training left: ${(error as Error).message}`,
        "choose another output folder",
        { cause: error },
      );
    }
  }
  return left;
}

/** @throws OutputError; each file is then as it was or whole */
export async function writeResults<Data, B extends Batch>(results: {
  readonly atWork: ModelAtWork<Data, B>;
  readonly data: Data;
  readonly description: ModelDescription;
  readonly history: LossHistory;
  readonly evaluation: Evaluation;
  readonly folder: ResultFolder;
  readonly reporter: Reporter;
}): Promise<void> {
  const { atWork, data, description, history, evaluation, folder, reporter } = results;
  function write(name: string, content: string | Uint8Array): void {
    reporter.report({ event: "saved", path: folder.write(name, content) });
  }
  write(resultFiles.weights, await encodeWeights(atWork.model, description));
  write(resultFiles.curve, lossPlot(history));
  for (const picture of [...evaluation.pictures, ...(await atWork.draw(data))])
    write(...drawPicture(picture));
}

/** A picture's file name and content. */
export function drawPicture(picture: Picture): [name: string, content: string | Uint8Array] {
  if (picture.type === "confusion") return [`${picture.name}.svg`, confusionPlot(picture)];
  const { imageShape, stacked, count, columns } = picture;
  const [channels, height, width] = imageShape;
  return [`${picture.name}.png`, encodePng(imageGrid(stacked, { count, channels, height, width, columns }))];
}
