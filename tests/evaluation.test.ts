/** A measurement leaves everything as it was: modes, generators, and other measurements that are under way. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { memoryDataset } from "../data/dataset.ts";
import { openDevice, withDevice } from "../engine/currentDevice.ts";
import { Conv2d, Dropout, Flatten, Linear, Sequential } from "../engine/nn/layers.ts";
import { BatchNorm2d } from "../engine/nn/normalisation.ts";
import { generatorState, manualSeed } from "../engine/random.ts";
import { evaluateClassifier } from "../models/classification.ts";
import { measurement } from "../models/evaluation.ts";
import { DenseVariationalAutoencoder, evaluateElbo } from "../models/variational.ts";

const other = await openDevice();
const gpu = await openDevice();
test.after(async () => {
  await gpu.close();
  await other.close();
});

const count = 40;
const dataset = memoryDataset({
  name: "patterns",
  ...{ channels: 1, height: 4, width: 4 },
  pixels: Float32Array.from({ length: 16 * count }, (_, i) => ((i * i) % 97) / 97),
  labels: Array.from({ length: count }, (_, i) => i % 2),
  classes: ["even", "odd"],
});
const batchSize = 8;

const convolutional = () =>
  new Sequential(
    new Conv2d(1, 2, 3, { padding: 1 }),
    new BatchNorm2d(2),
    new Dropout(0.5),
    new Flatten(),
    new Linear(32, 2),
  );

test("each module is in the mode that it was in", async () => {
  const model = convolutional();
  const [, normalisation, dropout] = model.layers;
  normalisation.eval(); // frozen within a model that trains
  await evaluateClassifier(model, dataset, { batchSize });
  assert.equal([model.training, normalisation.training, dropout.training], [true, false, true]);
  model.eval();
  dropout.train(); // alone, as for Monte Carlo dropout
  const seen = measurement(model)(() => model.layers.map(({ training }) => training));
  assert.ok(seen.every((training) => !training));
  assert.equal([model.training, normalisation.training, dropout.training], [false, false, true]);
});

test("two measurements at a time give what each gives alone, and leave the generator alone", async () => {
  const classifier = convolutional();
  const autoencoder = new DenseVariationalAutoencoder({ imageShape: [1, 4, 4], hidden: 8, codeSize: 2 });
  const classified = () => evaluateClassifier(classifier, dataset, { batchSize });
  const bounded = (seed: number) => evaluateElbo(autoencoder, dataset, seed);
  const alone = [await classified(), await bounded(1), await bounded(2)];
  assert.not.equal(alone[1], alone[2], "a measurement with random numbers");
  manualSeed(42);
  const together = await Promise.all([classified(), bounded(1), bounded(2)]);
  assert.equal(together, alone);
  assert.equal(generatorState(), { seed: 42, draws: 0 });
  assert.ok(classifier.layers.every(({ training }) => training));
});

test("a model is measured on its own device, whichever is the current one", async () => {
  const build = () => {
    manualSeed(3);
    return new DenseVariationalAutoencoder({ imageShape: [1, 4, 4], hidden: 8, codeSize: 2 });
  };
  const here = await evaluateElbo(build(), dataset);
  const elsewhere = withDevice(other, build);
  const states = () => [generatorState(), withDevice(other, generatorState)];
  const before = states();
  assert.equal(await evaluateElbo(elsewhere, dataset), here);
  assert.equal(states(), before);
});

test.run();
