/** Registered models in recorded and in eager steps. */
import * as assert from "uvu/assert";
import { hashed } from "../bench/hashed.ts";
import { type DatasetSplits, memoryDataset } from "../data/dataset.ts";
import { karateClub } from "../data/graphs.ts";
import type { Gpu } from "../engine/gpu/gpu.ts";
import { generatorState, manualSeed } from "../engine/random.ts";
import { recordStep } from "../engine/recordedStep.ts";
import { prepareGraph } from "../models/graph.ts";
import type { DataShape, ModelAtWork } from "../models/kinds/kind.ts";
import { splitEdges } from "../models/linkPrediction.ts";
import type { Precision } from "../models/recipe.ts";
import { findModel } from "../models/registry.ts";
import { chooseSettings } from "../models/settings.ts";
import { type Batch, train } from "../models/training.ts";

export interface BothWays {
  readonly batchSize: number;
  /** Not a multiple of it: the last batch of an epoch is smaller. */
  readonly samples: number;
  readonly steps: number;
  /** Default: float32. */
  readonly precision?: Precision;
  /** In place of the recipe's, which is for larger batches. */
  readonly learningRate?: number;
}

/** Images of more than 100 × 100: a step takes seconds on a CPU adapter. */
export function hasLargeImages(name: string): boolean {
  const registered = findModel(name);
  return registered.data === "images" && (registered.imageShape?.[1] ?? 0) > 100;
}

/** A recorded training leaves the same weights, losses and generator as an eager one, bit for bit. */
export async function assertSameBothWays(name: string, size: BothWays): Promise<void> {
  const [recorded, eager] = [await trainedBy(name, size, false), await trainedBy(name, size, true)];
  assert.equal(recorded.losses, eager.losses, `${name}: losses`);
  assert.ok(eager.losses.length === size.steps && eager.losses.every(Number.isFinite), `${eager.losses}`);
  assert.equal(recorded.generator, eager.generator, `${name}: random numbers`);
  for (const [path, numbers] of eager.tensors)
    assert.equal(recorded.tensors.get(path), numbers, `${name}: ${path} has other bits`);
}

/** A training step of a registered model, planned and not run, and how many commands the eager one gives. */
export function plannedStep(name: string, device: Gpu, batchSize?: number) {
  const registered = findModel(name);
  if (registered.data !== "images") throw new Error(`${name} is no model of images`);
  const shape = { inputShape: registered.imageShape ?? [1, 28, 28], classes: [..."0123456789"] };
  const atWork = registered.open(shape, chooseSettings(registered.settings, []));
  const recipe = { ...registered.recipe, ...(batchSize && { batchSize }) };
  const { update } = atWork.trainer(recipe, 1);
  const batch = atWork.example(recipe.batchSize);
  const step = () => update(batch, () => 0);
  step(); // makes what the optimiser remembers
  const before = device.counters().dispatches;
  step();
  const eager = device.counters().dispatches - before;
  return { plan: recordStep(step).plan({}), eager };
}

function trainedBy(name: string, size: BothWays, eager: boolean) {
  const registered = findModel(name);
  const { recipe } = registered;
  const settings = chooseSettings(registered.settings, []);
  const { batchSize, learningRate = recipe.learningRate, precision = "float32" } = size;
  const small = { ...recipe, batchSize, learningRate, precision, epochs: 1000 };
  async function run<Data, B extends Batch>(
    open: (shape: DataShape) => ModelAtWork<Data, B>,
    data: Data,
    shape: DataShape,
  ) {
    manualSeed(1);
    const atWork = open(shape);
    const { update } = atWork.trainer(small, 100);
    const losses: number[] = [];
    const source = atWork.batches(data, small, 1);
    for await (const epoch of train({ source, epochs: small.epochs, update, eager })) {
      for await (const step of epoch) {
        for (const part of Object.values(step.losses)) await part.item();
        losses.push(await step.losses.loss.item());
        if (losses.length === size.steps) break;
      }
      if (losses.length === size.steps) break;
    }
    const tensors = new Map<string, Uint8Array>();
    for (const [path, tensor] of atWork.model.stateDict())
      tensors.set(path, new Uint8Array((await tensor.data()).buffer));
    return { losses, tensors, generator: generatorState() };
  }
  if (registered.data === "graph") {
    const club = karateClub();
    const split = splitEdges(club, { seed: 1 });
    const shape = { inputShape: [club.nodes], classes: [] };
    return run(
      (given) => registered.open(given, settings),
      { graph: prepareGraph(split.training), hidden: split },
      shape,
    );
  }
  const inputShape = registered.imageShape ?? [1, 28, 28];
  const data = images(inputShape, size.samples);
  return run((given) => registered.open(given, settings), data, { inputShape, classes: data.train.classes });
}

function images([channels, height, width]: readonly number[], count: number): DatasetSplits {
  const pixels = hashed([count, channels, height, width], 1).map((value) => Math.abs(value) % 1);
  const classes = Array.from({ length: 10 }, (_, index) => `${index}`);
  const labels = Uint8Array.from({ length: count }, (_, index) => (7 * index) % 10);
  const dataset = memoryDataset({ name: "hashed", channels, height, width, classes, pixels, labels });
  return { train: dataset, test: dataset };
}
