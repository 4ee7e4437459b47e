/** `wgrad train`: from data to a trained model, telling what happens on the way. */
import { validateImages } from "../../data/check.ts";
import { openDevice } from "../../engine/currentDevice.ts";
import { summarize } from "../../engine/nn/summary.ts";
import { manualSeed } from "../../engine/random.ts";
import type { ReconstructionLoss } from "../../models/autoencoder.ts";
import { findModel, type Recipe } from "../../models/registry.ts";
import { findDataset } from "../findDataset.ts";
import { openOutputFolder } from "../output/folder.ts";
import { listenForInterrupt } from "../output/interrupt.ts";
import { chooseMode, createReporter, type Reporter } from "../output/reporter.ts";
import { evaluate, fit } from "../training/fit.ts";
import { resultFiles, writeResults } from "../training/results.ts";

interface TrainingCommand {
  readonly model: string;
  readonly data: string;
  /** These three are the model's own where they are left out. */
  readonly epochs?: number;
  readonly batch?: number;
  readonly learningRate?: number;
  readonly loss: ReconstructionLoss;
  readonly seed: number;
  readonly out?: string;
  readonly json?: boolean;
}

/**
 * Sets the process's exit code when an interrupt stopped it.
 * @throws every kind of WgradError; what was written by then is whole
 */
export async function runTraining(command: TrainingCommand): Promise<void> {
  const interrupt = listenForInterrupt();
  const { signal } = interrupt;
  const mode = chooseMode(command.json ?? false, process.stdout);
  const reporter = createReporter({ mode, stream: process.stdout });
  try {
    await trainAndSave(command, reporter, signal);
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error;
    reporter.report({ event: "note", message: "interrupted before the training began" });
  } finally {
    interrupt.stopListening();
  }
  if (signal.aborted) process.exitCode = interrupt.exitCode;
}

/** @throws the signal's reason when it comes before the first step */
async function trainAndSave(
  command: TrainingCommand,
  reporter: Reporter,
  signal: AbortSignal,
): Promise<void> {
  const started = performance.now();
  const { seed } = command;
  const { name, build, recipe: standard } = findModel(command.model);
  const recipe: Recipe = {
    epochs: command.epochs ?? standard.epochs,
    batchSize: command.batch ?? standard.batchSize,
    learningRate: command.learningRate ?? standard.learningRate,
  };
  const load = findDataset(command.data);
  const folder = openOutputFolder(command.out ?? `out/${name}`, Object.values(resultFiles));
  const gpu = await openDevice();
  try {
    reporter.report({ event: "adapter", name: gpu.adapter.name, kind: gpu.adapter.kind });
    const onDownload = (file: string, bytes: number) =>
      reporter.report({ event: "note", message: `downloading ${file} (${(bytes / 1e6).toFixed(1)} MB)` });
    const data = await load({ seed, signal, onDownload });
    validateImages(data.train);
    validateImages(data.test);
    const { count: trainCount, channels, height, width } = data.train;
    const shape = [channels, height, width];
    reporter.report({ event: "data", name: command.data, trainCount, testCount: data.test.count, shape });
    const summary = summarize(() => build(shape), [1, ...shape]);
    reporter.report({ event: "summary", ...summary });
    folder.requireSpace(4 * summary.parameters);
    signal.throwIfAborted();

    manualSeed(seed);
    const model = build(shape);
    const training = { model, data, recipe, lossKind: command.loss, seed, folder, reporter, signal };
    const { history, test } = await fit(training);
    await writeResults({ ...training, history });
    reporter.report({
      event: "end",
      test: test ?? (await evaluate(training)),
      seconds: (performance.now() - started) / 1000,
      folder: folder.path,
    });
  } finally {
    await gpu.close();
  }
}
