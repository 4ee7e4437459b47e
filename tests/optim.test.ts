import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openDevice } from "../engine/currentDevice.ts";
import {
  ArgumentError,
  AutogradError,
  DtypeError,
  ReleasedTensorError,
  ShapeError,
  type WgradError,
} from "../engine/errors.ts";
import { relu } from "../engine/ops/activations.ts";
import { add, mul, square, sub } from "../engine/ops/arithmetic.ts";
import { sum } from "../engine/ops/reduce.ts";
import { Adam, type AdamOptions, AdamW } from "../engine/optim/adam.ts";
import type { Optimizer, OptimizerState } from "../engine/optim/optimizer.ts";
import { SGD, type SGDOptions } from "../engine/optim/sgd.ts";
import { manualSeed, normal, uniform } from "../engine/random.ts";
import { ones, type Tensor, tensor, zeros } from "../engine/tensor.ts";

const gpu = await openDevice();
test.after(() => gpu.close());

/** See `fixtures/pytorch/optimisers.py`. */
interface Fixture {
  readonly shapes: number[][];
  readonly snapshots: number[];
  readonly halveLearningRateAfter: number;
  readonly initial: number[][];
  /** [step][parameter] */
  readonly gradients: (number[] | null)[][];
  readonly cases: {
    readonly optimiser: keyof typeof optimisers;
    readonly options: Record<string, never>;
    /** [snapshot][parameter] */
    readonly expected: number[][][];
  }[];
}

const optimisers = {
  SGD: (parameters: Tensor[], options: SGDOptions): Optimizer => new SGD(parameters, options),
  Adam: (parameters: Tensor[], options: AdamOptions): Optimizer => new Adam(parameters, options),
  AdamW: (parameters: Tensor[], options: AdamOptions): Optimizer => new AdamW(parameters, options),
};

const fixture: Fixture = JSON.parse(
  readFileSync(new URL("./fixtures/pytorch/optimisers.json", import.meta.url), "utf8"),
);

function parametersOf({ initial, shapes }: Fixture): Tensor[] {
  return initial.map((values, i) =>
    tensor(Float32Array.from(values), { shape: shapes[i], requiresGrad: true }),
  );
}

function setGradients(parameters: readonly Tensor[], step: number): void {
  parameters.forEach((parameter, i) => {
    const values = fixture.gradients[step][i];
    parameter.grad = values && tensor(Float32Array.from(values), { shape: parameter.shape });
  });
}

for (const { optimiser, options, expected } of fixture.cases) {
  test(`${optimiser} ${JSON.stringify(options)} takes PyTorch's steps`, async () => {
    const parameters = parametersOf(fixture);
    const optimizer = optimisers[optimiser](parameters, options as never);
    for (let step = 0; step < fixture.gradients.length; step++) {
      if (step === fixture.halveLearningRateAfter) optimizer.learningRate /= 2;
      setGradients(parameters, step);
      optimizer.step();
      const snapshot = fixture.snapshots.indexOf(step + 1);
      if (snapshot < 0) continue;
      for (const [i, parameter] of parameters.entries())
        close(await parameter.data(), expected[snapshot][i], `parameter ${i} after step ${step + 1}`);
    }
  });

  test(`${optimiser} ${JSON.stringify(options)} goes on from its saved state, bit by bit`, async () => {
    const parameters = parametersOf(fixture);
    const optimizer = optimisers[optimiser](parameters, options as never);
    const steps = fixture.gradients.map((_, step) => step);
    for (const step of steps.slice(0, 5)) {
      setGradients(parameters, step);
      optimizer.step();
    }
    optimizer.learningRate *= 0.5;
    const copies = await Promise.all(
      parameters.map(async (parameter) => tensor(await parameter.data(), { shape: parameter.shape })),
    );
    const resumed = optimisers[optimiser](copies, options as never);
    resumed.loadStateDict(optimizer.stateDict());
    assert.is(resumed.learningRate, optimizer.learningRate);
    for (const [some, its] of [
      [parameters, optimizer],
      [copies, resumed],
    ] as const) {
      for (const step of steps.slice(5, 9)) {
        setGradients(some, step);
        its.step();
      }
    }
    for (const [i, copy] of copies.entries()) assert.equal(await copy.data(), await parameters[i].data());
  });
}

