/** Trains a model, and tells and records what happens at every step. */
import { DataError, DivergenceError } from "../../engine/errors.ts";
import {
  encodeCheckpoint,
  type StoredCheckpoint,
  type TrainingDescription,
} from "../../models/checkpoint.ts";
import type { Evaluation, ModelAtWork } from "../../models/kinds/kind.ts";
import { type Batch, type Epoch, type Step, train } from "../../models/training.ts";
import type { LineWriter } from "../output/folder.ts";
import type { LossHistory } from "../output/lossPlot.ts";
import type { Reporter } from "../output/reporter.ts";
import { type History, lossHistory, meanLoss, readHistory } from "./history.ts";
import { type ResultFolder, removeResults, resultFiles } from "./results.ts";

export interface Training<Data, B extends Batch> {
  readonly atWork: ModelAtWork<Data, B>;
  readonly data: Data;
  readonly description: TrainingDescription;
  /** Where it goes on. */
  readonly checkpoint: StoredCheckpoint | undefined;
  /** A checkpoint is written after so many steps. Default: after every epoch, and about once a minute. */
  readonly checkpointEvery: number | undefined;
  readonly folder: ResultFolder;
  readonly reporter: Reporter;
  /** Stops the training after the step it is at. */
  readonly signal: AbortSignal;
}

export interface TrainingResult {
  readonly history: LossHistory;
  /** Of the model as it is now; undefined when an interrupt came before the end of the epoch. */
  readonly evaluation: Evaluation | undefined;
}

const millisecondsBetweenCheckpoints = 60_000;

/**
 * Trains the model, from the checkpoint on if there is one; else, with its first step, it takes the place of an earlier
 * training in the folder.
 * @throws DivergenceError, OutputError, DataError for a checkpoint of another model
 */
export async function fit<Data, B extends Batch>(training: Training<Data, B>): Promise<TrainingResult> {
  const { atWork, data, description, checkpoint, folder, reporter, signal } = training;
  const { recipe, seed } = description;
  const { epochs, learningRate } = recipe;
  const { model } = atWork;
  const source = atWork.batches(data, recipe, seed);
  const { optimizers, update } = atWork.trainer(recipe, epochs * source.steps);
  let stepsDone = checkpoint?.stepsDone ?? 0;
  if (stepsDone > epochs * source.steps) {
    throw new DataError(
      `${folder.pathOf(resultFiles.checkpoint)} was written after ${stepsDone} steps, and the whole training has ` +
        `${epochs * source.steps}`,
      "put the file back as the training left it, or begin a new training",
    );
  }
  checkpoint?.restore({ model, optimizers });

  const { lines: earlier, history } = readHistory(folder.pathOf(resultFiles.metrics), stepsDone, source);
  if (history.steps.length < stepsDone) {
    throw new DataError(
      `${folder.pathOf(resultFiles.metrics)} has the figures of ${history.steps.length} steps, and ` +
        `${resultFiles.checkpoint} was written after ${stepsDone}: they are not of the same training`,
      "put both files back as the training left them, or begin a new training",
    );
  }
  let untrained = stepsDone === 0 ? await encode() : undefined;
  let lines = stepsDone > 0 ? folder.startLines(resultFiles.metrics, earlier) : undefined;
  const progress = startProgress(epochs * source.samples - countSamples(history));
  let evaluation: Evaluation | undefined;
  let lastSaved = performance.now();

  /** An earlier training's results stay until this one has taken a step. */
  function begin(): LineWriter {
    folder.write(resultFiles.checkpoint, untrained!); // first of all: what is killed from here on is this training
    untrained = undefined;
    const removed = removeResults(folder);
    const message = `this training takes the place of an earlier one in its folder: removed ${removed.join(", ")}`;
    if (removed.length > 0) reporter.report({ event: "note", message });
    return folder.startLines(resultFiles.metrics, earlier);
  }

  function stepDone(epoch: Epoch, { index, samples, loss }: FinishedStep): void {
    requireFinite(loss, `the loss in epoch ${epoch.index + 1}, step ${index + 1}`, learningRate);
    lines ??= begin();
    history.steps.push({ loss, samples });
    const { samplesPerSecond, secondsLeft } = progress(samples);
    const position = { epoch: epoch.index + 1, epochs, step: index + 1, steps: epoch.steps };
    lines.append({ event: "step", ...position, samples, loss, samplesPerSecond });
    reporter.report({ event: "step", ...position, loss, samplesPerSecond, secondsLeft });
  }

  async function epochDone(index: number, seconds: number): Promise<void> {
    evaluation = await atWork.evaluate(data);
    const { metrics: test } = evaluation;
    requireFinite(test.loss ?? 0, "the loss on the test set", learningRate);
    const trainLoss = meanLoss(history.steps.slice(index * source.steps));
    history.epochs.push({ trainLoss, test });
    const figures = { epoch: index + 1, epochs, trainLoss, test, seconds };
    lines!.append({ event: "epoch", ...figures });
    reporter.report({ event: "epoch", ...figures });
    await save();
  }

  async function save(): Promise<void> {
    lines!.flush(); // a checkpoint never knows of steps that the figures lack
    folder.write(resultFiles.checkpoint, await encode());
    lastSaved = performance.now();
  }

  function encode(): Promise<Uint8Array> {
    return encodeCheckpoint({ model, optimizers, stepsDone }, description);
  }

  function isTimeToSave(): boolean {
    const { checkpointEvery } = training;
    return checkpointEvery
      ? stepsDone % checkpointEvery === 0
      : performance.now() - lastSaved > millisecondsBetweenCheckpoints;
  }

  const announceStop = () =>
    reporter.report({ event: "note", message: "stopping after this step; Ctrl-C again stops at once" });
  signal.addEventListener("abort", announceStop);
  try {
    if (stepsDone > 0 && stepsDone === (history.epochs.length + 1) * source.steps)
      await epochDone(history.epochs.length, 0); // it was interrupted before its evaluation
    for await (const epoch of train({ source, epochs, update, stepsDone })) {
      const started = performance.now();
      await takeSteps(epoch, {
        signal,
        stepDone: (step) => stepDone(epoch, step),
        async stepGiven(read) {
          stepsDone++;
          const isLast = stepsDone % source.steps === 0;
          if (signal.aborted || (!isLast && isTimeToSave())) {
            await read();
            await save();
          }
        },
      });
      if (signal.aborted) {
        const step = stepsDone - epoch.index * source.steps;
        reporter.report({ event: "interrupted", epoch: epoch.index + 1, epochs, step, steps: epoch.steps });
        evaluation = undefined;
        break;
      }
      await epochDone(epoch.index, (performance.now() - started) / 1000);
    }
  } finally {
    signal.removeEventListener("abort", announceStop);
    lines?.close();
  }
  return { history: lossHistory(history, atWork.lossName, source.steps), evaluation };
}

