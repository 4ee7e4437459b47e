import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openDevice, withDevice } from "../engine/currentDevice.ts";
import { ArgumentError, ShapeError } from "../engine/errors.ts";
import { planDevice } from "../engine/gpu/plan.ts";
import {
  AvgPool2d,
  Conv2d,
  Dropout,
  Flatten,
  Linear,
  MaxPool2d,
  ReLU,
  Sequential,
  Sigmoid,
  Tanh,
  Unflatten,
  UpsampleNearest2d,
} from "../engine/nn/layers.ts";
import { Module } from "../engine/nn/module.ts";
import { leakyRelu, relu, sigmoid, softplus, tanh } from "../engine/ops/activations.ts";
import { abs, clamp, pow } from "../engine/ops/arithmetic.ts";
import { conv2d } from "../engine/ops/conv2d.ts";
import { bceLoss, bceWithLogitsLoss, mseLoss } from "../engine/ops/losses.ts";
import { linear } from "../engine/ops/matmul.ts";
import { avgPool2d, maxPool2d } from "../engine/ops/pool.ts";
import { max, mean, sum } from "../engine/ops/reduce.ts";
import { logSoftmax, softmax } from "../engine/ops/softmax.ts";
import { Adam } from "../engine/optim/adam.ts";
import { manualSeed } from "../engine/random.ts";
import { ones, type Tensor, tensor, zeros } from "../engine/tensor.ts";
import { ConvolutionalAutoencoder, DenseAutoencoder } from "../models/autoencoder.ts";
import { close, refused } from "./engine-helpers.ts";

const gpu = await openDevice();
test.after(() => gpu.close());

interface Values {
  readonly shape: number[];
  readonly values: number[];
}

/** See `fixtures/pytorch/layers.py`. */
interface Fixture {
  readonly cases: {
    readonly op: keyof typeof operations;
    readonly options: Record<string, never>;
    readonly inputs: Values[];
    readonly output: Values;
    readonly direction: number[];
    /** Of the first inputs. */
    readonly gradients: number[][];
  }[];
  readonly training: {
    readonly state: Record<string, Values>;
    readonly images: number[];
    readonly learningRate: number;
    readonly losses: number[];
  };
}

const fixture: Fixture = JSON.parse(
  readFileSync(new URL("./fixtures/pytorch/layers.json", import.meta.url), "utf8"),
);

function fromFixture({ shape, values }: Values, requiresGrad = false): Tensor {
  return tensor(Float32Array.from(values), { shape, requiresGrad });
}

type Options = Record<string, never>;

const operations = {
  conv2d: ([x, weight, bias]: Tensor[], options: Options) => conv2d(x, weight, bias, options),
  maxPool2d: ([x]: Tensor[], options: Options) => maxPool2d(x, options as never),
  avgPool2d: ([x]: Tensor[], options: Options) => avgPool2d(x, options as never),
  linear: ([x, weight, bias]: Tensor[]) => linear(x, weight, bias),
  softmax: ([x]: Tensor[], { axis }: Options) => softmax(x, axis),
  logSoftmax: ([x]: Tensor[], { axis }: Options) => logSoftmax(x, axis),
  mseLoss: ([x, target]: Tensor[], options: Options) => mseLoss(x, target, options),
  bceLoss: ([x, target]: Tensor[], options: Options) => bceLoss(x, target, options),
  bceWithLogitsLoss: ([x, target]: Tensor[], options: Options) => bceWithLogitsLoss(x, target, options),
  max: ([x]: Tensor[], options: Options) => max(x, options),
  sum: ([x]: Tensor[], options: Options) => sum(x, options),
  mean: ([x]: Tensor[], options: Options) => mean(x, options),
  pow: ([x]: Tensor[], { exponent }: Options) => pow(x, exponent),
  relu: ([x]: Tensor[]) => relu(x),
  leakyRelu: ([x]: Tensor[], { negativeSlope }: Options) => leakyRelu(x, negativeSlope),
  abs: ([x]: Tensor[]) => abs(x),
  clamp: ([x]: Tensor[], options: Options) => clamp(x, options),
  sigmoid: ([x]: Tensor[]) => sigmoid(x),
  tanh: ([x]: Tensor[]) => tanh(x),
  softplus: ([x]: Tensor[]) => softplus(x),
};

for (const { op, options, inputs, output, direction, gradients } of fixture.cases) {
  const shapes = inputs.map(({ shape }) => `[${shape}]`).join(" ");
  test(`${op} ${shapes} ${JSON.stringify(options)} agrees with PyTorch, forward and backward`, async () => {
    const tensors = inputs.map((input, i) => fromFixture(input, i < gradients.length));
    const result = operations[op](tensors, options);
    assert.equal(result.shape, output.shape);
    close(await result.data(), output.values, "the result");
    result.backward(tensor(Float32Array.from(direction), { shape: output.shape }));
    for (const [i, gradient] of gradients.entries())
      close(await tensors[i].grad!.data(), gradient, `the gradient of input ${i}`);
  });
}

