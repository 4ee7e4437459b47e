/**
 * The worker's state: the device, the data, the model, and the training under way. Steps of training and answers to the
 * page take turns; what goes wrong is told, and a device that is lost is replaced and the last automatic save brought
 * back.
 */
import { type DatasetSplits, imageLength, sliceDataset } from "../../data/dataset.ts";
import { readImages } from "../../data/loader.ts";
import { openDevice } from "../../engine/currentDevice.ts";
import {
  ArgumentError,
  DataError,
  DeviceLostError,
  DivergenceError,
  WgradError,
} from "../../engine/errors.ts";
import type { Gpu } from "../../engine/gpu/gpu.ts";
import { inferenceMode } from "../../engine/gradMode.ts";
import { manualSeed } from "../../engine/random.ts";
import { type Tensor, tensor } from "../../engine/tensor.ts";
import {
  decodeCheckpoint,
  type StoredCheckpoint,
  type TrainingDescription,
} from "../../models/checkpoint.ts";
import { topClasses } from "../../models/classification.ts";
import { startMeasuring } from "../../models/evaluation.ts";
import type { ImageModelAtWork } from "../../models/kinds/kind.ts";
import type { Recipe } from "../../models/recipe.ts";
import { findModel, type RegisteredImageModel } from "../../models/registry.ts";
import { chooseSettings, type Settings } from "../../models/settings.ts";
import {
  type Choice,
  type DataName,
  dataNames,
  type EpochFigures,
  type Guesses,
  type Happening,
  type History,
  type LivePicture,
  type ModelInfo,
  type ModelOffer,
  type NamedBytes,
  type Notice,
  offeredModels,
  type Phase,
  type Status,
} from "../protocol.ts";
import { loadData } from "./data.ts";
import { keep, kept } from "./storage.ts";
import { openTraining, type Training } from "./training.ts";
import { makeTurns } from "./turns.ts";

/** A model with its data. */
export interface Bench {
  readonly atWork: ImageModelAtWork;
  readonly data: DatasetSplits;
  readonly dataName: DataName;
  readonly info: ModelInfo;
  readonly training: Training;
}

const millisecondsBetweenPictures = 1500;
const millisecondsBetweenSaves = 20_000;
const millisecondsBetweenReports = 120;
const shownImages = 24;

export const turns = makeTurns();

let tell: (happening: Happening) => void = () => {};
let gpu: Gpu | undefined;
let bench: Bench | undefined;
let phase: Phase = "none";
let doing: string | undefined;
let losses: number[] = [];
/** Of which step the first loss is: a checkpoint from elsewhere brings none. */
let firstStep = 0;
let epochs: EpochFigures[] = [];
/** Tells a training's loop that another has begun. */
let run = 0;
/** Tells it to end after the step it is at, and what it is then. */
let leaving: "halted" | "ended" | undefined;

export function listen(listener: (happening: Happening) => void): void {
  tell = listener;
}

/** @throws AdapterError, LimitError */
export async function openLab(): Promise<Gpu> {
  gpu ??= await openDevice();
  return gpu;
}

/** The models to choose from, with their recipes. */
export function offers(): ModelOffer[] {
  return offeredModels.map((name) => {
    const { about, recipe, settings } = findModel(name);
    const { epochs, batchSize, learningRate } = recipe;
    const { codeSize } = settings;
    const length = typeof codeSize === "number" ? codeSize : undefined;
    return { name, about, epochs, batchSize, learningRate, codeSize: length };
  });
}

/** @throws ArgumentError before the first training */
export function requireBench(): Bench {
  if (bench) return bench;
  throw new ArgumentError("there is no model yet", "start a training, or open a checkpoint");
}

export function device(): Gpu {
  if (gpu) return gpu;
  throw new ArgumentError("the device is not open yet");
}

/** Runs a model as it is for use, not for training, and reads what it gives. */
export async function readOut(run: () => Tensor): Promise<Float32Array> {
  const result = measured(() => inferenceMode(run));
  const values = await result.data();
  result.storage.release("it was shown");
  return values as Float32Array;
}

/** The model in evaluation mode while `work` describes what to do; the generator is left as it was. */
export function measured<T>(work: () => T): T {
  const endMeasuring = startMeasuring(requireBench().atWork.model);
  try {
    return work();
  } finally {
    endMeasuring();
  }
}

