/** What the page and the worker say to each other. The worker has the engine, the models and the data; the page draws. */
import type { RowResult } from "../engine/checks.ts";
import type { AdapterDescription } from "../engine/gpu/adapter.ts";
import type { ImageGrid, Metrics } from "../models/kinds/kind.ts";
import type { Settings } from "../models/settings.ts";

export const dataNames = ["digits", "mnist", "fashion-mnist"] as const;
export type DataName = (typeof dataNames)[number];

export const dataTitles: Readonly<Record<DataName, string>> = {
  digits: "Synthetic digits",
  mnist: "MNIST",
  "fashion-mnist": "Fashion-MNIST",
};

/** The four files of MNIST, and of what has its form; each may be packed (`.gz`). */
export const mnistFiles = [
  "train-images-idx3-ubyte",
  "train-labels-idx1-ubyte",
  "t10k-images-idx3-ubyte",
  "t10k-labels-idx1-ubyte",
] as const;

/**
 * Where a person can download them: the page itself asks its own host alone. The command line has the same addresses
 * among its mirrors.
 */
export const homes = {
  mnist: "https://storage.googleapis.com/cvdf-datasets/mnist/",
  "fashion-mnist": "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
} as const satisfies Partial<Record<DataName, string>>;

/** What a training is begun with; the page's address says the same. */
export interface Choice {
  /** A name in the registry. */
  readonly model: string;
  readonly settings: Settings;
  readonly data: DataName;
  readonly epochs: number;
  readonly batchSize: number;
  readonly learningRate: number;
  readonly seed: number;
}

/** The models that the page offers, by their names in the registry. */
export const offeredModels = ["autoencoder", "denoising-autoencoder", "vae", "lenet5", "alexnet28"] as const;

/**
 * "halted" can go on. "ended" cannot: the recipe is done, or somebody stopped it; neither can "diverged", whose loss is no
 * number any more.
 */
export type Phase = "none" | "preparing" | "training" | "halted" | "ended" | "diverged";

export interface ModelInfo {
  readonly parameters: number;
  readonly lossName: string;
  readonly classes: readonly string[];
  /** [C, H, W] */
  readonly imageShape: readonly number[];
  /** What it can do. */
  readonly classifies: boolean;
  readonly reconstructs: boolean;
  readonly codeSize: number | undefined;
}

export interface Status {
  readonly phase: Phase;
  /** While it is preparing: what it does. */
  readonly doing?: string;
  readonly choice?: Choice;
  readonly model?: ModelInfo;
  readonly stepsDone: number;
  readonly steps: number;
  readonly stepsAnEpoch: number;
}

export interface EpochFigures {
  /** From 1. */
  readonly epoch: number;
  readonly stepsDone: number;
  /** The mean of its steps' losses; undefined where the page did not see all of them. */
  readonly trainLoss: number | undefined;
  readonly test: Metrics;
}

/** Test images and what a classifier takes them for. */
export interface Guesses {
  readonly type: "guesses";
  readonly count: number;
  readonly imageShape: readonly number[];
  /** [count, C, H, W] */
  readonly images: Float32Array;
  readonly labels: Int32Array;
  readonly guessed: Int32Array;
  /** How sure it is, from 0 to 1. */
  readonly probabilities: Float32Array;
}

export type LivePicture = ImageGrid | Guesses;

/** A message for a person. */
export interface Notice {
  readonly kind: "error" | "information";
  readonly text: string;
  readonly help?: string;
}

/** What the worker tells without being asked. */
export type Happening =
  | { readonly event: "status"; readonly status: Status }
  /** The losses of the steps from `first` on. */
  | { readonly event: "losses"; readonly first: number; readonly losses: Float32Array }
  | { readonly event: "history"; readonly history: History }
  | { readonly event: "speed"; readonly imagesPerSecond: number; readonly bytes: number }
  | { readonly event: "epoch"; readonly figures: EpochFigures }
  | { readonly event: "pictures"; readonly pictures: readonly LivePicture[] }
  | { readonly event: "compiled"; readonly kernels: number }
  | { readonly event: "saved"; readonly stepsDone: number; readonly at: number }
  | { readonly event: "notice"; readonly notice: Notice }
  | { readonly event: "checked"; readonly row: RowResult; readonly of: number }
  | { readonly event: "measured"; readonly figure: BenchmarkFigure };

export interface BenchmarkFigure {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
}

/** What was trained before, brought back. */
export interface History {
  /** Of which step the first loss is. */
  readonly firstStep: number;
  readonly losses: Float32Array;
  readonly epochs: readonly EpochFigures[];
}

