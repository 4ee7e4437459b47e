/** What a person chose, and how it stands in the page's address. */
import type { Settings } from "../../models/settings.ts";
import {
  type Choice,
  type DataName,
  dataNames,
  dataTitles,
  type ModelOffer,
  offeredModels,
} from "../protocol.ts";

/** What the worker told of each model, by its name; empty before that. */
export const offers = new Map<string, ModelOffer>();

const modelTitles: Readonly<Record<string, string>> = {
  autoencoder: "Autoencoder",
  "denoising-autoencoder": "Denoising autoencoder",
  vae: "Variational autoencoder",
  lenet5: "LeNet-5",
  alexnet28: "AlexNet-28",
};

/** Of the learning rate, on the slider. */
export const rates = { least: 1e-5, most: 0.1 };

/** More than anybody needs, and no more than an adapter takes. */
export const most = { epochs: 999, batchSize: 1024, codeSize: 256 };

export function titleOf(model: string): string {
  return modelTitles[model] ?? model;
}

/** Within a sentence. */
export function dataInWords(data: DataName): string {
  return data === "digits" ? "synthetic digits" : dataTitles[data];
}

/** The model's own recipe. */
export function standardChoice(model: string): Choice {
  const { epochs, batchSize, learningRate } = offers.get(model) ?? {
    epochs: 1,
    batchSize: 64,
    learningRate: 1e-3,
  };
  return { model, settings: {}, data: "digits", epochs, batchSize, learningRate, seed: 1 };
}

/** How long a code is unless somebody says otherwise; undefined for a model without codes. */
export function standardCodeSize(model: string): number | undefined {
  return offers.get(model)?.codeSize;
}

export const codeSizes = [2, 8, 16, 20, 32, 64];

/** Anybody can write an address: what does not make sense in it is left out. */
export function readChoice(query: URLSearchParams): Choice {
  const named = offeredModels.find((name) => name === query.get("model"));
  const standard = standardChoice(named ?? "autoencoder");
  const codeSize = whole(query.get("code"), 1, most.codeSize);
  const offered = standardCodeSize(standard.model) !== undefined;
  return {
    ...standard,
    settings: codeSize !== undefined && offered ? { codeSize } : {},
    data: dataNames.find((name) => name === query.get("data")) ?? "digits",
    epochs: whole(query.get("epochs"), 1, most.epochs) ?? standard.epochs,
    batchSize: whole(query.get("batch"), 1, most.batchSize) ?? standard.batchSize,
    learningRate: rate(query.get("rate")) ?? standard.learningRate,
    seed: whole(query.get("seed"), 0, 2 ** 31) ?? standard.seed,
  };
}

/** What is not as the model's recipe has it. */
export function writeChoice(choice: Choice): [string, string][] {
  const standard = standardChoice(choice.model);
  const { codeSize } = choice.settings;
  const written: [string, string][] = [
    ["model", choice.model],
    ["data", choice.data],
  ];
  if (codeSize !== undefined && codeSize !== standardCodeSize(choice.model))
    written.push(["code", `${codeSize}`]);
  if (choice.epochs !== standard.epochs) written.push(["epochs", `${choice.epochs}`]);
  if (choice.batchSize !== standard.batchSize) written.push(["batch", `${choice.batchSize}`]);
  if (choice.learningRate !== standard.learningRate) written.push(["rate", `${choice.learningRate}`]);
  if (choice.seed !== standard.seed) written.push(["seed", `${choice.seed}`]);
  return written;
}

export function codeSizeOf({ model, settings }: { model: string; settings: Settings }): number | undefined {
  const { codeSize } = settings;
  return typeof codeSize === "number" ? codeSize : standardCodeSize(model);
}

function whole(text: string | null, least: number, most: number): number | undefined {
  if (text === null || !/^\d{1,10}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= least && value <= most ? value : undefined;
}

function rate(text: string | null): number | undefined {
  const value = text === null || text === "" ? Number.NaN : Number(text);
  return value >= rates.least && value <= rates.most ? value : undefined;
}
