/**
 * Tensors that are more than a kernel can bind at once. A device that binds little at a time has to compute what an
 * unlimited one computes, bit by bit, except where a sum is cut up; one test takes the adapter's own limit.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openDevice, withDevice } from "../engine/currentDevice.ts";
import { LimitError } from "../engine/errors.ts";
import type { MemoryReport } from "../engine/gpu/buffers.ts";
import { openDevice as openOther } from "../engine/gpu/device.ts";
import type { Gpu } from "../engine/gpu/gpu.ts";
import { planDevice } from "../engine/gpu/plan.ts";
import { Linear } from "../engine/nn/layers.ts";
import { relu } from "../engine/ops/activations.ts";
import { add, clone, mul, neg } from "../engine/ops/arithmetic.ts";
import { copyInto, filled } from "../engine/ops/elementwise.ts";
import { linear, type MatmulOptions, matmul } from "../engine/ops/matmul.ts";
import { mean, sum } from "../engine/ops/reduce.ts";
import { Adam, AdamW } from "../engine/optim/adam.ts";
import { exponentialMovingAverage } from "../engine/optim/averaging.ts";
import { clipGradNorm, clipGradValue } from "../engine/optim/clip.ts";
import type { Optimizer } from "../engine/optim/optimizer.ts";
import { SGD } from "../engine/optim/sgd.ts";
import { bernoulli, manualSeed, normal, uniform } from "../engine/random.ts";
import type { Shape } from "../engine/shape.ts";
import { type Tensor, type TypedArray, tensor, zeros } from "../engine/tensor.ts";
import { refused } from "./engine-helpers.ts";

/** So many numbers, 256 KiB. */
const most = 2 ** 16;
const gpu = await openDevice();
const limited = await openOther({ largestBinding: 4 * most });
test.after(async () => {
  await gpu.close();
  await limited.close();
});

/** Three slices, the last of which has an odd length. */
const large = 2 * most + 4099;

/** What `work` computes on both devices from the same seed: without a limit, and with one. */
async function onBoth<T>(work: () => T | Promise<T>): Promise<[whole: T, sliced: T]> {
  const run = (device: Gpu) =>
    withDevice(device, () => {
      manualSeed(5);
      return work();
    });
  return [await run(gpu), await run(limited)];
}

async function sameOnBoth(work: () => Tensor | Tensor[]): Promise<void> {
  const [whole, sliced] = await onBoth(() => Promise.all([work()].flat().map((made) => made.data())));
  for (const [i, numbers] of whole.entries()) sameNumbers(sliced[i], numbers, `tensor ${i}`);
}

/** Bit by bit, or as far apart as `tolerance` at most. */
function sameNumbers(actual: TypedArray, expected: TypedArray, where: string, tolerance = 0): void {
  assert.is(actual.length, expected.length, where);
  const other = actual.findIndex((value, i) => !(Math.abs(value - expected[i]) <= tolerance));
  assert.is(other, -1, `${where}: element ${other} is ${actual[other]}, not ${expected[other]}`);
}

test("random numbers do not depend on the slices", async () => {
  await sameOnBoth(() => [uniform([large]), normal([large]), bernoulli([large], 0.3)]);
});

test("zeros, uploads, copies, operations element by element and their gradients are the same", async () => {
  const numbers = Float32Array.from({ length: large }, (_, i) => Math.sin(i));
  const whole = Int32Array.from({ length: large }, (_, i) => i);
  await sameOnBoth(() => {
    const x = tensor(numbers, { requiresGrad: true });
    const y = tensor(numbers.toReversed(), { requiresGrad: true });
    const loss = mul(relu(x), add(x, y));
    loss.backward(tensor(numbers));
    clone(x).backward(tensor(numbers)); // adds to the gradient
    const copy = zeros([large]);
    copyInto(copy, x);
    return [loss, x.grad!, y.grad!, copy, filled(x.gpu, [large], 3), tensor(whole)];
  });
});

/** A layer with more weights than can be bound at once, after five steps. */
function trained(make: (parameters: Tensor[]) => Optimizer, prepare: (parameters: Tensor[]) => void) {
  const layer = new Linear(129, 1027);
  const parameters = [...layer.parameters()];
  const optimizer = make(parameters);
  const average = exponentialMovingAverage(parameters, { decay: 0.5 });
  for (let step = 0; step < 5; step++) {
    optimizer.zeroGrad();
    const x = normal([3, 129]);
    mean(mul(layer.call(x), layer.call(x))).backward();
    prepare(parameters);
    optimizer.step();
    average.update();
  }
  return { layer, optimizer, average, parameters };
}