interface FinishedStep {
  readonly index: number;
  readonly samples: number;
  readonly loss: number;
}

interface StepListener {
  readonly signal: AbortSignal;
  /** A step's loss is known: some steps later. */
  stepDone(step: FinishedStep): void;
  /** The device has a step; `read` waits for the losses until now. */
  stepGiven(read: () => Promise<void>): Promise<void>;
}

/** Losses are read in lots, as often as a person can follow. */
const millisecondsBetweenReads = 100;

/** An epoch's steps, or those until the signal. */
async function takeSteps(epoch: Epoch, { signal, stepDone, stepGiven }: StepListener): Promise<void> {
  let given: Step[] = [];
  let reading: Promise<void> = Promise.resolve();
  let lastRead = performance.now();

  async function readLot(steps: readonly Step[], earlier: Promise<void>): Promise<void> {
    const values = await Promise.all(steps.map(({ losses }) => losses.loss.item()));
    await earlier;
    for (const [position, { index, samples }] of steps.entries())
      stepDone({ index, samples, loss: values[position] });
  }
  function startReading(): Promise<void> {
    reading = readLot(given, reading);
    reading.catch(() => {}); // awaited before the next lot, or below
    given = [];
    lastRead = performance.now();
    return reading;
  }
  for await (const step of epoch) {
    given.push(step);
    if (performance.now() - lastRead > millisecondsBetweenReads) {
      await reading;
      void startReading();
    }
    await stepGiven(startReading);
    if (signal.aborted) break;
  }
  await startReading();
}

function countSamples({ steps }: History): number {
  return steps.reduce((sum, { samples }) => sum + samples, 0);
}

/** Takes the samples of each step, and tells how fast it goes and how long it will go on. */
function startProgress(total: number) {
  const started = performance.now();
  let done = 0;
  return (samples: number) => {
    done += samples;
    const samplesPerSecond = done / ((performance.now() - started) / 1000);
    return { samplesPerSecond, secondsLeft: (total - done) / samplesPerSecond };
  };
}

/** @throws DivergenceError */
function requireFinite(loss: number, where: string, learningRate: number): void {
  if (Number.isFinite(loss)) return;
  const smaller = Math.min(learningRate / 10, 1e-3);
  throw new DivergenceError(
    `the training has diverged: ${where} is ${loss}`,
    `use a smaller learning rate, such as --lr ${Number(smaller.toPrecision(2))}`,
  );
}
