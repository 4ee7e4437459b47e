/** The classifiers: their sizes on a device that computes nothing, and small ones against PyTorch's steps. */
import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fillHashed, hashed } from "../bench/hashed.ts";
import { openDevice, withDevice } from "../engine/currentDevice.ts";
import { ArgumentError } from "../engine/errors.ts";
import { planDevice } from "../engine/gpu/plan.ts";
import { Dropout } from "../engine/nn/layers.ts";
import type { Module } from "../engine/nn/module.ts";
import { Adam } from "../engine/optim/adam.ts";
import type { Optimizer } from "../engine/optim/optimizer.ts";
import { SGD } from "../engine/optim/sgd.ts";
import { manualSeed } from "../engine/random.ts";
import type { Shape } from "../engine/shape.ts";
import { tensor, zeros } from "../engine/tensor.ts";
import { AlexNet, AlexNetSingleTower } from "../models/alexnet.ts";
import { AlexNet28 } from "../models/alexnet28.ts";
import { AlexNetCifar } from "../models/alexnetCifar.ts";
import { classificationLoss } from "../models/classification.ts";
import { LeNet5 } from "../models/lenet5.ts";
import { close, refused } from "./engine-helpers.ts";

const gpu = await openDevice();
test.after(() => gpu.close());

/** See `fixtures/pytorch/classifiers.py`. */
interface Fixture {
  readonly labels: number[];
  readonly cases: Record<
    string,
    {
      /** [step] */
      readonly losses: number[];
      /** Parameters and buffers after the last step. */
      readonly tensors: Record<
        string,
        { readonly sum: number; readonly norm: number; readonly first: number[] }
      >;
    }
  >;
}

const { labels: classLabels, cases }: Fixture = JSON.parse(
  readFileSync(new URL("./fixtures/pytorch/classifiers.json", import.meta.url), "utf8"),
);

/** The losses of ten steps and all tensors after them are PyTorch's; dropout is off. */
async function followPyTorch(
  name: string,
  model: Module,
  imageShape: Shape,
  makeOptimizer: () => Optimizer,
): Promise<void> {
  fillHashed(model);
  for (const [, layer] of model.namedModules()) if (layer instanceof Dropout) layer.training = false;
  const optimizer = makeOptimizer();
  const labels = tensor(Int32Array.from(classLabels));
  const { losses, tensors } = cases[name];
  const shape = [classLabels.length, ...imageShape];
  const found: number[] = [];
  for (const step of losses.keys()) {
    const pixels = hashed(shape, 1000 + step).map((value) => (value + 1) / 2);
    const loss = classificationLoss(model, { images: tensor(pixels, { shape }), labels });
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    found.push(await loss.item());
  }
  close(found, losses, `${name}: the losses`, 1e-5);
  assert.equal([...model.stateDict().keys()], Object.keys(tensors));
  for (const [path, { sum, norm, first }] of Object.entries(tensors)) {
    const values = await model.stateDict().get(path)!.data();
    const where = `${name}: ${path} after ten steps`;
    close(values.slice(0, 8), first, where, 1e-4);
    const total = values.reduce((a, b) => a + b, 0);
    const squares = values.reduce((a, b) => a + b * b, 0);
    close([total / norm, Math.sqrt(squares)], [sum / norm, norm], `${where}, sum and norm`, 1e-4);
  }
}

test("LeNet-5 takes PyTorch's steps", async () => {
  const model = new LeNet5();
  const optimizer = () => new Adam(model.parameters(), { learningRate: 1e-3 });
  await followPyTorch("lenet5", model, [1, 28, 28], optimizer);
});

test("AlexNet-28 takes PyTorch's steps", async () => {
  const model = new AlexNet28();
  const optimizer = () => new Adam(model.parameters(), { learningRate: 5e-4 });
  await followPyTorch("alexnet28", model, [1, 28, 28], optimizer);
});

test("AlexNet for CIFAR takes PyTorch's steps, its running statistics among them", async () => {
  const model = new AlexNetCifar();
  const optimizer = () => new SGD(model.parameters(), { learningRate: 0.05, momentum: 0.9 });
  await followPyTorch("alexnetCifar", model, [3, 32, 32], optimizer);
});

/** A test of shapes alone: on a device that computes nothing, so that 60 million weights take no memory. */
function testOnPlan(name: string, work: () => void): void {
  test(name, () => withDevice(planDevice(), work));
}

