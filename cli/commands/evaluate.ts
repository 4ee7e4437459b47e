/** `wgrad evaluate`: the test figures of a trained model. */
import type { DatasetSplits } from "../../data/dataset.ts";
import { ArgumentError } from "../../engine/errors.ts";
import { sameShape } from "../../engine/shape.ts";
import type { DataShape, ModelAtWork } from "../../models/kinds/kind.ts";
import { firstDifference, listClasses } from "../../models/sameData.ts";
import type { Batch } from "../../models/training.ts";
import { importanceWeightedBound, VariationalAutoencoder } from "../../models/variational.ts";
import { type LoadedData, withData } from "../loadData.ts";
import { describeDevice, openTunedDevice } from "../openTunedDevice.ts";
import { confusionTable } from "../output/confusionTable.ts";
import { openOutputFolder } from "../output/folder.ts";
import { formatShape } from "../output/format.ts";
import { listenForInterrupt } from "../output/interrupt.ts";
import { openReporter } from "../output/reporter.ts";
import { readWeights, requireSavedSource } from "../savedFiles.ts";
import { drawPicture } from "../training/results.ts";

export interface EvaluationCommand {
  readonly from?: string;
  readonly data?: string;
  readonly seed?: number;
  readonly out?: string;
  readonly iwae?: number;
  readonly json?: boolean;
}

/** @throws every kind of WgradError */
export async function runEvaluation(command: EvaluationCommand): Promise<void> {
  const started = performance.now();
  const interrupt = listenForInterrupt();
  const { signal } = interrupt;
  const reporter = openReporter(command.json);
  const { description, registered, path, loadInto } = readWeights(command.from);
  if (command.data === undefined)
    requireSavedSource(path, registered, description, "name other data with --data");
  const gpu = await openTunedDevice();

  async function measure<Data, B extends Batch>(
    { data, shape }: LoadedData<Data>,
    open: (shape: DataShape) => ModelAtWork<Data, B>,
  ): Promise<void> {
    signal.throwIfAborted();
    interrupt.stopListening(); // from here on Ctrl-C ends the process at once: nothing is half-written
    requireFit(description, shape);
    const atWork = open(description);
    if ("classify" in atWork) requireSameClasses(description.classes, shape.classes);
    loadInto(atWork.model);
    atWork.model.eval();
    const { metrics, pictures: shown } = await atWork.evaluate(data);
    const test: Record<string, number> = { ...metrics };
    if (command.iwae !== undefined)
      test.importanceWeightedBound = await tighterBound(atWork.model, data, command.iwae);
    for (const picture of shown) {
      if (picture.type === "confusion" && !command.json)
        process.stdout.write(`${confusionTable(picture).join("\n")}\n`);
    }
    if (command.out !== undefined) {
      const drawn = [...shown, ...(await atWork.draw(data))].map(drawPicture);
      const folder = openOutputFolder(
        command.out,
        drawn.map(([name]) => name),
      );
      for (const [name, content] of drawn)
        reporter.report({ event: "saved", path: folder.write(name, content) });
    }
    const seconds = (performance.now() - started) / 1000;
    reporter.report({ event: "end", test, seconds });
  }

  try {
    reporter.report({ event: "adapter", ...describeDevice(gpu) });
    const { data: source = description.data, seed = description.seed ?? 1 } = command;
    const loading = { source, seed, photographShape: description.inputShape, reporter, signal };
    await withData(registered, description.settings, loading, measure);
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error;
    reporter.report({ event: "note", message: "interrupted before the evaluation began" });
    process.exitCode = interrupt.exitCode;
  } finally {
    interrupt.stopListening();
    await gpu.close();
  }
}

/** @throws ArgumentError for data of other sizes or classes than the model was trained on */
function requireFit(trained: DataShape, { inputShape, classes }: DataShape): void {
  const differs =
    !sameShape(trained.inputShape, inputShape) ||
    (classes.length > 0 && classes.length !== trained.classes.length);
  if (!differs) return;
  const show = (shape: DataShape) =>
    shape.inputShape.length === 1
      ? `a graph of ${shape.inputShape[0]} nodes`
      : `images of ${formatShape(shape.inputShape)} in ${shape.classes.length} classes`;
  throw new ArgumentError(
    `the model was trained on ${show(trained)}, and this data is ${show({ inputShape, classes })}`,
    "name data of the same kind with --data",
  );
}

/**
 * Plain numbers stand for any names: weights from elsewhere and MNIST's files have no others.
 * @throws ArgumentError that lists the names of both
 */
function requireSameClasses(trained: readonly string[], present: readonly string[]): void {
  const isNumbered = (classes: readonly string[]) => classes.every((name, index) => name === String(index));
  const first = firstDifference(trained, present);
  if (first === undefined || isNumbered(trained) || isNumbered(present)) return;
  throw new ArgumentError(
    `the model tells these classes apart: ${listClasses(trained, first)}\n` +
      `and the classes of this data are: ${listClasses(present, first)}`,
    "name data of the same classes with --data; in a folder of photographs each folder is named like its class",
  );
}

/** @throws ArgumentError for a model that has no such bound */
async function tighterBound(model: unknown, data: unknown, samples: number): Promise<number> {
  if (model instanceof VariationalAutoencoder)
    return importanceWeightedBound(model, (data as DatasetSplits).test, samples);
  throw new ArgumentError("--iwae is for variational autoencoders", "leave it out");
}
