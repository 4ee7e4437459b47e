/** `wgrad export` and `wgrad import`: weights to PyTorch and others, and from there. */
import { openDevice } from "../../engine/currentDevice.ts";
import { loadModel } from "../../engine/io/modelFile.ts";
import { decodeSafetensors, encodeSafetensors } from "../../engine/io/safetensors.ts";
import { encodeWeights } from "../../models/checkpoint.ts";
import type { DataShape } from "../../models/kinds/kind.ts";
import { findModel, type RegisteredModel } from "../../models/registry.ts";
import { chooseSettings } from "../../models/settings.ts";
import { chooseShape, type ShapeChoice } from "../chooseShape.ts";
import { loadGraphData, loadImageData } from "../loadData.ts";
import { openOutputFolder, writeWhole } from "../output/folder.ts";
import { createReporter, type Reporter } from "../output/reporter.ts";
import { readFile, readWeights } from "../savedFiles.ts";
import { resultFiles } from "../training/results.ts";

interface ExportCommand {
  readonly file: string;
  readonly from?: string;
  readonly json?: boolean;
}

/** The weights alone. @throws DataError, OutputError */
export async function runExport({ file, from, json = false }: ExportCommand): Promise<void> {
  const { path } = readWeights(from);
  const { tensors } = decodeSafetensors(readFile(path), path);
  writeWhole(file, encodeSafetensors(tensors, new Map([["format", "pt"]])));
  createReporter({ mode: json ? "json" : "plain", stream: process.stdout }).report({
    event: "saved",
    path: file,
  });
}

interface ImportCommand extends ShapeChoice {
  readonly model: string;
  readonly file: string;
  readonly set?: readonly string[];
  readonly data?: string;
  readonly out?: string;
  readonly json?: boolean;
}

/** @throws DataError that lists every tensor that does not fit; OutputError */
export async function runImport(command: ImportCommand): Promise<void> {
  const { model: name, file, json = false } = command;
  const registered = findModel(name);
  const settings = chooseSettings(registered.settings, command.set ?? []);
  const bytes = readFile(file);
  const reporter = createReporter({ mode: json ? "json" : "plain", stream: process.stdout });
  const gpu = await openDevice();
  try {
    const { data } = command;
    const shape =
      data === undefined ? chooseShape(registered, command) : await shapeOfData(registered, data, reporter);
    const { model } = registered.open(shape, settings);
    loadModel(model, bytes, file);
    const description = { model: name, settings, ...shape, data: data ?? registered.dataset };
    const folder = openOutputFolder(command.out ?? `out/${name}`, [resultFiles.weights]);
    const path = folder.write(resultFiles.weights, await encodeWeights(model, description));
    reporter.report({ event: "saved", path });
  } finally {
    await gpu.close();
  }
}

async function shapeOfData(
  registered: RegisteredModel,
  source: string,
  reporter: Reporter,
): Promise<DataShape> {
  const loading = { source, seed: 1, reporter, signal: new AbortController().signal };
  const loaded =
    registered.data === "images"
      ? await loadImageData({ ...loading, imageShape: registered.imageShape })
      : await loadGraphData(loading);
  return loaded.shape;
}