const optimisers: Record<string, (parameters: Tensor[]) => Optimizer> = {
  SGD: (list) => new SGD(list, { learningRate: 0.1, weightDecay: 0.01 }),
  "SGD with momentum": (list) => new SGD(list, { learningRate: 0.1, momentum: 0.9, nesterov: true }),
  Adam: (list) => new Adam(list, { learningRate: 0.01 }),
  AdamW: (list) => new AdamW(list, { learningRate: 0.01 }),
};

for (const [name, make] of Object.entries(optimisers)) {
  test(`five steps of ${name} are the same, with their averages and states`, async () => {
    await sameOnBoth(() => {
      const { layer, optimizer, average, parameters } = trained(make, (list) => clipGradValue(list, 0.001));
      const other = new Linear(129, 1027);
      other.loadStateDict(layer.stateDict());
      const resumed = make([...other.parameters()]);
      resumed.loadStateDict(optimizer.stateDict());
      for (const [i, parameter] of [...other.parameters()].entries())
        parameter.grad = clone(parameters[i].grad!);
      resumed.step();
      const state = Object.values(optimizer.stateDict().tensors);
      return [...parameters, ...average.averages, ...state, ...other.parameters()];
    });
  });
}

test("the norm of gradients is the same, and so is what is clipped by it, but for rounding", async () => {
  const [whole, sliced] = await onBoth(async () => {
    let norm: Tensor | undefined;
    const { parameters } = trained(optimisers.SGD, (list) => {
      norm = clipGradNorm(list, 0.01);
    });
    return [await norm!.data(), await parameters[0].grad!.data(), await parameters[0].data()];
  });
  assert.ok(whole[0][0] > 0.02, `a norm of ${whole[0][0]} clips nothing`);
  assert.ok(Math.abs(sliced[0][0] / whole[0][0] - 1) < 1e-6, `${sliced[0]}, not ${whole[0]}`);
  sameNumbers(sliced[1], whole[1], "the gradient", 1e-8);
  sameNumbers(sliced[2], whole[2], "the weight", 1e-7);
});

test("an average takes the place of the parameters and leaves it", async () => {
  const [whole, sliced] = await onBoth(async () => {
    const { average, parameters } = trained(optimisers.SGD, () => {});
    const inside = await average.use(() => parameters[0].data());
    return [inside, await parameters[0].data()];
  });
  for (const i of [0, 1]) sameNumbers(sliced[i], whole[i], `${i}`);
  assert.is.not(whole[0][0], whole[1][0]);
});

for (const [name, sizes] of [
  ["b is too large", [4, 132, 600]],
  ["a is too large", [600, 132, 4]],
  ["the result is too large", [260, 8, 260]],
  ["every matrix is too large", [300, 260, 260]],
  ["b is too large and the sum is split", [4, 640, 132]],
  ["a is too large and the sum is split", [132, 640, 4]],
] as const) {
  test(`a product and its gradients are the same but for rounding, where ${name}`, async () => {
    const [rows, depth, columns] = sizes;
    for (const transposeA of [false, true]) {
      for (const transposeB of [false, true]) {
        const a = transposeA ? [depth, rows] : [rows, depth];
        const b = transposeB ? [columns, depth] : [depth, columns];
        const [whole, sliced] = await onBoth(() => productOf(a, b, { transposeA, transposeB }));
        for (const [i, result] of ["the product", "a's gradient", "b's gradient"].entries()) {
          const where = `${result} of [${a}] · [${b}], ${transposeA}, ${transposeB}`;
          sameNumbers(sliced[i], whole[i], where, 1e-4);
        }
      }
    }
  });
}

/** The product and the gradients of its operands, which are random numbers of these shapes. */
function productOf(a: Shape, b: Shape, options: MatmulOptions): Promise<Float32Array[]> {
  const [first, second] = [normal(a), normal(b)];
  for (const operand of [first, second]) operand.keep().requiresGrad = true;
  const result = matmul(first, second, options);
  result.backward(normal(result.shape));
  return Promise.all([result, first.grad!, second.grad!].map((made) => made.data()));
}