test("a model with PyTorch's weights takes PyTorch's steps", async () => {
  const { state, images, learningRate, losses } = fixture.training;
  const model = new ConvolutionalAutoencoder({ imageShape: [1, 8, 8], channels: [4, 8], codeSize: 4 });
  assert.equal([...model.stateDict().keys()], Object.keys(state));
  model.loadStateDict(new Map(Object.entries(state).map(([name, values]) => [name, fromFixture(values)])));
  const batch = tensor(Float32Array.from(images), { shape: [4, 1, 8, 8] });
  const optimizer = new Adam(model.parameters(), { learningRate });
  const found: number[] = [];
  for (const _ of losses) {
    const loss = model.loss(batch, "bce");
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    found.push(await loss.item());
  }
  close(found, losses, "the losses");
});

test("the tensors of a model have PyTorch's names, shapes and order", () => {
  const shapes = (model: Module) => [...model.namedTensors()].map(([name, { shape }]) => [name, shape]);
  assert.equal(shapes(new DenseAutoencoder({ widths: [7, 3] })), [
    ["encoder.1.weight", [7, 784]],
    ["encoder.1.bias", [7]],
    ["encoder.3.weight", [3, 7]],
    ["encoder.3.bias", [3]],
    ["decoder.0.weight", [7, 3]],
    ["decoder.0.bias", [7]],
    ["decoder.2.weight", [784, 7]],
    ["decoder.2.bias", [784]],
  ]);
});

/** A buffer, a parameter of its own, an array of modules, a module inside another. */
class Nested extends Module {
  readonly blocks = [new Linear(2, 2, { bias: false }), new Sequential(new Dropout(0.9), new ReLU())];
  readonly shift = ones([2]);
  readonly scale = ones([2], { requiresGrad: true });
  forward(x: Tensor): Tensor {
    return this.blocks[1].call(this.blocks[0].call(x));
  }
}

test("modules are found in properties and arrays; parameters are what asks for a gradient", () => {
  const model = new Nested();
  assert.equal(
    [...model.namedModules()].map(([name]) => name),
    ["", "blocks.0", "blocks.1", "blocks.1.0", "blocks.1.1"],
  );
  assert.equal([...model.stateDict().keys()], ["shift", "scale", "blocks.0.weight"]);
  assert.equal([...model.parameters()], [model.scale, (model.blocks[0] as Linear).weight]);
});

test("a frozen parameter is one still, and a shared one counts once", () => {
  const layer = new Linear(2, 2);
  const model = new Sequential(layer, new Linear(2, 1), layer);
  const parameters = [...model.parameters()];
  assert.is(parameters.length, 4);
  for (const parameter of layer.parameters()) parameter.requiresGrad = false;
  assert.equal([...model.parameters()], parameters);
  assert.equal(
    [...model.namedParameters()].map(([path]) => path),
    ["0.weight", "0.bias", "1.weight", "1.bias"],
  );
  for (const parameter of layer.parameters()) parameter.requiresGrad = true;
  assert.ok(layer.weight.requiresGrad);
});

test("loadStateDict copies", async () => {
  const [from, to] = [new Nested(), new Nested()];
  to.loadStateDict(from.stateDict());
  const weight = (model: Nested) => (model.blocks[0] as Linear).weight;
  assert.equal(await weight(to).data(), await weight(from).data());
  assert.not.equal(weight(to).storage, weight(from).storage);
  gpu.upload(weight(from).storage.memory, new Float32Array(4));
  assert.not.equal(await weight(to).data(), new Float32Array(4));
  assert.ok(weight(to).requiresGrad);
});

test("a state dict that does not fit is refused with all that is wrong, and changes nothing", async () => {
  const model = new Nested();
  const words = [
    /the state dict does not fit Nested:/,
    /\n {2}missing: shift/,
    /\n {2}unexpected: blocks\.0\.bias/,
    /\n {2}misfit: scale is int32 \[2\], expected float32 \[2\]/,
    /\n {2}misfit: blocks\.0\.weight is float32 \[2, 3\], expected float32 \[2, 2\]/,
  ];
  const state = new Map([
    ["scale", zeros([2], { dtype: "int32" })],
    ["blocks.0.weight", zeros([2, 3])],
    ["blocks.0.bias", zeros([2])],
  ]);
  for (const word of words) await refused(ArgumentError, word, () => model.loadStateDict(state));
  assert.equal(await model.scale.toArray(), [1, 1]);
});

