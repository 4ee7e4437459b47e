/** `wgrad train`: from data to a trained model, telling what happens on the way. */
import { join } from "node:path";
import type { DatasetSplits } from "../../data/dataset.ts";
import { ArgumentError } from "../../engine/errors.ts";
import type { AdapterDescription } from "../../engine/gpu/adapter.ts";
import { manualSeed } from "../../engine/random.ts";
import type { StoredCheckpoint, TrainingDescription } from "../../models/checkpoint.ts";
import { footprint } from "../../models/footprint.ts";
import type { DataShape, ModelAtWork } from "../../models/kinds/kind.ts";
import type { Precision, Recipe } from "../../models/recipe.ts";
import { findModel, type RegisteredModel } from "../../models/registry.ts";
import { fingerprintOf, requireSameData } from "../../models/sameData.ts";
import { chooseSettings } from "../../models/settings.ts";
import type { Batch } from "../../models/training.ts";
import { type LoadedData, lastingSource, requireSource, withData } from "../loadData.ts";
import { describeDevice, openTunedDevice } from "../openTunedDevice.ts";
import { openOutputFolder } from "../output/folder.ts";
import { listenForInterrupt } from "../output/interrupt.ts";
import { openReporter, type Reporter } from "../output/reporter.ts";
import { readCheckpoint, requireSavedSource } from "../savedFiles.ts";
import { fit } from "../training/fit.ts";
import { type ResultFolder, resultFiles, resultNames, writeResults } from "../training/results.ts";

export interface TrainingCommand {
  readonly model?: string;
  /** These are the model's own where they are left out. */
  readonly data?: string;
  readonly epochs?: number;
  readonly batch?: number;
  readonly lr?: number;
  readonly set?: readonly string[];
  readonly plain?: boolean;
  readonly precision?: Precision;
  readonly seed?: number;
  readonly out?: string;
  /** A folder, or true for the one that the model's results go to. */
  readonly resume?: string | true;
  readonly checkpointEvery?: number;
  readonly json?: boolean;
}

/**
 * Sets the process's exit code when an interrupt stopped it.
 * @throws every kind of WgradError; what was written by then is whole
 */
export async function runTraining(command: TrainingCommand): Promise<void> {
  const interrupt = listenForInterrupt();
  const { signal } = interrupt;
  const reporter = openReporter(command.json);
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

/** What a training goes by, before there is any data. */
interface Plan extends Omit<TrainingDescription, "inputShape" | "classes"> {
  readonly registered: RegisteredModel;
  readonly folder: string;
  readonly checkpoint: StoredCheckpoint | undefined;
}

const defaultModel = "autoencoder";
const defaultSeed = 1;

/** @throws ArgumentError, DataError */
function planTraining(command: TrainingCommand): Plan {
  if (command.resume !== undefined) return planResumed(command, command.resume);
  const registered = findModel(command.model ?? defaultModel);
  const standard = command.plain ? registered.plain : registered.recipe;
  const recipe: Recipe = {
    ...standard,
    epochs: command.epochs ?? standard.epochs,
    batchSize: command.batch ?? standard.batchSize,
    learningRate: command.lr ?? standard.learningRate,
    ...(command.precision && { precision: command.precision }),
  };
  const settings = chooseSettings(registered.settings, command.set ?? []);
  const data = command.data ?? registered.dataset;
  requireSource(registered.data, data);
  return {
    registered,
    model: registered.name,
    settings,
    data,
    recipe,
    seed: command.seed ?? defaultSeed,
    folder: command.out ?? `out/${registered.name}`,
    checkpoint: undefined,
  };
}

/** Everything comes from the checkpoint: a training goes on as it began. */
function planResumed(command: TrainingCommand, resume: string | true): Plan {
  const { data, epochs, batch, lr, set, plain, precision, seed, out } = command;
  const changes = Object.entries({ data, epochs, batch, lr, set, plain, precision, seed, out });
  const [changed] = changes.find(([, value]) => value !== undefined) ?? [];
  if (changed !== undefined) {
    throw new ArgumentError(
      `--${changed} cannot be changed when a training is resumed: it goes on as it began`,
      "leave it out, or begin a new training",
    );
  }
  const checkpoint = readCheckpoint(resume === true ? `out/${command.model ?? defaultModel}` : resume);
  const { training, folder, registered } = checkpoint;
  if (command.model !== undefined && command.model !== training.model) {
    throw new ArgumentError(
      `${folder} holds a training of ${training.model}, not of ${command.model}`,
      `leave the model out: wgrad train --resume ${folder}`,
    );
  }
  const path = join(folder, resultFiles.checkpoint);
  requireSavedSource(path, registered, training, "begin a new training");
  return { ...training, registered, folder, checkpoint };
}

/** @throws the signal's reason when it comes before the first step */
async function trainAndSave(
  command: TrainingCommand,
  reporter: Reporter,
  signal: AbortSignal,
): Promise<void> {
  const plan = planTraining(command);
  const folder = openOutputFolder(plan.folder, resultNames);
  const gpu = await openTunedDevice();
  try {
    reporter.report({ event: "adapter", ...describeDevice(gpu) });
    const { registered, data: source, seed } = plan;
    const context = { plan, adapter: gpu.adapter, folder, command, reporter, signal };
    const photographShape = plan.checkpoint?.training.inputShape;
    const loading = { source, seed, photographShape, reporter, signal };
    await withData(registered, plan.settings, loading, (loaded, open) => trainOn(loaded, open, context));
  } finally {
    await gpu.close();
  }
}

interface TrainingContext {
  readonly plan: Plan;
  readonly adapter: AdapterDescription;
  readonly folder: ResultFolder;
  readonly command: TrainingCommand;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
}

async function trainOn<Data, B extends Batch>(
  { data, shape }: LoadedData<Data>,
  open: (shape: DataShape) => ModelAtWork<Data, B>,
  { plan, adapter, folder, command, reporter, signal }: TrainingContext,
): Promise<void> {
  const started = performance.now();
  const { registered, folder: _, checkpoint, ...begun } = plan;
  const fingerprint = registered.data === "images" ? await fingerprintOf(data as DatasetSplits) : undefined;
  if (checkpoint) requireSameData(checkpoint.training, shape, fingerprint);
  // A step that cannot be planned cannot be trained: it is found out while the folder is as it was.
  const planned = footprint(() => open(shape), plan.recipe, adapter);
  const { rows, parameters, flops } = planned;
  reporter.report({ event: "summary", rows, parameters, flops });
  folder.requireSpace(2 * planned.modelBytes + planned.optimizerBytes);
  signal.throwIfAborted();

  manualSeed(plan.seed);
  const atWork = open(shape);
  const description: TrainingDescription = {
    ...begun,
    data: lastingSource(registered.data, plan.data),
    ...shape,
    ...(fingerprint && { fingerprint }),
  };
  const training = { atWork, data, description, folder, reporter, signal };
  const { history, evaluation: last } = await fit({
    ...training,
    checkpoint,
    checkpointEvery: command.checkpointEvery,
  });
  const evaluation = last ?? (await atWork.evaluate(data));
  await writeResults({ ...training, history, evaluation });
  reporter.report({
    event: "end",
    test: evaluation.metrics,
    seconds: (performance.now() - started) / 1000,
    folder: folder.path,
  });
}
