/** The training itself: epoch after epoch, until the last one, an interrupt, or a loss that is no number. */
import type { DatasetSplits } from "../../data/dataset.ts";
import { countBatches } from "../../data/loader.ts";
import { DivergenceError } from "../../engine/errors.ts";
import { Adam } from "../../engine/optim/adam.ts";
import type { Autoencoder, ReconstructionLoss } from "../../models/autoencoder.ts";
import { evaluateReconstruction, type ReconstructionQuality } from "../../models/reconstruction.ts";
import type { Recipe } from "../../models/registry.ts";
import { type Epoch, train } from "../../models/training.ts";
import type { LossHistory } from "../output/lossPlot.ts";
import type { Reporter } from "../output/reporter.ts";
import { type ResultFolder, resultFiles } from "./results.ts";

export interface Training {
  readonly model: Autoencoder;
  readonly data: DatasetSplits;
  readonly recipe: Recipe;
  readonly lossKind: ReconstructionLoss;
  /** Fixes the order of the images. */
  readonly seed: number;
  readonly folder: ResultFolder;
  readonly reporter: Reporter;
  /** Stops the training after the step it is at. */
  readonly signal: AbortSignal;
}

export interface TrainingResult {
  readonly history: LossHistory;
  /** Of the model as it is now; undefined when an interrupt came before the end of the epoch. */
  readonly test: ReconstructionQuality | undefined;
}

const lossNames: Record<ReconstructionLoss, string> = {
  mse: "mean squared error",
  bce: "binary cross-entropy",
};

/**
 * Trains the model; every step and epoch is reported and written to the folder's metrics.
 * @throws DivergenceError, OutputError
 */
export async function fit(training: Training): Promise<TrainingResult> {
  const { model, data, recipe, lossKind, seed, folder, reporter, signal } = training;
  const { epochs, batchSize, learningRate } = recipe;
  const optimizer = new Adam(model.parameters(), { learningRate });
  const losses: number[] = [];
  const finished: { trainLoss: number; testLoss: number }[] = [];
  const progress = startProgress(epochs * data.train.count);
  const metrics = folder.startLines(resultFiles.metrics);
  let test: ReconstructionQuality | undefined;

  function stepDone(epoch: Epoch, { index, images, loss }: FinishedStep): void {
    requireFinite(loss, `the loss in epoch ${epoch.index + 1}, step ${index + 1}`, learningRate);
    losses.push(loss);
    const { imagesPerSecond, secondsLeft } = progress(images);
    const position = { epoch: epoch.index + 1, epochs, step: index + 1, steps: epoch.steps };
    metrics.append({ event: "step", ...position, loss, imagesPerSecond });
    reporter.report({ event: "step", ...position, loss, imagesPerSecond, secondsLeft });
  }

  const announceStop = () =>
    reporter.report({ event: "note", message: "stopping after this step; Ctrl-C again stops at once" });
  signal.addEventListener("abort", announceStop);
  try {
    const loss = ({ images }: { images: Parameters<Autoencoder["loss"]>[0] }) => model.loss(images, lossKind);
    for await (const epoch of train({ dataset: data.train, epochs, batchSize, seed, optimizer, loss })) {
      const started = performance.now();
      const position = { epoch: epoch.index + 1, epochs };
      const { steps, meanLoss } = await takeSteps(epoch, signal, (step) => stepDone(epoch, step));
      test = undefined; // it was the last epoch's
      if (!signal.aborted) {
        test = await evaluate(training);
        finished.push({ trainLoss: meanLoss, testLoss: test.loss });
        const seconds = (performance.now() - started) / 1000;
        metrics.append({ event: "epoch", ...position, trainLoss: meanLoss, test, seconds });
        reporter.report({ event: "epoch", ...position, trainLoss: meanLoss, test, seconds });
      }
      if (signal.aborted) {
        reporter.report({ event: "interrupted", ...position, step: steps, steps: epoch.steps });
        break;
      }
    }
  } finally {
    signal.removeEventListener("abort", announceStop);
    metrics.close();
  }
  const stepsPerEpoch = countBatches(data.train.count, batchSize, false);
  return { history: { lossName: lossNames[lossKind], stepsPerEpoch, steps: losses, epochs: finished }, test };
}

/** How well the model does on the test set. @throws DivergenceError */
export async function evaluate({ model, data, lossKind, recipe }: Training): Promise<ReconstructionQuality> {
  const quality = await evaluateReconstruction(model, data.test, lossKind);
  requireFinite(quality.loss, "the loss on the test set", recipe.learningRate);
  return quality;
}

interface FinishedStep {
  readonly index: number;
  readonly images: number;
  readonly loss: number;
}

/** An epoch's steps, or those until the signal. A loss is awaited while the device works on the next step. */
async function takeSteps(epoch: Epoch, signal: AbortSignal, stepDone: (step: FinishedStep) => void) {
  let steps = 0;
  let imageCount = 0;
  let lossSum = 0;
  let reading: Promise<void> = Promise.resolve();
  for await (const { index, images, loss } of epoch) {
    await reading;
    reading = loss.item().then((value) => {
      steps++;
      imageCount += images;
      lossSum += images * value;
      stepDone({ index, images, loss: value });
    });
    reading.catch(() => {}); // awaited before the next step, or below
    if (signal.aborted) break;
  }
  await reading;
  return { steps, meanLoss: lossSum / imageCount };
}

/** Takes the images of each step, and tells how fast it goes and how long it will go on. */
function startProgress(totalImages: number) {
  const started = performance.now();
  let done = 0;
  return (images: number) => {
    done += images;
    const imagesPerSecond = done / ((performance.now() - started) / 1000);
    return { imagesPerSecond, secondsLeft: (totalImages - done) / imagesPerSecond };
  };
}

/** @throws DivergenceError */
function requireFinite(loss: number, where: string, learningRate: number): void {
  if (Number.isFinite(loss)) return;
  const smaller = Math.min(learningRate / 10, 1e-3);
  throw new DivergenceError(
    `the training has diverged: ${where} is ${loss}`,
    `use a smaller learning rate, such as --learning-rate ${Number(smaller.toPrecision(2))}`,
  );
}