/** Images of the data as a tensor for the model. */
export function imagesTensor(images: Float32Array): Tensor {
  const { imageShape } = requireBench().info;
  const count = images.length / imageShape.reduce((a, b) => a * b, 1);
  return tensor(images, { shape: [count, ...imageShape] });
}

// What the page asks for ------------------------------------------------------------------------------------------

/** @throws ArgumentError, DataError */
export async function start({ model, data, seed, ...choice }: Choice): Promise<void> {
  const registered = findImageModel(model);
  const settings = chooseSettings(registered.settings, asTexts(choice.settings));
  const { batchSize, learningRate } = choice;
  const recipe: Recipe = { ...registered.recipe, epochs: choice.epochs, batchSize, learningRate };
  await replaceBench(data, { model: registered.name, settings, recipe, seed, data });
  takeHistory({ firstStep: 0, losses: new Float32Array(), epochs: [] });
  await save();
  void follow();
}

export function pause(): void {
  if (phase === "training") leaving ??= "halted";
}

export function goOn(): void {
  if (phase === "halted") void follow();
}

export function stop(): void {
  if (phase === "training") leaving = "ended";
  else if (phase === "halted") setPhase("ended");
}

export function setLearningRate(rate: number): Promise<void> {
  return turns(() => requireBench().training.setLearningRate(rate)).then(report);
}

export function checkpoint(): Promise<Uint8Array> {
  return turns(async () => {
    const { training } = requireBench();
    record(await training.settle());
    return training.encode();
  });
}

/** Goes on from a file that the command line or this page wrote. @throws DataError */
export async function openCheckpoint({ name, bytes }: NamedBytes): Promise<true> {
  const stored = decodeCheckpoint(bytes, name);
  const { training } = stored;
  await replaceBench(dataFor(training), training, stored);
  takeHistory({ firstStep: stored.stepsDone, losses: new Float32Array(), epochs: [] });
  setPhase(standing());
  await showPictures();
  await save();
  return true;
}

/** The last automatic save. */
export async function restore(): Promise<boolean> {
  const saved = await kept("save");
  if (!saved) return false;
  const stored = decodeCheckpoint(saved.checkpoint, "the automatic save");
  await replaceBench(saved.data, stored.training, stored);
  takeHistory(saved.history);
  tell({ event: "saved", stepsDone: stored.stepsDone, at: saved.at });
  setPhase(standing());
  await showPictures();
  return true;
}

function takeHistory(history: History): void {
  [losses, firstStep, epochs] = [[...history.losses], history.firstStep, [...history.epochs]];
  tell({ event: "history", history });
}

/** Of a training that nobody follows. */
function standing(): Phase {
  const { stepsDone, steps } = requireBench().training;
  return stepsDone >= steps ? "ended" : "halted";
}

/** As a driver's crash does. The training goes on from the last save on a new device. */
export async function destroyDevice(): Promise<void> {
  await device().close();
  if (phase !== "training") await recover(new DeviceLostError("the device was closed"));
}

// ------------------------------------------------------------------------------------------------------------------

/** The checkpoint's data, as far as it can be told: a path on somebody's machine says nothing here. */
function dataFor({ data, inputShape, classes }: TrainingDescription): DataName {
  const named = dataNames.find((name) => name === data);
  if (named) return named;
  if (inputShape.join() === "1,28,28" && classes.length === 10)
    return classes[0] === "0" ? "mnist" : "fashion-mnist";
  throw new DataError(
    `this checkpoint was trained on ${data}: images of ${inputShape.join(" × ")} in ${classes.length} classes`,
    "this page has digits, MNIST and Fashion-MNIST; go on with `wgrad train --resume`",
  );
}

/** Makes the model, with fresh or stored weights, in the place of the one before; it is still preparing then. */
async function replaceBench(
  dataName: DataName,
  begun: Omit<TrainingDescription, "inputShape" | "classes">,
  stored?: StoredCheckpoint,
): Promise<void> {
  const before = { phase, bench };
  run++;
  setPhase("preparing", "Loading the data");
  try {
    const registered = findImageModel(begun.model);
    const data = await loadData(dataName, begun.seed);
    setPhase("preparing", "Making the model");
    await turns(async () => {
      const { channels, height, width, classes } = data.train;
      const shape = { inputShape: [channels, height, width], classes };
      manualSeed(begun.seed);
      const atWork = registered.open(shape, begun.settings);
      const training = openTraining(atWork, data, { ...begun, ...shape }, stored);
      bench = { atWork, data, dataName, info: describe(atWork, shape), training };
      await before.bench?.training.close();
    });
  } catch (error) {
    bench = before.bench;
    setPhase(before.phase === "training" ? "halted" : before.phase);
    throw error;
  }
}

