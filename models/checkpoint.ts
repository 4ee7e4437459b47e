/**
 * What a training leaves on disk: weights, which say of themselves which model they belong to, and checkpoints, which hold
 * all that a training needs to go on bit for bit: weights, what the optimisers remember, the generator's state, and how
 * many steps were done. (The order of the images follows from the seed and the epoch's number, and the learning rate from
 * the step's.) Both are safetensors files; PyTorch reads the first as it is.
 */
import { DataError, WgradError } from "../engine/errors.ts";
import { loadTensors, readTensors, saveModel } from "../engine/io/modelFile.ts";
import {
  decodeSafetensors,
  encodeSafetensors,
  isObject,
  type SafetensorsTensor,
} from "../engine/io/safetensors.ts";
import type { Module } from "../engine/nn/module.ts";
import type { Remembering } from "../engine/optim/optimizer.ts";
import { type GeneratorState, generatorState, setGeneratorState } from "../engine/random.ts";
import { type Tensor, tensor } from "../engine/tensor.ts";
import { isRecipe, type Recipe } from "./recipe.ts";
import type { Settings } from "./settings.ts";

type AnyModule = Module<never, unknown>;

/** Which model weights belong to. */
export interface ModelDescription {
  /** Its name in the registry. */
  readonly model: string;
  readonly settings: Settings;
  readonly inputShape: readonly number[];
  readonly classes: readonly string[];
  /** Where its data came from: "mnist", or a path. */
  readonly data: string;
  /** By what that was drawn, or split for testing. Weights from elsewhere, or of older versions, have none. */
  readonly seed?: number;
}

/** By what a training knows its data again. */
export interface DataFingerprint {
  /** How many there are to train on. */
  readonly samples: number;
  /** A hash of their labels, in their order. */
  readonly labels: string;
}

/** How a training was begun. */
export interface TrainingDescription extends ModelDescription {
  readonly recipe: Recipe;
  readonly seed: number;
  /** Trainings of graphs, and those that were begun on the page or by an older version, have none. */
  readonly fingerprint?: DataFingerprint;
}

const descriptionKey = "wgrad";
const trainingKey = "wgrad.training";

export async function encodeWeights(model: AnyModule, description: ModelDescription): Promise<Uint8Array> {
  const { model: name, settings, inputShape, classes, data, seed } = description;
  const own = { model: name, settings, inputShape, classes, data, seed };
  return saveModel(model, new Map([[descriptionKey, JSON.stringify(own)]]));
}

/** Weights that were read from a file. */
export interface StoredWeights {
  readonly description: ModelDescription;
  readonly tensors: ReadonlyMap<string, SafetensorsTensor>;
  /** @throws DataError for weights of another model */
  loadInto(model: AnyModule): void;
}

/**
 * @param file its name, for messages
 * @throws DataError for a broken file, or one that does not say which model it belongs to
 */
export function decodeWeights(bytes: Uint8Array, file: string): StoredWeights {
  const { tensors, metadata } = decodeSafetensors(bytes, file);
  const text = metadata.get(descriptionKey);
  if (text === undefined) {
    throw new DataError(
      `${file}: these weights do not say which model they belong to`,
      "bring weights from elsewhere in with `wgrad import MODEL FILE`",
    );
  }
  return {
    description: readDescription(text, file),
    tensors,
    loadInto: (model) => loadTensors(model, tensors, file),
  };
}

/** What goes on from a checkpoint. */
export interface TrainingState {
  readonly model: AnyModule;
  readonly optimizers: Readonly<Record<string, Remembering>>;
  readonly stepsDone: number;
}