test("one command updates one parameter", async () => {
  for (const make of [
    (list: Tensor[]) => new SGD(list, { learningRate: 0.1 }),
    (list: Tensor[]) => new SGD(list, { learningRate: 0.1, momentum: 0.9 }),
    (list: Tensor[]) => new AdamW(list),
  ]) {
    const parameters = [ones([3]), ones([70, 5])];
    for (const parameter of parameters) parameter.grad = ones(parameter.shape);
    const optimizer = make(parameters);
    optimizer.step();
    await parameters[0].data();
    const before = gpu.counters().dispatches;
    optimizer.step();
    await parameters[0].data();
    assert.is(gpu.counters().dispatches - before, 2);
  }
});

test("every element of a large parameter is updated", async () => {
  const parameter = ones([4099]);
  parameter.grad = ones([4099]);
  new SGD([parameter], { learningRate: 0.25 }).step();
  assert.ok((await parameter.data()).every((value) => value === 0.75));
});

test("a parameter without a gradient stays as it is", async () => {
  const [moving, resting] = [ones([2]), ones([2])];
  moving.grad = ones([2]);
  const optimizer = new Adam([moving, resting], { learningRate: 0.5, weightDecay: 0.1 });
  optimizer.step();
  close(await moving.data(), [0.5, 0.5], "moving");
  assert.equal(await resting.toArray(), [1, 1]);
  assert.equal(Object.keys(optimizer.stateDict().tensors), ["0.firstMoment", "0.secondMoment"]);
});

test("zeroGrad forgets the gradients and gives their memory back", async () => {
  const x = tensor([1, 2], { requiresGrad: true });
  const optimizer = new SGD([x], { learningRate: 1 });
  sum(square(x)).backward();
  const held = x.grad!;
  const { buffersInUse } = gpu.memory();
  optimizer.zeroGrad();
  assert.is(x.grad, null);
  assert.is(gpu.memory().buffersInUse, buffersInUse - 1);
  await held.data().then(
    () => assert.unreachable(),
    (error) =>
      assert.ok(error instanceof ReleasedTensorError && /zeroGrad\(\) has cleared/.test(error.message)),
  );
  optimizer.zeroGrad(); // nothing left to forget

  const own = ones([2]);
  x.grad = own;
  optimizer.zeroGrad();
  assert.equal(Array.from(await own.data()), [1, 1], "what somebody made and put there is theirs");
  sum(square(x)).backward();
  const kept = x.grad!.keep();
  sum(square(x)).backward();
  optimizer.zeroGrad();
  assert.equal(Array.from(await kept.data()), [2, 4], "what somebody keeps as well");
});

test("parameters are the optimiser's to keep, whoever made them, and when", async () => {
  const running = new SGD([ones([1])], { learningRate: 1 });
  running.step();
  const late = uniform([4]); // by itself it would go back at the end of the step after this one
  const lost = uniform([4]);
  new SGD([late], { learningRate: 1 });
  running.step();
  running.step();
  assert.ok(lost.storage.isReleased);
  assert.is((await late.data()).length, 4);
});

/** y = relu(x w1 + b1) · w2 + b2 for one input and eight hidden units, written out by elements. */
function regression() {
  manualSeed(1);
  const points = 40;
  const inputs = Float32Array.from({ length: points }, (_, i) => (2 * i) / (points - 1) - 1);
  const x = tensor(inputs, { shape: [points, 1] });
  const target = tensor(inputs.map((value) => value * value));
  const initial = [normal([1, 8]), normal([8], { std: 0.5 }), normal([8], { std: 0.3 }), zeros([1])];
  const parameters = initial.map((values) => {
    const parameter = values.keep();
    parameter.requiresGrad = true;
    return parameter;
  });
  const [w1, b1, w2, b2] = parameters;
  const unit = ones([]);
  /** One forward and backward pass. */
  function lossOnce(): Tensor {
    const hidden = relu(add(mul(x, w1), b1));
    const prediction = add(sum(mul(hidden, w2), { axes: 1 }), b2);
    const loss = sum(square(sub(prediction, target)));
    loss.backward(unit);
    return loss;
  }
  /** The same in float64. */
  async function lossOnHost(): Promise<number> {
    const [w1, b1, w2, [b2]] = await Promise.all(parameters.map((parameter) => parameter.data()));
    return inputs.reduce((total, input) => {
      const terms = Array.from(w2, (weight, unit) => weight * Math.max(0, input * w1[unit] + b1[unit]));
      const prediction = terms.reduce((a, b) => a + b, b2);
      return total + (prediction - input * input) ** 2;
    }, 0);
  }
  return { parameters, lossOnce, lossOnHost };
}