function describe(
  atWork: ImageModelAtWork,
  { inputShape, classes }: { readonly inputShape: readonly number[]; readonly classes: readonly string[] },
): ModelInfo {
  const parameters = [...atWork.model.parameters()].reduce((sum, { size }) => sum + size, 0);
  const blank = tensor(new Float32Array(inputShape.reduce((a, b) => a * b, 1)), {
    shape: [1, ...inputShape],
  });
  const { encode } = atWork;
  return {
    parameters,
    lossName: atWork.lossName,
    classes,
    imageShape: inputShape,
    classifies: atWork.classify !== undefined,
    reconstructs: atWork.reconstruct !== undefined,
    codeSize: encode && inferenceMode(() => encode(blank)).shape[1],
  };
}

/** Trains until the end, or until somebody halts or replaces it. */
async function follow(): Promise<void> {
  const own = ++run;
  const { training, data } = requireBench();
  let shown = performance.now();
  let saved = shown;
  let reported = shown;
  let images = 0;
  const isOn = () => phase === "training" && own === run && leaving === undefined;
  leaving = undefined;
  setPhase("training");
  const compiling = watchCompiling(isOn);
  try {
    const isMeasured = () => epochs.at(-1)?.stepsDone === training.stepsDone;
    if (isAtEpochsEnd() && !isMeasured()) await endEpoch();
    while (isOn() && training.stepsDone < training.steps) {
      const taken = await turns(async () => (isOn() ? training.step() : { losses: [], images: 0 }));
      record(taken.losses);
      images += taken.images;
      const now = performance.now();
      if (taken.images > 0) compiling.stop();
      if (now - reported > millisecondsBetweenReports) {
        tell({ event: "speed", imagesPerSecond: (1000 * images) / (now - reported), bytes: bytesOnDevice() });
        [reported, images] = [now, 0];
        report();
      }
      if (isAtEpochsEnd() && isOn()) await endEpoch();
      if (now - shown > millisecondsBetweenPictures && isOn()) {
        await showPictures();
        // no more than a fifth of the time
        shown = performance.now() + 4 * (performance.now() - now);
      }
      if (now - saved > millisecondsBetweenSaves && isOn()) {
        await save();
        saved = performance.now();
      }
    }
    if (own !== run) return;
    await save();
    setPhase(leaving === "ended" ? leaving : standing());
    await showPictures();
  } catch (error) {
    if (own !== run) return;
    if (error instanceof DeviceLostError) return recover(error);
    setPhase("halted");
    tell({ event: "notice", notice: noticeOf(error) });
  } finally {
    compiling.stop();
  }

  function isAtEpochsEnd(): boolean {
    return training.stepsDone > 0 && training.stepsDone % training.stepsAnEpoch === 0;
  }

  async function endEpoch(): Promise<void> {
    record(await turns(() => training.settle()));
    const { metrics: test } = await turns(() => requireBench().atWork.evaluate(data));
    const own = losses.slice(-training.stepsAnEpoch);
    const trainLoss = own.reduce((sum, loss) => sum + loss, 0) / own.length;
    const epoch = training.stepsDone / training.stepsAnEpoch;
    const figures = { epoch, stepsDone: training.stepsDone, trainLoss, test };
    epochs.push(figures);
    tell({ event: "epoch", figures });
  }
}

/** Tells how many kernels the device has been given to compile, until the first step is through. */
function watchCompiling(isOn: () => boolean): { stop(): void } {
  const timer = setInterval(() => {
    if (isOn()) tell({ event: "compiled", kernels: device().counters().pipelines });
  }, 150);
  return { stop: () => clearInterval(timer) };
}

/** @throws DivergenceError */
function record(read: readonly number[]): void {
  if (read.length === 0) return;
  const first = firstStep + losses.length;
  losses.push(...read);
  tell({ event: "losses", first, losses: Float32Array.from(read) });
  const bad = read.find((loss) => !Number.isFinite(loss));
  if (bad === undefined) return;
  throw new DivergenceError(
    `the training has diverged: the loss is ${bad}`,
    "start again with a smaller learning rate",
  );
}

