/**
 * The training under way: begun, halted, gone on with, kept. Its steps and the answers to the page take turns; what goes
 * wrong is told, and a device that is lost is replaced and the last automatic save brought back.
 */
import type { DatasetSplits } from "../../data/dataset.ts";
import { DataError, DeviceLostError, DivergenceError } from "../../engine/errors.ts";
import {
  decodeCheckpoint,
  type StoredCheckpoint,
  type TrainingDescription,
} from "../../models/checkpoint.ts";
import type { Recipe } from "../../models/recipe.ts";
import { fingerprintOf, requireSameData } from "../../models/sameData.ts";
import { chooseSettings, type Settings } from "../../models/settings.ts";
import {
  type Choice,
  type DataName,
  dataNames,
  type EpochFigures,
  type Happening,
  type History,
  type NamedBytes,
  type Notice,
  type Phase,
  type Status,
} from "../protocol.ts";
import {
  type Bench,
  bytesOnDevice,
  choiceOf,
  clearBench,
  currentBench,
  device,
  makeBench,
  openAdapter,
  requireBench,
  turns,
} from "./bench.ts";
import { classesOf, loadData } from "./data.ts";
import { stopChecks } from "./machine.ts";
import { findImageModel } from "./models.ts";
import { noOtherNotice, noticeOf } from "./notice.ts";
import { livePictures } from "./pictures.ts";
import { keepSave, keptSave } from "./storage.ts";
import { makeTurns } from "./turns.ts";

const millisecondsBetweenPictures = 1500;
const millisecondsBetweenSaves = 20_000;
const millisecondsBetweenReports = 120;

let tell: (happening: Happening) => void = () => {};
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

// What the page asks for ------------------------------------------------------------------------------------------

/** @throws ArgumentError, DataError */
export function start({ model, data, seed, ...choice }: Choice): Promise<void> {
  return changing(async () => {
    const registered = findImageModel(model);
    const settings = chooseSettings(registered.settings, asTexts(choice.settings));
    const { batchSize, learningRate } = choice;
    const recipe: Recipe = { ...registered.recipe, epochs: choice.epochs, batchSize, learningRate };
    await prepare(data, { model: registered.name, settings, recipe, seed, data });
    takeHistory({ firstStep: 0, losses: new Float32Array(), epochs: [] });
    await save("halted");
    void follow();
  });
}

export function pause(): void {
  if (phase === "training") leaving ??= "halted";
}

export function goOn(): void {
  if (phase === "halted") void follow();
}

export async function stop(): Promise<void> {
  if (phase === "training") leaving = "ended";
  if (phase !== "halted") return;
  setPhase("ended");
  await save("ended");
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
export function openCheckpoint({ name, bytes }: NamedBytes): Promise<true> {
  return changing(async (): Promise<true> => {
    const stored = decodeCheckpoint(bytes, name);
    const { training } = stored;
    await prepare(dataFor(training), training, stored);
    takeHistory({ firstStep: stored.stepsDone, losses: new Float32Array(), epochs: [] });
    setPhase(standing());
    await showPictures();
    await save(standing());
    return true;
  });
}

/** The last automatic save of this tab. */
export function restore(): Promise<boolean> {
  return changing(bringSaveBack);
}

async function bringSaveBack(): Promise<boolean> {
  const saved = await keptSave();
  if (!saved) return false;
  const stored = decodeCheckpoint(saved.checkpoint, "the automatic save");
  await prepare(saved.data, stored.training, stored);
  takeHistory(saved.history);
  tell({ event: "saved", stepsDone: stored.stepsDone, at: saved.at });
  setPhase(saved.isEnded ? "ended" : standing());
  await showPictures();
  return true;
}

function takeHistory(history: History): void {
  [losses, firstStep, epochs] = [[...history.losses], history.firstStep, [...history.epochs]];
  tell({ event: "history", history });
}

/** Of a training that nobody follows. */
function standing(): "halted" | "ended" {
  const { stepsDone, steps } = requireBench().training;
  return stepsDone >= steps ? "ended" : "halted";
}

/** As a driver's crash does. The training goes on from the last save on a new device. */
export async function destroyDevice(): Promise<void> {
  await device().close();
  if (phase !== "training") await recover();
}

// ------------------------------------------------------------------------------------------------------------------

/** The checkpoint's data, as far as it can be told: a path on somebody's machine says nothing here. */
function dataFor({ data, inputShape, classes }: TrainingDescription): DataName {
  const named = dataNames.find((name) => name === data);
  if (named) return named;
  const alike = dataNames.find((name) => name !== "digits" && classesOf[name].join() === classes.join());
  if (alike && inputShape.join() === "1,28,28") return alike;
  throw new DataError(
    `this checkpoint was trained on ${data}: images of ${inputShape.join(" × ")} in ${classes.length} classes`,
    "this page has digits, MNIST and Fashion-MNIST; go on with `wgrad train --resume`",
  );
}

const changes = makeTurns();

/**
 * Puts another training in the place of the one at hand: one at a time, or two would mix. Where that fails, what was there
 * is at rest.
 */
function changing<T>(change: () => Promise<T>): Promise<T> {
  return changes(async () => {
    const before = phase;
    try {
      return await change();
    } catch (error) {
      if (phase === "preparing") setPhase(before === "training" ? "halted" : before);
      throw error;
    }
  });
}

/** @throws DataError that lists what differs */
async function requireItsData(begun: TrainingDescription, data: DatasetSplits): Promise<void> {
  const { channels, height, width, classes } = data.train;
  const fingerprint = begun.fingerprint && (await fingerprintOf(data));
  requireSameData(begun, { inputShape: [channels, height, width], classes }, fingerprint);
}

/** Another model with its data, with fresh or stored weights; it is still preparing then. */
async function prepare(
  dataName: DataName,
  begun: Omit<TrainingDescription, "inputShape" | "classes">,
  stored?: StoredCheckpoint,
): Promise<void> {
  run++;
  setPhase("preparing", "Loading the data");
  await openAdapter(); // where a lost device could not be replaced, there may be one now
  const data = await loadData(dataName, begun.seed);
  if (stored) await requireItsData(stored.training, data);
  setPhase("preparing", "Making the model");
  await makeBench(dataName, data, begun, stored);
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
        await save("halted");
        saved = performance.now();
      }
    }
    if (own !== run) return;
    const end = () => (leaving === "ended" ? leaving : standing());
    await save(end());
    setPhase(end());
    await showPictures();
  } catch (error) {
    if (own !== run) return;
    if (error instanceof DeviceLostError) return recover();
    setPhase(error instanceof DivergenceError ? "diverged" : "halted");
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
    const isWhole = own.length === training.stepsAnEpoch;
    const trainLoss = isWhole ? own.reduce((sum, loss) => sum + loss, 0) / own.length : undefined;
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
    "choose a smaller learning rate; then start anew, or go on from the last save",
  );
}

