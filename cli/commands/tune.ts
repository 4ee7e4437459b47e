/** `wgrad tune`: which kernels are fastest on this machine, for the products of models' training steps. */
import { openDevice } from "../../engine/currentDevice.ts";
import { ArgumentError, DataError } from "../../engine/errors.ts";
import type { Gpu } from "../../engine/gpu/gpu.ts";
import { describeProduct, type Product } from "../../engine/ops/products.ts";
import { type Measured, measureProducts, tuningFrom } from "../../engine/tune.ts";
import { kernelVersion, type Tuning } from "../../engine/tuning.ts";
import type { ModelAtWork } from "../../models/kinds/kind.ts";
import { findModel } from "../../models/registry.ts";
import { clearTunings, listTunings, readTuning, saveTuning } from "../../models/savedTuning.node.ts";
import { chooseSettings } from "../../models/settings.ts";
import type { Batch } from "../../models/training.ts";
import { productsOfStep } from "../../models/tune.ts";
import { chooseRecipe, type RecipeChoice, refuseBatchOfGraph } from "../chooseRecipe.ts";
import { chooseShape, type ShapeChoice } from "../chooseShape.ts";
import { describeDevice } from "../openTunedDevice.ts";
import { formatCount, formatDevice, formatDuration } from "../output/format.ts";
import { listenForInterrupt } from "../output/interrupt.ts";
import { say, sayEvent } from "../output/say.ts";
import { measuredLine, tuningLines } from "../output/tuningTable.ts";

export interface TuneCommand extends ShapeChoice, RecipeChoice {
  readonly models: readonly string[];
  readonly set?: readonly string[];
  readonly list?: boolean;
  readonly clear?: boolean;
  readonly json?: boolean;
}

/** Those whose times are compared with others' (README). */
const usualModels = ["autoencoder", "vae", "lenet5", "alexnet28"];

/** @throws ArgumentError, AdapterError when the adapter has no timestamps, OutputError */
export async function runTune(command: TuneCommand): Promise<void> {
  const { list = false, clear = false, models, json = false } = command;
  if ((list || clear) && (models.length > 0 || (list && clear))) {
    throw new ArgumentError("--list and --clear stand alone", "leave everything else out");
  }
  if (clear) tellCleared(clearTunings(), json);
  else if (list) await tellSaved(json);
  else await tune(command);
}

/** Sets the exit code: 1 when a kernel computed something wrong, or the interrupt's. */
async function tune({ json = false, ...command }: TuneCommand): Promise<void> {
  const interrupt = listenForInterrupt();
  const started = performance.now();
  const gpu = await openDevice();
  try {
    const products = productsOfModels(gpu, command);
    const device = describeDevice(gpu);
    if (json) sayEvent("adapter", device);
    else
      say(`${formatDevice(device)}\ntuning   ${formatCount(products.length)} products of training steps\n`);
    const measured: Measured[] = [];
    for await (const found of measureProducts(gpu, products)) {
      measured.push(found);
      const place = { number: measured.length, of: products.length };
      if (json) sayEvent("product", { ...place, ...found });
      else say(measuredLine(found, place));
      if (interrupt.signal.aborted) break;
    }
    const path = saveTuning(gpu.adapter, await tuningFrom(gpu, measured, await readAnyTuning(gpu)));
    const faster = measured.filter(({ usual, best }) => best.shape !== usual.shape).length;
    const seconds = (performance.now() - started) / 1000;
    const complete = !interrupt.signal.aborted;
    if (json) {
      sayEvent("saved", { path });
      sayEvent("end", { products: measured.length, faster, seconds, complete });
    } else {
      const end = complete ? "in" : "interrupted after";
      say(
        `\n${formatCount(faster)} of ${formatCount(measured.length)} products are computed faster from now on` +
          ` (${end} ${formatDuration(seconds)})\nsaved    ${path}`,
      );
    }
    if (measured.some(({ wrong }) => wrong.length > 0)) process.exitCode = 1;
    if (!complete) process.exitCode = interrupt.exitCode;
  } finally {
    interrupt.stopListening();
    await gpu.close();
  }
}

/** Of the training steps of all models that were named, each once. @throws ArgumentError */
function productsOfModels(gpu: Gpu, command: Omit<TuneCommand, "json">): Product[] {
  const names = command.models.length > 0 ? command.models : usualModels;
  const { set = [], input } = command;
  if (names.length > 1 && (set.length > 0 || input)) {
    throw new ArgumentError("--set and --input are for one model", "tune one model at a time");
  }
  const products = names.flatMap((name) => {
    const registered = findModel(name);
    refuseBatchOfGraph(registered, command);
    const settings = chooseSettings(registered.settings, set);
    const shape = chooseShape(registered, command);
    const recipe = chooseRecipe(registered, command);
    const find = <Data, B extends Batch>(open: () => ModelAtWork<Data, B>) =>
      productsOfStep(gpu, open, recipe);
    return registered.data === "images"
      ? find(() => registered.open(shape, settings))
      : find(() => registered.open(shape, settings));
  });
  return [...new Map(products.map((product) => [describeProduct(product), product])).values()];
}

/** What was found before, to go on from; a damaged file is written anew. */
async function readAnyTuning({ adapter }: Gpu): Promise<Tuning | undefined> {
  try {
    return await readTuning(adapter);
  } catch (error) {
    if (error instanceof DataError) return undefined;
    throw error;
  }
}

async function tellSaved(json: boolean): Promise<void> {
  const files = listTunings();
  const version = await kernelVersion();
  for (const { path, content } of files) {
    const isDamaged = content instanceof DataError;
    const isCurrent = !isDamaged && content.kernels === version;
    if (json)
      sayEvent("tuning", { path, ...(isDamaged ? { problem: content.problem } : { ...content, isCurrent }) });
    else if (isDamaged) say(`${content.problem}\n`);
    else for (const line of tuningLines(content, path, isCurrent)) say(line);
  }
  if (files.length === 0 && !json) say("nothing is tuned yet: wgrad tune MODEL");
}

function tellCleared(paths: readonly string[], json: boolean): void {
  for (const path of paths) {
    if (json) sayEvent("deleted", { path });
    else say(`deleted  ${path}`);
  }
  if (paths.length === 0 && !json) say("there was nothing to forget");
}
