/** Weights and checkpoints that a training left: found by the file, or by the folder of the training. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, isAbsolute, join } from "node:path";
import { ArgumentError, DataError } from "../engine/errors.ts";
import {
  decodeCheckpoint,
  decodeWeights,
  type ModelDescription,
  type StoredCheckpoint,
  type StoredWeights,
} from "../models/checkpoint.ts";
import { findModel, type RegisteredModel } from "../models/registry.ts";
import { chooseSettings } from "../models/settings.ts";
import { requireSource } from "./loadData.ts";
import { resultFiles } from "./training/results.ts";

/**
 * @param from a training's folder, or the checkpoint in it
 * @throws DataError when there is no such file, or it is not what it should be
 */
export function readCheckpoint(
  from: string,
): StoredCheckpoint & { readonly folder: string; readonly registered: RegisteredModel } {
  const path = locate(from, resultFiles.checkpoint, "begin a training with `wgrad train`");
  const checkpoint = decodeCheckpoint(readFile(path), path);
  if (basename(path) !== resultFiles.checkpoint) {
    throw new DataError(
      `${path}: a training goes on in a folder of its own, from the file ${resultFiles.checkpoint} there`,
      "put it there under that name: wgrad train --resume FOLDER",
    );
  }
  return { ...checkpoint, folder: dirname(path), registered: findSavedModel(checkpoint.training, path) };
}

/**
 * @param from a folder or file; by default the training in `out/` that ended last
 * @throws DataError when there is no such file, or it is not what it should be
 */
export function readWeights(
  from: string | undefined,
): StoredWeights & { readonly path: string; readonly registered: RegisteredModel } {
  const folder = from ?? newestTraining();
  const isUnfinished = existsSync(join(folder, resultFiles.checkpoint));
  const path = locate(
    folder,
    resultFiles.weights,
    isUnfinished ? toGoOn(folder) : "train a model first, with `wgrad train`",
  );
  const weights = decodeWeights(readFile(path), path);
  return { ...weights, path, registered: findSavedModel(weights.description, path) };
}

/**
 * Finds out beforehand whether the data that a saved model was trained on is there.
 * @param path of the file that names it
 * @param otherwise completes "put it back there, or …"
 * @throws DataError
 */
export function requireSavedSource(
  path: string,
  { data: kind }: RegisteredModel,
  { data }: ModelDescription,
  otherwise: string,
): void {
  try {
    requireSource(kind, data);
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    // Older versions kept a folder as it was typed.
    const remedy = isAbsolute(data) ? "put it back there" : "run this where the training was begun";
    throw new DataError(
      `the data that ${path} was trained on is not here: ${error.problem}`,
      `${remedy}, or ${otherwise}`,
      { cause: error },
    );
  }
}

/** What a file says of its model may be of another version, or from anywhere. @throws DataError */
function findSavedModel({ model, settings, inputShape }: ModelDescription, path: string): RegisteredModel {
  try {
    const registered = findModel(model);
    chooseSettings(
      registered.settings,
      Object.entries(settings).map(([name, value]) => `${name}=${value}`),
    );
    if (inputShape.length === registered.typical.inputShape.length) return registered;
    throw new ArgumentError(`${model} is not for input of ${inputShape.length} dimensions`);
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    throw new DataError(
      `${path} does not fit this version of wgrad: ${error.problem}`,
      "use it with the version that wrote it, or train again",
      { cause: error },
    );
  }
}

function locate(path: string, name: string, help: string): string {
  if (!existsSync(path)) throw new DataError(`there is no file or folder ${path}`, help);
  if (!statSync(path).isDirectory()) return path;
  const file = join(path, name);
  if (!existsSync(file)) throw new DataError(`the folder ${path} has no ${name} in it`, help);
  return file;
}

function newestTraining(): string {
  const out = "out";
  const folders = (existsSync(out) ? readdirSync(out) : []).map((name) => join(out, name));
  const newestWith = (file: string): string | undefined => {
    const timeOf = (folder: string) => statSync(join(folder, file)).mtimeMs;
    const having = folders.filter((folder) => existsSync(join(folder, file)));
    return having.sort((one, other) => timeOf(other) - timeOf(one))[0];
  };
  const newest = newestWith(resultFiles.weights);
  if (newest !== undefined) return newest;
  const unfinished = newestWith(resultFiles.checkpoint);
  throw new DataError(
    `there is no trained model in ${out}/`,
    unfinished === undefined
      ? "train one with `wgrad train`, or name the folder with --from"
      : toGoOn(unfinished),
  );
}

function toGoOn(folder: string): string {
  return `the training in ${folder} has not ended yet: go on with it, wgrad train --resume ${folder}`;
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  ENOTDIR: "there is no such file",
  EISDIR: "it is a folder, not a file",
  EACCES: "permission denied",
};

/** @throws DataError */
export function readFile(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = reasons[code ?? ""] ?? message;
    throw new DataError(`cannot read ${path}: ${reason}`, "check the path", { cause: error });
  }
}