async function showPictures(): Promise<void> {
  tell({ event: "pictures", pictures: await livePictures() });
}

/**
 * A browser that keeps nothing is no reason not to train.
 * @param standing what the training is where it is brought back
 */
async function save(standing: "halted" | "ended"): Promise<void> {
  const { dataName: data, training } = requireBench();
  const { stepsDone, ...saved } = await turns(async () => {
    record(await training.settle());
    const bytes = await training.encode();
    return { checkpoint: bytes, stepsDone: training.stepsDone, history: history() };
  });
  const at = Date.now();
  try {
    await keepSave({ ...saved, data, isEnded: standing === "ended", at });
    tell({ event: "saved", stepsDone, at });
  } catch (error) {
    tell({ event: "notice", notice: noticeOf(error) });
  }
}

let recovering: Promise<void> | undefined;
/** What was on the lost device: the page shows it, with what somebody has drawn there, until it is back. */
let lost: Bench | undefined;

/** Resolves when no lost device is being replaced. */
export async function recovered(): Promise<void> {
  await recovering;
}

/** On a new device, from the last save. */
export function recover(): Promise<void> {
  recovering ??= changes(bringBack).finally(() => {
    recovering = undefined;
  });
  return recovering;
}

async function bringBack(): Promise<void> {
  if (await isDeviceThere()) return; // the error came late, from the device before
  const goesOn = phase === "training";
  lost = currentBench();
  const hadModel = lost !== undefined;
  run++;
  stopChecks();
  setPhase("preparing", "The graphics device was lost: opening a new one");
  clearBench();
  try {
    await openAdapter();
  } catch {
    return endWithout(noOtherNotice);
  }
  try {
    const isBack = await bringSaveBack();
    const notice = replaced(hadModel, isBack, goesOn);
    if (!isBack) return endWithout(notice);
    lost = undefined;
    tell({ event: "notice", notice });
    if (goesOn) void follow();
  } catch (error) {
    endWithout(noticeOf(error));
  }
}

function endWithout(notice: Notice): void {
  lost = undefined;
  setPhase("none");
  tell({ event: "notice", notice });
}

function replaced(hadModel: boolean, isBack: boolean, goesOn: boolean): Notice {
  const text = "The graphics device was lost. There is a new one";
  if (isBack)
    return {
      kind: "information",
      text: `${text}, and the training is as it was at its last save.`,
      ...(goesOn && { help: "It goes on from there." }),
    };
  if (!hadModel) return { kind: "information", text: `${text}, and nothing else has changed.` };
  return {
    kind: "error",
    text: `${text}; the training is gone, because this browser had kept nothing of it.`,
    help: "Start it again; or open a checkpoint, if you saved one as a file.",
  };
}

const millisecondsBetweenLooks = 1000;

/** The device tells of its loss whoever uses it. While nobody does, it is asked. */
export async function watchDevice(): Promise<never> {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, millisecondsBetweenLooks));
    await turns(() => device().flush()).catch((error) => {
      if (error instanceof DeviceLostError) return recover();
    });
  }
}

function isDeviceThere(): Promise<boolean> {
  return turns(() => device().flush()).then(
    () => true,
    () => false,
  );
}

function history(): History {
  return { firstStep, losses: Float32Array.from(losses), epochs: [...epochs] };
}

function setPhase(next: Phase, what?: string): void {
  [phase, doing] = [next, what];
  report();
}

export function report(): void {
  tell({ event: "status", status: status() });
}

function status(): Status {
  const bench = currentBench() ?? lost;
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

function asTexts(settings: Settings): string[] {
  return Object.entries(settings).map(([name, value]) => `${name}=${value}`);
}