test("dropout is for training, and train() and eval() reach every layer", async () => {
  const model = new Nested();
  const [linear, [dropout]] = [model.blocks[0], (model.blocks[1] as Sequential).layers];
  manualSeed(1);
  assert.ok((await dropout.call(ones([1000])).data()).filter((value) => value === 0).length > 800);
  assert.is(model.eval(), model);
  assert.equal(
    [model, linear, dropout].map(({ training }) => training),
    [false, false, false],
  );
  const x = ones([1000]);
  assert.equal(await dropout.call(x).data(), await x.data());
  model.train();
  assert.equal(
    [model, linear, dropout].map(({ training }) => training),
    [true, true, true],
  );
});

/** A test of shapes alone: on a device that computes nothing, so that no kernel has to be compiled. */
function testOnPlan(name: string, work: () => void): void {
  test(name, () => withDevice(planDevice(), work));
}

testOnPlan("the layers' shapes and descriptions", () => {
  const image = zeros([2, 4, 6, 8]);
  const rows: [layer: Module, shape: number[], words: string][] = [
    [new Conv2d(4, 6, 3), [2, 6, 4, 6], "Conv2d(4, 6, 3)"],
    [
      new Conv2d(4, 6, [3, 2], { stride: [2, 1], padding: 1, groups: 2, bias: false }),
      [2, 6, 3, 9],
      "Conv2d(4, 6, 3 × 2, stride 2 × 1, padding 1, groups 2)",
    ],
    [new Conv2d(4, 1, 4, { padding: "same" }), [2, 1, 6, 8], "Conv2d(4, 1, 4, padding same)"],
    [new MaxPool2d({ kernelSize: 2 }), [2, 4, 3, 4], "MaxPool2d(kernelSize 2)"],
    [
      new AvgPool2d({ kernelSize: 3, stride: 2, ceilMode: true }),
      [2, 4, 3, 4],
      "AvgPool2d(kernelSize 3, stride 2, ceilMode true)",
    ],
    [new UpsampleNearest2d(3), [2, 4, 18, 24], "UpsampleNearest2d(3)"],
    [new Flatten(), [2, 192], "Flatten"],
    [new Linear(8, 5), [2, 4, 6, 5], "Linear(8, 5)"],
    [new Dropout(0.25), [2, 4, 6, 8], "Dropout(0.25)"],
    [new ReLU(), [2, 4, 6, 8], "ReLU"],
    [new Sigmoid(), [2, 4, 6, 8], "Sigmoid"],
    [new Tanh(), [2, 4, 6, 8], "Tanh"],
    [new Sequential(new Flatten(), new Unflatten([3, 64])), [2, 3, 64], "Sequential"],
  ];
  for (const [layer, shape, words] of rows) {
    assert.equal(layer.call(image).shape, shape, words);
    assert.is(layer.describe(), words);
  }
  assert.is(new Unflatten([3, 64]).describe(), "Unflatten(3 × 64)");
});

test("weights and biases start within PyTorch's bounds", async () => {
  manualSeed(0);
  const layers = [new Linear(50, 40), new Conv2d(6, 20, [3, 5], { groups: 2 })];
  for (const { weight, bias } of layers) {
    const bound = 1 / Math.sqrt(weight.size / weight.shape[0]);
    for (const parameter of [weight, bias!]) {
      const largest = Math.max(...(await parameter.data()).map(Math.abs));
      assert.ok(largest <= bound && largest > 0.8 * bound, `${largest} of ${bound}`);
      assert.ok(parameter.requiresGrad);
    }
  }
  assert.is(new Linear(2, 2, { bias: false }).bias, undefined);
});

testOnPlan("layers say what does not fit", () => {
  const refusals: [layer: Module, input: number[], words: RegExp][] = [
    [new Conv2d(4, 1, 1), [1, 3, 2, 2], /conv2d: .* has 3 channels, but weight .* expects 4/],
    [new Conv2d(1, 1, 3), [1, 1, 2, 2], /window 3 × 3 .* larger than the padded input/],
    [new Conv2d(1, 1, 1, { stride: 0 }), [1, 1, 2, 2], /stride must be a whole number, 1 or more/],
    [new Conv2d(1, 1, 1, { stride: 2, padding: "same" }), [1, 1, 2, 2], /"same" needs stride 1, got 2 × 2/],
    [
      new MaxPool2d({ kernelSize: 2, padding: 2 }),
      [1, 1, 4, 4],
      /padding must be at most half of kernelSize/,
    ],
    [new UpsampleNearest2d(2), [2, 3], /x must be \[N, channels, height, width\], got \[2, 3\]/],
    [new Unflatten([5]), [2, 6], /reshape: \[2, 6\] has 12 elements, which do not fit \[2, 5\]/],
    [new Linear(3, 1), [2, 6], /linear: expected the last axis of x to have 3 features .*, got \[2, 6\]/],
  ];
  for (const [layer, input, words] of refusals) {
    const isExpected = (error: unknown) =>
      (error instanceof ShapeError || error instanceof ArgumentError) && words.test(error.message);
    assert.throws(() => layer.call(zeros(input)), isExpected, `${words}`);
  }
});

test.run();