export interface NamedBytes {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** An image of the data, [C, H, W], and its class. */
export interface LabelledImages {
  readonly count: number;
  readonly imageShape: readonly number[];
  readonly images: Float32Array;
  readonly labels: Int32Array;
}

/** The first layer's weights as pictures. */
export interface Filters {
  readonly layer: string;
  readonly count: number;
  /** How many the layer has; not all of them may be shown. */
  readonly of: number;
  /** [1, height, width] */
  readonly imageShape: readonly number[];
  /** [count, height, width] */
  readonly weights: Float32Array;
}

/** What came out of a layer for one image. */
export interface Activation {
  readonly layer: string;
  readonly describes: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** Where the codes of test images lie, seen along the two directions in which they differ most. */
export interface CodeMap {
  readonly codeSize: number;
  /** [codeSize]: the code in the middle of the map. */
  readonly centre: Float32Array;
  /** Two unit vectors of codeSize: to the right, and up. */
  readonly right: Float32Array;
  readonly up: Float32Array;
  /** [count, 2]: places on the map. */
  readonly places: Float32Array;
  /** [count, codeSize] */
  readonly codes: Float32Array;
  readonly labels: Int32Array;
  /** How far the map reaches from its centre, both ways. */
  readonly reach: number;
  /** [codeSize, 2]: the least and the most of each dimension. */
  readonly ranges: Float32Array;
}

export interface Confusion {
  /** [classes, classes]: row = true class, column = predicted class. */
  readonly counts: Int32Array;
  readonly classes: readonly string[];
  readonly accuracy: number;
}

/** What the model makes of a drawing. */
export interface Reading {
  /** [classes], when it classifies. */
  readonly probabilities?: Float32Array;
  /** [C, H, W], when it reconstructs. */
  readonly reconstruction?: Float32Array;
}

/** A model that the page offers, and its own recipe. */
export interface ModelOffer {
  readonly name: string;
  readonly about: string;
  readonly epochs: number;
  readonly batchSize: number;
  readonly learningRate: number;
  /** How long its code is unless somebody says otherwise; undefined for a model without. */
  readonly codeSize: number | undefined;
}

/** What the page can ask for: a function of this is a message there and one back. */
export interface Requests {
  /**
   * Opens the adapter.
   * @param pageHasWebGpu whether there would be WebGPU outside the worker
   */
  open(pageHasWebGpu: boolean): {
    readonly adapter: AdapterDescription;
    readonly models: readonly ModelOffer[];
    readonly stored: readonly DataName[];
  };
  /**
   * Which tab of the browser the page is (`app/tab.ts`): from then on saves are that tab's own. Brings its last one back, or
   * the newest of another tab where it has none; false when there is none at all.
   */
  beTab(tab: string): boolean;
  /** Brings the tab's last automatic save back; false when there is none. */
  restore(): boolean;
  start(choice: Choice): void;
  pause(): void;
  goOn(): void;
  stop(): void;
  setLearningRate(rate: number): void;
  /** The bytes of a checkpoint, as the command line writes it. */
  checkpoint(): Uint8Array;
  openCheckpoint(file: NamedBytes): true;
  /** MNIST's four files. @returns what is there now */
  addData(name: DataName, files: readonly NamedBytes[]): readonly DataName[];
  fetchData(name: DataName, address: string): readonly DataName[];
  /** Images that the data would train with. */
  preview(data: DataName, seed: number, count: number): LabelledImages;
  testImages(first: number, count: number): LabelledImages;
  read(image: Float32Array): Reading;
  filters(): Filters | undefined;
  activations(image: Float32Array): readonly Activation[];
  codeMap(): CodeMap;
  encode(image: Float32Array): Float32Array;
  /** [count, codeSize] to [count, C, H, W] */
  decode(codes: Float32Array): Float32Array;
  confusion(): Confusion;
  /** Test images of a class that were taken for another one, or for the same. */
  confused(row: number, column: number, atMost: number): LabelledImages;
  /** @param everything all samples of every operation, or one of each */
  checkMachine(everything: boolean): { readonly stopped: boolean };
  stopChecks(): void;
  destroyDevice(): void;
}

export type RequestName = keyof Requests;

export interface Question {
  readonly id: number;
  readonly name: RequestName;
  readonly inputs: readonly unknown[];
}

export type Message =
  | Happening
  | { readonly event: "answer"; readonly id: number; readonly answer: unknown }
  | { readonly event: "refusal"; readonly id: number; readonly notice: Notice };