testOnPlan("every model has the parameters of its paper, and gives a logit for each class", () => {
  const rows: [model: Module, imageShape: Shape, parameters: number, classes: number][] = [
    [new LeNet5(), [1, 28, 28], 61_706, 10],
    [new LeNet5({ imageShape: [1, 32, 32] }), [1, 32, 32], 61_706, 10],
    [new LeNet5({ imageShape: [3, 32, 32], classes: 7 }), [3, 32, 32], 61_706 + 2 * 6 * 25 - 3 * 85, 7],
    [new AlexNet28(), [1, 28, 28], 743_370, 10],
    [new AlexNet28({ imageShape: [3, 28, 28], classes: 26 }), [3, 28, 28], 743_370 + 2 * 288 + 16 * 257, 26],
    [new AlexNetCifar(), [3, 32, 32], 98_330, 10],
    [new AlexNetCifar({ imageShape: [1, 8, 13], classes: 2 }), [1, 8, 13], 98_330 - 288 - 8 * 65, 2],
    [new AlexNet(), [3, 227, 227], 60_965_224, 1000],
    [new AlexNet({ imageShape: [3, 224, 224], groups: 1 }), [3, 224, 224], 62_378_344, 1000],
    [new AlexNetSingleTower(), [3, 224, 224], 61_100_840, 1000],
    [new AlexNetSingleTower({ imageShape: [3, 63, 100], classes: 10 }), [3, 63, 100], 57_044_810, 10],
  ];
  for (const [model, imageShape, parameters, classes] of rows) {
    const name = `${model.describe()} ${imageShape}`;
    assert.is(countParameters(model), parameters, name);
    assert.equal(model.call(zeros([2, ...imageShape])).shape, [2, classes], name);
  }
});

function countParameters(model: Module): number {
  return [...model.parameters()].reduce((sum, { size }) => sum + size, 0);
}

testOnPlan("AlexNet-28 flattens 576 numbers", () => {
  assert.equal(new AlexNet28().features.call(zeros([2, 1, 28, 28])).shape, [2, 576]);
});

testOnPlan("the single tower has torchvision's names and shapes", () => {
  const shapes = [...new AlexNetSingleTower().namedTensors()].map(([name, { shape }]) => [name, shape]);
  const weights: [string, Shape][] = [
    ["features.0", [64, 3, 11, 11]],
    ["features.3", [192, 64, 5, 5]],
    ["features.6", [384, 192, 3, 3]],
    ["features.8", [256, 384, 3, 3]],
    ["features.10", [256, 256, 3, 3]],
    ["classifier.1", [4096, 9216]],
    ["classifier.4", [4096, 4096]],
    ["classifier.6", [1000, 4096]],
  ];
  assert.equal(
    shapes,
    weights.flatMap(([name, shape]) => [
      [`${name}.weight`, shape],
      [`${name}.bias`, [shape[0]]],
    ]),
  );
});

test("images that do not fit are refused", async () => {
  await refused(ArgumentError, /LeNet-5: imageShape must be .* got \[1, 30, 30\]\n {2}help: resize/, () => {
    return new LeNet5({ imageShape: [1, 30, 30] });
  });
  await refused(
    ArgumentError,
    /LeNet-5: .* got \[1, 28, 32\]/,
    () => new LeNet5({ imageShape: [1, 28, 32] }),
  );
  await refused(ArgumentError, /AlexNet-28: .* \[C, 28, 28\], got \[28, 28\]/, () => {
    return new AlexNet28({ imageShape: [28, 28] });
  });
  await refused(ArgumentError, /CIFAR: .* H and W of 8 or more, got \[3, 32\]/, () => {
    return new AlexNetCifar({ imageShape: [3, 32] });
  });
  await refused(ArgumentError, /AlexNet: .* got \[3, 256, 256\]/, () => {
    return new AlexNet({ imageShape: [3, 256, 256] });
  });
  await refused(
    ArgumentError,
    /AlexNet: groups must be 1 or 2, got 3/,
    () => new AlexNet({ groups: 3 as 2 }),
  );
  await refused(ArgumentError, /H and W of 63 or more, got \[3, 62, 224\]/, () => {
    return new AlexNetSingleTower({ imageShape: [3, 62, 224] });
  });
});

test("layers before ReLUs start with the spread that He and others found, and biases of 0", async () => {
  manualSeed(5);
  const model = new AlexNet28();
  const state = model.stateDict();
  for (const [path, fanIn] of Object.entries({ "features.8": 128 * 9, "classifier.3": 512 })) {
    const weights = await state.get(`${path}.weight`)!.data();
    const mean = weights.reduce((a, b) => a + b, 0) / weights.length;
    const std = Math.sqrt(weights.reduce((a, b) => a + b * b, 0) / weights.length);
    close([mean, std / Math.sqrt(2 / fanIn)], [0, 1], path, 0.02);
    assert.ok((await state.get(`${path}.bias`)!.data()).every((bias) => bias === 0));
  }
});

test.run();
