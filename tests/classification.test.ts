/** How classifiers are measured: by a model whose logits are the pixels. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { memoryDataset } from "../data/dataset.ts";
import { openDevice } from "../engine/currentDevice.ts";
import { ArgumentError, ShapeError } from "../engine/errors.ts";
import { Dropout, Flatten, Linear, Sequential } from "../engine/nn/layers.ts";
import { tensor } from "../engine/tensor.ts";
import { classificationLoss, evaluateClassifier, topClasses } from "../models/classification.ts";
import { close, refused } from "./engine-helpers.ts";

const gpu = await openDevice();
test.after(() => gpu.close());

/** Images of one row, a pixel a class; the label comes first. */
const rows: readonly [label: number, ...logits: number[]][] = [
  [0, 0.9, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
  [0, 0.5, 0.1, 0.2, 0.3, 0.8, 0.4, 0.6], // third
  [1, 0.7, 0.7, 0.1, 0.1, 0.1, 0.1, 0.1], // the first of two equal ones is another
  [2, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3], // third of seven equal ones
  [5, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3], // sixth
  [6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.6, 0.0], // last
  [4, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0],
  [6, 0.6, 0.5, 0.4, 0.3, 0.1, 0.0, 0.2], // fifth
];

/** Without labels and classes. */
const pictures = {
  name: "rows",
  pixels: Float32Array.from(rows.flatMap(([, ...logits]) => logits)),
  channels: 1,
  height: 1,
  width: 7,
};
const dataset = memoryDataset({ ...pictures, labels: rows.map(([label]) => label), classes: [..."abcdefg"] });

/** In training it would leave hardly any logit as it is. */
const model = new Sequential(new Dropout(0.9), new Flatten());

/** The mean cross entropy of logits (pixel - mean) / std. */
function lossOf(mean: number, std: number): number {
  const losses = rows.map(([label, ...pixels]) => {
    const logits = pixels.map((pixel) => (pixel - mean) / std);
    return Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0)) - logits[label];
  });
  return losses.reduce((a, b) => a + b, 0) / rows.length;
}

test("loss, accuracies and confusions are those of the logits, for batches of any size", async () => {
  const confusion = new Int32Array(49);
  for (const [label, predicted] of [
    [0, 0],
    [0, 4],
    [1, 0],
    [2, 0],
    [5, 0],
    [6, 5],
    [4, 4],
    [6, 0],
  ])
    confusion[7 * label + predicted]++;
  for (const batchSize of [1, 3, undefined]) {
    const quality = await evaluateClassifier(model, dataset, { ...(batchSize && { batchSize }) });
    close([quality.loss], [lossOf(0, 1)], "the loss");
    assert.is(quality.accuracy, 2 / 8);
    assert.is(quality.top5, 6 / 8);
    assert.equal(quality.confusion, confusion);
    assert.equal(quality.perClass, [0.5, 0, 0, Number.NaN, 1, 0, 0]);
  }
});

test("pixels are normalised, and large logits overflow nothing", async () => {
  const normalized = await evaluateClassifier(model, dataset, { normalize: { mean: [0.5], std: [0.25] } });
  close([normalized.loss], [lossOf(0.5, 0.25)], "the loss");
  const large = await evaluateClassifier(model, dataset, { normalize: { mean: [0.5], std: [1 / 4096] } });
  // Of the largest logit and those that equal it there is next to nothing left but the distance to the label.
  const expected = rows.map(([label, ...pixels]) => {
    const largest = Math.max(...pixels);
    return 4096 * (largest - pixels[label]) + Math.log(pixels.filter((pixel) => pixel === largest).length);
  });
  close([large.loss], [expected.reduce((a, b) => a + b, 0) / rows.length], "the loss of large logits");
});

test("logits that are no numbers show in the loss and count as wrong among the first five", async () => {
  const broken = new Sequential(new Flatten(), new Linear(7, 7));
  gpu.upload((broken.layers[1] as Linear).weight.storage.memory, new Float32Array(49).fill(Number.NaN));
  const { loss, top5 } = await evaluateClassifier(broken, dataset);
  assert.ok(Number.isNaN(loss));
  assert.is(top5, 0);
});

test("the model's mode is restored, after an error as well, and no memory is kept", async () => {
  await evaluateClassifier(model, dataset, { batchSize: 3 });
  const { bytesInUse } = gpu.memory();
  for (const isTraining of [true, false]) {
    if (isTraining) model.train();
    else model.eval();
    await evaluateClassifier(model, dataset, { batchSize: 3 });
    assert.equal([model.training, model.layers[0].training], [isTraining, isTraining]);
  }
  assert.ok(gpu.memory().bytesInUse <= bytesInUse, "less where the collector has found earlier models");
  model.train();
  const words = /Sequential gave \[8, 7\], expected logits \[8, 2\]\n {2}help: .* an output for each class/;
  const others = memoryDataset({ ...pictures, labels: rows.map(() => 1), classes: ["a", "b"] });
  await refused(ShapeError, words, () => evaluateClassifier(model, others));
  assert.ok(model.training && model.layers[0].training);
});

test("the loss to train with has the options of the cross entropy", async () => {
  const logits = new Sequential(new Flatten());
  const images = tensor([[[[0.5, 1, 0]]]]);
  const labels = tensor(Int32Array.of(1));
  const logSum = Math.log(Math.exp(0.5) + Math.exp(1) + 1);
  close([await classificationLoss(logits, { images, labels }).item()], [logSum - 1], "plain");
  const smooth = classificationLoss(logits, { images, labels }, { labelSmoothing: 0.3 });
  close([await smooth.item()], [logSum - (0.7 * 1 + 0.3 * 0.5)], "smoothed");
});

test("the most probable classes come first, with probabilities of all classes", async () => {
  const logits = Float32Array.of(0, Math.log(4), Math.log(2), 0);
  const [first, second, third, ...none] = topClasses(logits, 3);
  assert.equal([first.index, second.index, third.index], [1, 2, 0]);
  close([first.probability, second.probability, third.probability], [0.5, 0.25, 0.125], "probabilities");
  assert.is(none.length, 0);
  assert.is(topClasses(logits, 10).length, 4);
  assert.equal(topClasses([1000, 0], 1), [{ index: 0, probability: 1 }]);
  for (const count of [0, 1.5, Number.NaN])
    await refused(ArgumentError, /topClasses: count must be a whole number ≥ 1/, () =>
      topClasses(logits, count),
    );
});

test.run();