interface StoredState {
  readonly stepsDone: number;
  readonly generator: GeneratorState;
  readonly optimizers: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** What a checkpoint says beside its model's description. */
interface StoredTraining extends Pick<TrainingDescription, "recipe" | "seed" | "fingerprint"> {
  readonly state: StoredState;
}

/** The file's bytes, of the current device's generator. */
export async function encodeCheckpoint(
  { model, optimizers, stepsDone }: TrainingState,
  training: TrainingDescription,
): Promise<Uint8Array> {
  const tensors: [string, Tensor][] = [...model.stateDict()].map(([name, value]) => [`model.${name}`, value]);
  const numbers: Record<string, Readonly<Record<string, number>>> = {};
  for (const [name, optimizer] of Object.entries(optimizers)) {
    const state = optimizer.stateDict();
    numbers[name] = state.numbers;
    for (const [key, value] of Object.entries(state.tensors)) tensors.push([`${name}.${key}`, value]);
  }
  const state: StoredState = { stepsDone, generator: generatorState(), optimizers: numbers };
  const { recipe, seed, fingerprint, ...description } = training;
  return encodeSafetensors(
    await readTensors(tensors),
    new Map([
      [descriptionKey, JSON.stringify(description)],
      [trainingKey, JSON.stringify({ recipe, seed, fingerprint, state })],
    ]),
  );
}

/** A checkpoint that was read from a file. */
export interface StoredCheckpoint {
  readonly training: TrainingDescription;
  readonly stepsDone: number;
  /**
   * Puts everything back, on the current device.
   * @throws DataError for a checkpoint of another model; the model is as it was then
   */
  restore(state: Pick<TrainingState, "model" | "optimizers">): void;
}

/**
 * @param file its name, for messages
 * @throws DataError for a broken file, or one that is no checkpoint
 */
export function decodeCheckpoint(bytes: Uint8Array, file: string): StoredCheckpoint {
  const { tensors, metadata } = decodeSafetensors(bytes, file);
  const [description, text] = [metadata.get(descriptionKey), metadata.get(trainingKey)];
  if (description === undefined || text === undefined) {
    throw new DataError(
      `${file}: this is no checkpoint: it does not say how the training was begun`,
      "go on from the file checkpoint.safetensors that `wgrad train` writes",
    );
  }
  const { recipe, seed, fingerprint, state } = parse(text, file) as StoredTraining;
  if (!isRecipe(recipe)) throw misfit(file, "its recipe");
  if (fingerprint !== undefined && !isFingerprint(fingerprint))
    throw misfit(file, "its fingerprint of the data");
  const isState = isObject(state) && isObject(state.optimizers) && isObject(state.generator);
  if (!isState || ![seed, state.stepsDone, state.generator.seed, state.generator.draws].every(isCount))
    throw misfit(file, "its state of the training");
  const under = (prefix: string) =>
    new Map(
      [...tensors]
        .filter(([name]) => name.startsWith(prefix))
        .map(([name, value]) => [name.slice(prefix.length), value]),
    );
  return {
    training: { ...readDescription(description, file), recipe, seed, ...(fingerprint && { fingerprint }) },
    stepsDone: state.stepsDone,
    restore({ model, optimizers }) {
      for (const [name, optimizer] of Object.entries(optimizers)) {
        const what = `its state of the optimiser "${name}"`;
        const [numbers, stored] = [state.optimizers[name], under(`${name}.`)];
        const isFloat = ({ dtype }: SafetensorsTensor) => dtype === "float32";
        if (!isObject(numbers) || !Object.entries(numbers).every(isOptimizerNumber)) throw misfit(file, what);
        if (![...stored.values()].every(isFloat)) throw misfit(file, what);
        loadOptimizer(optimizer, numbers, stored, `${file}: ${what} does not fit the model`);
      }
      loadTensors(model, under("model."), file);
      setGeneratorState(state.generator);
    },
  };
}

/** @throws DataError that begins with `problem` */
function loadOptimizer(
  optimizer: Remembering,
  numbers: Readonly<Record<string, number>>,
  stored: ReadonlyMap<string, SafetensorsTensor>,
  problem: string,
): void {
  const { gpu } = optimizer.parameters[0];
  const tensors = new Map<string, Tensor>();
  try {
    for (const [key, { data, shape }] of stored) tensors.set(key, tensor(data, { shape, gpu }));
    optimizer.loadStateDict({ numbers, tensors: Object.fromEntries(tensors) });
  } catch (error) {
    if (!(error instanceof WgradError)) throw error;
    throw new DataError(`${problem}: ${error.problem}`, helpOnMisfit, { cause: error });
  } finally {
    for (const { storage } of tensors.values()) storage.release("it was copied into the optimiser");
  }
}

function isFingerprint(value: unknown): value is DataFingerprint {
  return isObject(value) && isCount(value.samples) && isLine(value.labels);
}

/** A learning rate, or how many updates a parameter had. */
function isOptimizerNumber([name, value]: [string, unknown]): boolean {
  return name.endsWith(".step") ? isCount(value) : typeof value === "number";
}

function readDescription(text: string, file: string): ModelDescription {
  const read = parse(text, file) as ModelDescription;
  const isWhole =
    isLine(read.model) &&
    isLine(read.data) &&
    isObject(read.settings) &&
    Object.values(read.settings).every((value) => ["number", "string"].includes(typeof value)) &&
    isList(read.inputShape, (size) => isCount(size) && size !== 0) &&
    isList(read.classes, isLine) &&
    (read.seed === undefined || isCount(read.seed));
  if (!isWhole) throw misfit(file, "what it says of its model");
  return read;
}

function parse(text: string, file: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw misfit(file, "its description", error);
  }
  if (!isObject(value)) throw misfit(file, "its description");
  return value;
}

const helpOnMisfit = "get the file again, or train again; it was not written by this version of wgrad";

function misfit(file: string, what: string, cause?: unknown): DataError {
  return new DataError(`${file}: ${what} is not what wgrad writes`, helpOnMisfit, { cause });
}

/** Text that a terminal shows as it is: a file must not steer it. */
function isLine(value: unknown): boolean {
  return typeof value === "string" && !/\p{Cc}/u.test(value);
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isList(value: unknown, isItem: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(isItem);
}