const trained: [name: string, make: (parameters: Tensor[]) => Optimizer][] = [
  ["SGD", (list) => new SGD(list, { learningRate: 0.002, momentum: 0.9, nesterov: true })],
  ["Adam", (list) => new Adam(list, { learningRate: 0.02 })],
  ["AdamW", (list) => new AdamW(list, { learningRate: 0.02 })],
];

for (const [name, make] of trained) {
  test(`${name}: 300 steps learn x², with memory flat from the third on`, async () => {
    const { parameters, lossOnce, lossOnHost } = regression();
    const optimizer = make(parameters);
    const first = await lossOnHost();
    let last = 0;
    let flat = gpu.memory();
    for (let step = 1; step <= 300; step++) {
      optimizer.zeroGrad();
      const loss = lossOnce();
      optimizer.step();
      const { bytesInUse, buffersInUse } = gpu.memory();
      if (step <= 3) flat = gpu.memory();
      // Not more; less when the collector has found what earlier tests left.
      assert.ok(
        bytesInUse <= flat.bytesInUse,
        `step ${step}: ${bytesInUse} bytes, ${flat.bytesInUse} before`,
      );
      assert.ok(buffersInUse <= flat.buffersInUse, `step ${step}: ${buffersInUse} buffers`);
      if (step === 1) close([await loss.item()], [first], "the first loss, read after its step");
      else if (step % 50 === 0) last = await loss.item();
    }
    assert.ok(last < 0.1, `from ${first} to ${last}`);
  });
}

test("a result lives through the step that made it and the whole step after it", async () => {
  const { parameters, lossOnce } = regression();
  const optimizer = new SGD(parameters, { learningRate: 0.001 });
  const losses: Tensor[] = [];
  // What was made before the end of the first step stays for as long as somebody holds it.
  const alive = () => losses.flatMap((loss, step) => (step === 0 || loss.storage.isReleased ? [] : [step]));
  for (let step = 0; step < 5; step++) {
    optimizer.zeroGrad();
    losses.push(lossOnce());
    assert.equal(
      alive(),
      [step - 1, step].filter((index) => index > 0),
    );
    optimizer.step();
    assert.equal(alive(), step === 0 ? [] : [step]);
  }
  assert.not(losses[0].storage.isReleased);
  assert.type(await losses[4].item(), "number");
  await losses[3].item().then(
    () => assert.unreachable(),
    (error) =>
      assert.ok(error instanceof ReleasedTensorError && /the training step after/.test(error.message)),
  );
});

