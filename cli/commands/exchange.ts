/** `wgrad export` and `wgrad import`: weights to PyTorch and others, and from there. */
import { openDevice } from "../../engine/currentDevice.ts";
import { DataError } from "../../engine/errors.ts";
import { loadTensors } from "../../engine/io/modelFile.ts";
import { decodeSafetensors, encodeSafetensors, type SafetensorsTensor } from "../../engine/io/safetensors.ts";
import { encodeWeights } from "../../models/checkpoint.ts";
import { findModel } from "../../models/registry.ts";
import { chooseSettings } from "../../models/settings.ts";
import { chooseShape, type ShapeChoice } from "../chooseShape.ts";
import { lastingSource, withData } from "../loadData.ts";
import { openOutputFolder, writeWhole } from "../output/folder.ts";
import { openReporter } from "../output/reporter.ts";
import { readFile, readWeights } from "../savedFiles.ts";
import { resultFiles } from "../training/results.ts";

interface ExportCommand {
  readonly file: string;
  readonly from?: string;
  readonly json?: boolean;
}

/** The weights alone. @throws DataError, OutputError */
export async function runExport({ file, from, json }: ExportCommand): Promise<void> {
  const { tensors } = readWeights(from);
  writeWhole(file, encodeSafetensors(tensors, new Map([["format", "pt"]])));
  openReporter(json).report({ event: "saved", path: file });
}

interface ImportCommand extends ShapeChoice {
  readonly model: string;
  readonly file: string;
  readonly set?: readonly string[];
  readonly data?: string;
  readonly out?: string;
  readonly json?: boolean;
}

/** @throws DataError that lists every tensor that does not fit, or is not of finite numbers; OutputError */
export async function runImport(command: ImportCommand): Promise<void> {
  const { model: name, file, json } = command;
  const registered = findModel(name);
  const settings = chooseSettings(registered.settings, command.set ?? []);
  const { tensors } = decodeSafetensors(readFile(file), file);
  requireFinite(tensors, file);
  const reporter = openReporter(json);
  const gpu = await openDevice();
  try {
    const { data } = command;
    const loading = { seed: 1, reporter, signal: new AbortController().signal };
    const shape =
      data === undefined
        ? chooseShape(registered, command)
        : await withData(registered, settings, { ...loading, source: data }, async (loaded) => loaded.shape);
    const { model } = registered.open(shape, settings);
    loadTensors(model, tensors, file);
    const source = data === undefined ? registered.dataset : lastingSource(registered.data, data);
    const description = { model: name, settings, ...shape, data: source };
    const folder = openOutputFolder(command.out ?? `out/${name}`, [resultFiles.weights]);
    const path = folder.write(resultFiles.weights, await encodeWeights(model, description));
    reporter.report({ event: "saved", path });
  } finally {
    await gpu.close();
  }
}

/** @throws DataError */
function requireFinite(tensors: ReadonlyMap<string, SafetensorsTensor>, file: string): void {
  const broken = [...tensors].filter(([, { data }]) => !data.every(Number.isFinite)).map(([name]) => name);
  if (broken.length === 0) return;
  throw new DataError(
    `${file}: ${broken.join(", ")} ${broken.length === 1 ? "holds" : "hold"} NaN or infinite numbers`,
    "give weights from before that training diverged",
  );
}
