/** What a training leaves behind: its figures line by line while it runs, and three files at its end. */
import type { DatasetSplits } from "../../data/dataset.ts";
import { encodeSafetensors, type SafetensorsTensor } from "../../engine/io/safetensors.ts";
import type { Module } from "../../engine/nn/module.ts";
import type { Autoencoder } from "../../models/autoencoder.ts";
import { reconstructImages } from "../../models/reconstruction.ts";
import type { OutputFolder } from "../output/folder.ts";
import { type LossHistory, lossPlot } from "../output/lossPlot.ts";
import { encodePng, reconstructionGrid } from "../output/pictures.ts";
import type { Reporter } from "../output/reporter.ts";

export const resultFiles = {
  metrics: "metrics.jsonl",
  weights: "model.safetensors",
  curve: "loss.svg",
  reconstructions: "reconstructions.png",
} as const;

export type ResultFolder = OutputFolder<(typeof resultFiles)[keyof typeof resultFiles]>;

/** How many images are shown, and how many of them side by side. */
const shownImages = 24;
const shownColumns = 12;

/** @throws OutputError; each file is then as it was or whole */
export async function writeResults(results: {
  readonly model: Autoencoder;
  readonly data: DatasetSplits;
  readonly history: LossHistory;
  readonly folder: ResultFolder;
  readonly reporter: Reporter;
}): Promise<void> {
  const { model, data, history, folder, reporter } = results;
  const contents = [
    [resultFiles.weights, encodeSafetensors(await readState(model))],
    [resultFiles.curve, lossPlot(history)],
    [resultFiles.reconstructions, await drawReconstructions(model, data.test)],
  ] as const;
  for (const [name, content] of contents) {
    reporter.report({ event: "saved", path: folder.write(name, content) });
  }
}

async function drawReconstructions(model: Autoencoder, images: DatasetSplits["test"]): Promise<Uint8Array> {
  const { originals, reconstructions, count } = await reconstructImages(model, images, shownImages);
  const { channels, height, width } = images;
  const layout = { count, channels, height, width, columns: shownColumns };
  return encodePng(reconstructionGrid(originals, reconstructions, layout));
}

/** The numbers of the model's state dict, as a file takes them. */
async function readState(model: Module): Promise<Map<string, SafetensorsTensor>> {
  const state = new Map<string, SafetensorsTensor>();
  for (const [name, tensor] of model.stateDict()) {
    state.set(name, { dtype: tensor.dtype, shape: tensor.shape, data: await tensor.data() });
  }
  return state;
}