test("hyper-parameters outside their range are refused", () => {
  const list = [ones([2])];
  const refusals: [work: () => unknown, words: RegExp][] = [
    [() => new SGD([], { learningRate: 1 }), /SGD: there are no parameters/],
    [() => new SGD([list[0], list[0]], { learningRate: 1 }), /listed twice/],
    [() => new SGD(list, { learningRate: -1 }), /SGD: learningRate must be a finite number ≥ 0, got -1/],
    [() => new SGD(list, { learningRate: Number.NaN }), /got NaN/],
    [() => new SGD(list, { learningRate: 1, momentum: -0.1 }), /SGD: momentum .* got -0.1/],
    [() => new SGD(list, { learningRate: 1, dampening: Number.NaN }), /SGD: dampening/],
    [() => new SGD(list, { learningRate: 1, weightDecay: -1 }), /SGD: weightDecay/],
    [() => new SGD(list, { learningRate: 1, nesterov: true }), /nesterov needs a momentum above 0/],
    [
      () => new SGD(list, { learningRate: 1, nesterov: true, momentum: 0.9, dampening: 0.1 }),
      /no dampening, got momentum 0.9 and dampening 0.1/,
    ],
    [() => new Adam(list, { learningRate: Number.POSITIVE_INFINITY }), /Adam: learningRate/],
    [
      () => new Adam(list, { betas: [1, 0.999] }),
      /Adam: beta1 must be from 0 up to \(not including\) 1, got 1/,
    ],
    [() => new Adam(list, { betas: [0.9, -0.1] }), /Adam: beta2/],
    [() => new Adam(list, { betas: [Number.NaN, 0.9] }), /Adam: beta1/],
    [() => new Adam(list, { epsilon: -1 }), /Adam: epsilon/],
    [() => new AdamW(list, { weightDecay: Number.NaN }), /AdamW: weightDecay/],
  ];
  for (const [work, words] of refusals) refused(ArgumentError, work, words);
  const optimizer = new SGD(list, { learningRate: 1 });
  refused(
    ArgumentError,
    () => {
      optimizer.learningRate = -1;
    },
    /got -1/,
  );
  assert.is(optimizer.learningRate, 1);
});

test("what is no parameter is refused", () => {
  const weight = ones([2], { requiresGrad: true });
  refused(ArgumentError, () => new SGD([weight, weight.detach()], { learningRate: 1 }), /listed twice/);
  const leaf = tensor([1], { requiresGrad: true });
  refused(AutogradError, () => new SGD([leaf, square(leaf)], { learningRate: 1 }), /parameter 1, .*square/);
  refused(DtypeError, () => new Adam([tensor([1], { dtype: "int32" })]), /parameter 0 must be float32/);
});

test("a gradient of another shape is refused", () => {
  const parameter = ones([3]);
  parameter.grad = ones([2]);
  const optimizer = new SGD([parameter], { learningRate: 1 });
  refused(ShapeError, () => optimizer.step(), /SGD: the gradient of parameter 0 is \[2\], .* is \[3\]/);
});

test("a state that does not fit is refused, and changes nothing", () => {
  const save = (shape: number[], make: (list: Tensor[]) => Optimizer): OptimizerState => {
    const parameter = ones(shape);
    parameter.grad = ones(shape);
    const optimizer = make([parameter]);
    optimizer.step();
    return optimizer.stateDict();
  };
  const momentum = (list: Tensor[]) => new SGD(list, { learningRate: 1, momentum: 0.9 });
  const saved = save([3], momentum);
  const optimizer = new Adam([ones([3])]);
  refused(ArgumentError, () => optimizer.loadStateDict(saved), /Adam: the state lacks 0.firstMoment/);
  refused(
    ArgumentError,
    () => new SGD([ones([3])], { learningRate: 1 }).loadStateDict(saved),
    /holds 0.momentumBuffer, which belong/,
  );
  refused(ShapeError, () => momentum([ones([4])]).loadStateDict(saved), /is \[3\] .* is \[4\]/);
  const two = new SGD([ones([3]), ones([3])], { learningRate: 1 });
  for (const parameter of two.parameters) parameter.grad = ones([3]);
  two.step();
  refused(
    ArgumentError,
    () => new SGD([ones([3])], { learningRate: 1 }).loadStateDict(two.stateDict()),
    /the state holds 1\.step, which belong/,
  );
  assert.equal(optimizer.stateDict(), { numbers: { learningRate: 1e-3, weightDecay: 0 }, tensors: {} });
});

function refused(type: new (...some: never[]) => WgradError, work: () => unknown, words: RegExp): void {
  assert.throws(work, (error: unknown) => error instanceof type && words.test(error.message));
}

/** Within 1e-5 of the larger of 1 and the expected value. */
function close(actual: ArrayLike<number>, expected: readonly number[], where: string): void {
  assert.is(actual.length, expected.length);
  expected.forEach((value, i) => {
    const difference = Math.abs(actual[i] - value);
    assert.ok(difference <= 1e-5 * Math.max(1, Math.abs(value)), `${where}: ${actual[i]}, not ${value}`);
  });
}

test.run();