async function showPictures(): Promise<void> {
  const { atWork, data } = requireBench();
  const pictures: readonly LivePicture[] = atWork.classify
    ? [await turns(() => guess(requireBench()))]
    : (await turns(() => atWork.draw(data))).filter((picture) => picture.type === "images");
  tell({ event: "pictures", pictures });
}

/** What a classifier takes the first test images for. */
async function guess({ atWork, data, info }: Bench): Promise<Guesses> {
  const test = sliceDataset(data.test, 0, Math.min(shownImages, data.test.count));
  const images = await readImages(test, [...test.labels.keys()]);
  const logits = await readOut(() => atWork.classify!(imagesTensor(images)));
  const classes = info.classes.length;
  const best = Array.from(
    { length: test.count },
    (_, image) => topClasses(logits.subarray(image * classes, (image + 1) * classes), 1)[0],
  );
  return {
    type: "guesses",
    count: test.count,
    imageShape: info.imageShape,
    images,
    labels: test.labels.slice(),
    guessed: Int32Array.from(best, ({ index }) => index),
    probabilities: Float32Array.from(best, ({ probability }) => probability),
  };
}

async function save(): Promise<void> {
  const { dataName: data, training } = requireBench();
  const { stepsDone, ...saved } = await turns(async () => {
    record(await training.settle());
    const bytes = await training.encode();
    return { checkpoint: bytes, stepsDone: training.stepsDone, history: history() };
  });
  const at = Date.now();
  await keep("save", { ...saved, data, at });
  tell({ event: "saved", stepsDone, at });
}

let recovering: Promise<void> | undefined;

/** On a new device, from the last save. */
export function recover(lost: DeviceLostError): Promise<void> {
  recovering ??= bringBack(lost).finally(() => {
    recovering = undefined;
  });
  return recovering;
}

async function bringBack(lost: DeviceLostError): Promise<void> {
  const goesOn = phase === "training";
  run++;
  setPhase("preparing", "The graphics device was lost: opening a new one");
  [gpu, bench] = [undefined, undefined];
  try {
    await openLab();
    const back = await restore();
    tell({
      event: "notice",
      notice: {
        kind: "information",
        text: "The graphics device was lost. There is a new one, and everything is as it was at the last save.",
        ...(goesOn && { help: "The training goes on from there." }),
      },
    });
    if (!back) setPhase("none");
    if (back && goesOn) void follow();
  } catch (error) {
    setPhase("none");
    tell({ event: "notice", notice: noticeOf(lost) });
    tell({ event: "notice", notice: noticeOf(error) });
  }
}

function history(): History {
  return { firstStep, losses: Float32Array.from(losses), epochs: [...epochs] };
}

function bytesOnDevice(): number {
  const { bytesInUse, bytesPooled } = device().memory();
  return bytesInUse + bytesPooled;
}

function setPhase(next: Phase, what?: string): void {
  [phase, doing] = [next, what];
  report();
}

export function report(): void {
  tell({ event: "status", status: status() });
}

function status(): Status {
  const training = bench?.training;
  return {
    phase,
    ...(doing !== undefined && { doing }),
    ...(bench && { choice: choiceOf(bench), model: bench.info }),
    stepsDone: training?.stepsDone ?? 0,
    steps: training?.steps ?? 0,
    stepsAnEpoch: training?.stepsAnEpoch ?? 0,
  };
}

function choiceOf({ training, dataName }: Bench): Choice {
  const { model, settings, recipe, seed } = training.description;
  const { epochs, batchSize, learningRate } = recipe;
  return { model, settings, data: dataName, epochs, batchSize, learningRate, seed };
}

/** @throws ArgumentError, also for a model of graphs */
function findImageModel(name: string): RegisteredImageModel {
  const registered = findModel(name);
  if (registered.data === "images") return registered;
  throw new ArgumentError(`${name} is no model of images`, "use it on the command line");
}

function asTexts(settings: Settings): string[] {
  return Object.entries(settings).map(([name, value]) => `${name}=${value}`);
}

export function noticeOf(error: unknown): Notice {
  if (error instanceof WgradError)
    return { kind: "error", text: error.problem, ...(error.help !== undefined && { help: error.help }) };
  return { kind: "error", text: error instanceof Error ? error.message : String(error) };
}

/** [C, H, W] floats of test images. */
export async function testImages(indices: readonly number[]): Promise<Float32Array> {
  const { test } = requireBench().data;
  if (indices.length === 0) return new Float32Array(0 * imageLength(test));
  return readImages(test, indices);
}
