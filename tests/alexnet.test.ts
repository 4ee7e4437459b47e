/** AlexNet at ImageNet's size: a step of training against PyTorch's (see `fixtures/pytorch/alexnet.py`). */
import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fillHashed, hashed } from "../bench/hashed.ts";
import { openDevice } from "../engine/currentDevice.ts";
import { Dropout } from "../engine/nn/layers.ts";
import type { Module } from "../engine/nn/module.ts";
import { crossEntropyLoss } from "../engine/ops/classLosses.ts";
import { SGD } from "../engine/optim/sgd.ts";
import { manualSeed } from "../engine/random.ts";
import { tensor } from "../engine/tensor.ts";
import { AlexNet, AlexNetSingleTower } from "../models/alexnet.ts";

const gpu = await openDevice();
test.after(() => gpu.close());

interface Fixture {
  readonly learningRate: number;
  readonly momentum: number;
  readonly cases: Record<
    string,
    {
      readonly side: number;
      /** They are evenly distributed from minus this to this. */
      readonly pixels: number;
      readonly labels: number[];
      /** The first sixteen of every image. */
      readonly logits: number[][];
      readonly loss: number;
      readonly gradientNorms: Record<string, number>;
      /** After the step. */
      readonly lossAfter: number;
    }
  >;
}

const fixture: Fixture = JSON.parse(
  readFileSync(new URL("./fixtures/pytorch/alexnet.json", import.meta.url), "utf8"),
);

/**
 * Of the two towers' activations some lie within rounding of a kink: two before conv4's ReLU, a window of the last
 * pooling. An adapter that sums in another order may decide them otherwise, which moves norms by 1e-4; where it does
 * not, they agree to 1e-5.
 */
const tolerance = 1e-3;

function near(actual: number, expected: number, where: string, share = tolerance): void {
  const difference = Math.abs(actual - expected);
  assert.ok(difference <= share * Math.abs(expected), `${where} is ${actual}, not ${expected}`);
}

async function followPyTorch(name: string, model: Module): Promise<void> {
  const { side, pixels, labels, logits, loss, gradientNorms, lossAfter } = fixture.cases[name];
  fillHashed(model);
  for (const [, layer] of model.namedModules()) if (layer instanceof Dropout) layer.training = false;
  const { learningRate, momentum } = fixture;
  const optimizer = new SGD(model.parameters(), { learningRate, momentum });
  const shape = [labels.length, 3, side, side];
  const images = tensor(hashed(shape, 1000, pixels), { shape });
  const target = tensor(Int32Array.from(labels));

  const outputs = model.call(images).keep();
  const before = crossEntropyLoss(outputs, target);
  before.backward();
  near(await before.item(), loss, "the loss");
  const found = await outputs.data();
  const largest = Math.max(...logits.flat().map(Math.abs));
  for (const [image, row] of logits.entries()) {
    for (const [i, logit] of row.entries()) {
      const difference = Math.abs(found[1000 * image + i] - logit);
      assert.ok(difference <= tolerance * largest, `logit ${i} of image ${image} is off by ${difference}`);
    }
  }
  const parameters = model.stateDict();
  assert.equal([...parameters.keys()], Object.keys(gradientNorms));
  for (const [path, norm] of Object.entries(gradientNorms))
    near(lengthOf(await parameters.get(path)!.grad!.data()), norm, `the norm of the gradient of ${path}`);
  optimizer.step();
  near(await crossEntropyLoss(model.call(images), target).item(), lossAfter, "the loss after the step");
}

function lengthOf(values: Float32Array): number {
  let squares = 0;
  for (const value of values) squares += value * value;
  return Math.sqrt(squares);
}

/** The others begin with 1. */
const biasOfZero = ["features.0.bias", "features.8.bias", "classifier.6.bias"];

test("the single tower takes PyTorch's step", () => followPyTorch("singleTower", new AlexNetSingleTower()));

test("the two towers start as the paper says, and take PyTorch's step", async () => {
  manualSeed(2012);
  const model = new AlexNet();
  const state = model.stateDict();
  for (const path of state.keys()) {
    const values = await state.get(path)!.data();
    if (path.endsWith("weight"))
      near(lengthOf(values) / Math.sqrt(values.length), 0.01, `the std of ${path}`, 0.02);
    else
      assert.ok(
        values.every((bias) => bias === (biasOfZero.includes(path) ? 0 : 1)),
        path,
      );
  }
  await followPyTorch("twoTowers", model);
});

test.run();