test("AlexNet's first linear layer, of 144 MiB, learns where 128 MiB can be bound", async () => {
  const [inputs, outputs, learningRate] = [9216, 4096, 0.5];
  const device = await openOther({ largestBinding: 2 ** 27 });
  const { layer, x } = withDevice(device, () => {
    manualSeed(3);
    return { layer: new Linear(inputs, outputs), x: normal([2, inputs]).keep() };
  });
  const weights = await layer.weight.data();
  weights[weights.length - 1] = 2; // an upload as well
  copyInto(layer.weight, tensor(weights, { gpu: device }));
  x.requiresGrad = true;
  const dy = withDevice(device, () => normal([2, outputs]).keep());
  const y = layer.call(x);
  const values = await y.data();
  y.backward(dy);
  const optimizer = new SGD([layer.weight], { learningRate });
  optimizer.step();
  const [xs, dys, dxs, biases, updated] = await Promise.all(
    [x, dy, x.grad!, layer.bias!, layer.weight].map((made) => made.data()),
  );

  const range = (count: number) => Array.from({ length: count }, (_, i) => i);
  // 3,584 rows are the first slice.
  for (const output of [0, 1, 2047, 3583, 3584, 3640, outputs - 1]) {
    for (const input of [0, 5, inputs - 1]) {
      const at = output * inputs + input;
      const gradient = dys[output] * xs[input] + dys[outputs + output] * xs[inputs + input];
      near(updated[at], weights[at] - learningRate * gradient, `weight ${output}, ${input}`);
    }
    for (const row of [0, 1]) {
      const expected = range(inputs).reduce(
        (total, input) => total + xs[row * inputs + input] * weights[output * inputs + input],
        biases[output],
      );
      near(values[row * outputs + output], expected, `output ${row}, ${output}`);
    }
  }
  for (const input of [0, 1, 4609, inputs - 1]) {
    for (const row of [0, 1]) {
      const expected = range(outputs).reduce(
        (total, output) => total + dys[row * outputs + output] * weights[output * inputs + input],
        0,
      );
      near(dxs[row * inputs + input], expected, `input gradient ${row}, ${input}`);
    }
  }
  await device.close();
});

function near(actual: number, expected: number, where: string): void {
  assert.ok(
    Math.abs(actual - expected) <= 1e-5 * Math.max(1, Math.abs(expected)),
    `${where}: ${actual}, not ${expected}`,
  );
}

test("memory is flat from the third step on, also with slices", async () => {
  const flat: MemoryReport[] = [];
  await withDevice(limited, () =>
    trained(optimisers.Adam, (list) => {
      clipGradNorm(list, 1);
      flat.push(limited.memory());
    }),
  );
  for (const step of [3, 4]) assert.is(flat[step].bytesInUse, flat[2].bytesInUse, `step ${step}`);
});

test("thousands of slices wait for their place among the uniforms, and an upload waits for all of them", async () => {
  const tiny = await openOther({ largestBinding: 300 }); // rounded to 256 bytes: 64 numbers
  const count = 64 * 1300 + 1;
  const x = tensor(
    Float32Array.from({ length: count }, (_, i) => i),
    { gpu: tiny },
  );
  const { dispatches } = tiny.counters();
  const y = neg(x);
  tiny.upload(x.storage.memory, new Float32Array(count));
  const values = await y.data();
  assert.is(
    values.findIndex((value, i) => value !== -i),
    -1,
  );
  assert.ok((await x.data()).every((value) => value === 0));
  assert.is(tiny.counters().dispatches - dispatches, 1301);
  await tiny.close();
});

test("a plan takes everything, in one command each", () => {
  const plan = planDevice();
  withDevice(plan, () => {
    const weight = uniform([2 ** 17, 2 ** 17]);
    linear(zeros([1, 2 ** 17]), weight);
  });
  assert.is(plan.counters().dispatches, 2);
});

test("what does not work in slices is refused, with the numbers, and takes no memory", async () => {
  const x = withDevice(limited, () => uniform([large]).keep());
  const before = limited.memory().bytesInUse;
  await refused(
    LimitError,
    /^sum: a tensor of 540,688 bytes is more than this adapter binds at once \(262,144\), and this kernel does not/,
    () => sum(x),
  );
  assert.is(limited.memory().bytesInUse, before);
  await refused(
    LimitError,
    /^matmul.* 540,672 bytes.*\n {2}help: use a smaller batch or a narrower layer/,
    () => withDevice(limited, () => matmul(normal([3, 2, 4]), normal([3, 4, 11264]))),
  );
});

test.run();
