/** Checks every operation's gradient on this adapter, and measures how fast it is. */
import { syntheticDigits } from "../../data/syntheticDigits.ts";
import { checkOps } from "../../engine/checks.ts";
import { inferenceMode } from "../../engine/gradMode.ts";
import { matmul } from "../../engine/ops/matmul.ts";
import { opChecks } from "../../engine/ops/table.ts";
import { generatorState, manualSeed, normal, setGeneratorState } from "../../engine/random.ts";
import { findModel, type RegisteredImageModel } from "../../models/registry.ts";
import { chooseSettings } from "../../models/settings.ts";
import type { Happening } from "../protocol.ts";
import { device, turns } from "./bench.ts";
import { openTraining } from "./training.ts";

/** Tells a run of the checks that it was stopped, or that another has begun. */
let run = 0;

export function stopChecks(): void {
  run++;
}

/** @param everything all samples of every operation, or one of each */
export async function checkMachine(
  everything: boolean,
  tell: (happening: Happening) => void,
): Promise<{ stopped: boolean }> {
  const own = ++run;
  const operations = opChecks.map((checks) => {
    const samples = everything ? checks.samples() : checks.samples().slice(0, 1);
    return { ...checks, samples: () => samples };
  });
  const of = operations.reduce((sum, { samples }) => sum + samples().length, 0);
  const rows = checkOps(device(), { operations });
  while (own === run) {
    const { value: row, done } = await turns(() => rows.next());
    if (done) break;
    if (own === run) tell({ event: "checked", row, of });
  }
  for (const measure of [
    measureMatmul,
    ...["autoencoder", "lenet5"].map((name) => () => measureTraining(name)),
  ]) {
    const figures = own === run ? await turns(measure) : [];
    if (own === run) for (const figure of figures) tell({ event: "measured", figure });
  }
  return { stopped: own !== run };
}

const side = 512;
const repetitions = 5;

async function measureMatmul() {
  const gpu = device();
  const before = generatorState();
  manualSeed(0);
  const [a, b] = [normal([side, side]).keep(), normal([side, side]).keep()];
  setGeneratorState(before);
  const run = async (times: number) => {
    const started = performance.now();
    for (let i = 0; i < times; i++) {
      const result = inferenceMode(() => matmul(a, b));
      if (i === times - 1) await result.data();
      result.storage.release("it was measured");
    }
    return (performance.now() - started) / times;
  };
  await run(1); // compiles
  const milliseconds = await run(repetitions);
  for (const { storage } of [a, b]) storage.release("it was measured");
  await gpu.flush();
  const value = (2 * side ** 3) / milliseconds / 1e6;
  return [{ what: `matmul ${side} × ${side} × ${side}, with reading the result`, value, unit: "GFLOP/s" }];
}

const batchSize = 64;
const measuredSteps = 8;

/** A model's training step, from its recipe. */
async function measureTraining(name: string) {
  const registered = findModel(name) as RegisteredImageModel;
  const data = syntheticDigits({ seed: 1, trainCount: batchSize * (measuredSteps + 2), testCount: 10 });
  const shape = { inputShape: [1, 28, 28], classes: data.train.classes };
  const settings = chooseSettings(registered.settings, []);
  const before = generatorState();
  manualSeed(1);
  const recipe = { ...registered.recipe, batchSize, epochs: 1 };
  const begun = { model: name, settings, recipe, seed: 1, data: "digits", ...shape };
  const training = openTraining(registered.open(shape, settings), data, begun);
  for (let i = 0; i < 2; i++) await training.step(); // compiles
  await training.settle();
  const started = performance.now();
  for (let i = 0; i < measuredSteps; i++) await training.step();
  await training.settle();
  const milliseconds = (performance.now() - started) / measuredSteps;
  await training.close();
  setGeneratorState(before);
  return [
    { what: `${name}, a training step of ${batchSize} images`, value: milliseconds, unit: "ms" },
    { what: `${name}, training`, value: (1000 * batchSize) / milliseconds, unit: "images/s" },
  ];
}
