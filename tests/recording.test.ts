/** Recorded steps: what they compute, what they take, and what cannot be recorded. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { hashed } from "../bench/hashed.ts";
import { openDevice, withDevice } from "../engine/currentDevice.ts";
import { ArgumentError, DtypeError, RecordingError, ShapeError } from "../engine/errors.ts";
import { openDevice as open } from "../engine/gpu/device.ts";
import { Linear } from "../engine/nn/layers.ts";
import { relu, sigmoid, tanh } from "../engine/ops/activations.ts";
import { add, clamp, exp, mul, pow, square, sub } from "../engine/ops/arithmetic.ts";
import { crossEntropyLoss } from "../engine/ops/classLosses.ts";
import { dropout } from "../engine/ops/dropout.ts";
import { mseLoss } from "../engine/ops/losses.ts";
import { matmul } from "../engine/ops/matmul.ts";
import { mean, sum } from "../engine/ops/reduce.ts";
import { softmax } from "../engine/ops/softmax.ts";
import { Adam } from "../engine/optim/adam.ts";
import { exponentialMovingAverage } from "../engine/optim/averaging.ts";
import { clipGradNorm, clipGradValue } from "../engine/optim/clip.ts";
import { SGD } from "../engine/optim/sgd.ts";
import { manualSeed, normal } from "../engine/random.ts";
import { everyRun, fed, recordStep } from "../engine/recordedStep.ts";
import { ones, type Tensor, tensor, zeros } from "../engine/tensor.ts";
import { LeNet5 } from "../models/lenet5.ts";
import { models } from "../models/registry.ts";
import { refused } from "./engine-helpers.ts";
import { assertSameBothWays, hasLargeImages } from "./recording-helpers.ts";

const gpu = await openDevice();
test.after(() => gpu.close());

// Images of 224 × 224 take minutes: tests/full has those.
for (const { name } of models) {
  if (hasLargeImages(name)) continue;
  test(`${name}: twenty recorded steps are the eager ones, bit for bit`, () =>
    assertSameBothWays(name, { batchSize: 4, samples: 26, steps: 20 }));
}

function host(shape: number[], salt = 1) {
  return { data: hashed(shape, salt), shape };
}

test("LeNet-5's step: one submission, one upload, half of the dispatches, no more memory than planned", async () => {
  const model = new LeNet5();
  const optimizer = new Adam(model.parameters());
  const step = recordStep(({ images, labels }) => {
    const loss = crossEntropyLoss(model.call(images), labels);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    return { loss };
  });
  const inputs = {
    images: host([64, 1, 28, 28]),
    labels: { data: Int32Array.from({ length: 64 }, (_, i) => i % 10), shape: [64] },
  };
  async function countsOf(run: () => Promise<unknown>) {
    await run();
    await gpu.flush();
    const before = gpu.counters();
    await run();
    const after = gpu.counters();
    const names = ["dispatches", "passes", "submits", "uploads", "flops"] as const;
    return Object.fromEntries(names.map((name) => [name, after[name] - before[name]]));
  }
  const eager = await countsOf(() => step.runEagerly(inputs));
  const plan = step.plan(inputs);
  for (let i = 0; i < 2; i++) await step.run(inputs); // ends the eager steps: what they made goes back
  step.release();
  const before = gpu.memory().bytesInUse;
  const recorded = await countsOf(() => step.run(inputs));
  const taken = gpu.memory().bytesInUse - before;
  assert.ok(Math.abs(taken - plan.bytes) < 0.25 * plan.bytes, `${plan.bytes} planned, ${taken} taken`);
  assert.equal([recorded.passes, recorded.submits, recorded.uploads], [1, 1, 1]);
  assert.ok(recorded.dispatches! <= 0.5 * eager.dispatches!, `${recorded.dispatches} of ${eager.dispatches}`);
  assert.is(recorded.flops, eager.flops);
  step.release();
  assert.is(gpu.memory().bytesInUse, before);
});

test("losses are read at any time, in any order, also of steps long past and after the recording's end", async () => {
  const step = recordStep(({ x }) => ({ loss: sum(x), twice: mul(sum(x), 2) }));
  const results = [];
  for (let i = 0; i < 200; i++)
    results.push(await step.run({ x: { data: Float32Array.of(i, 1), shape: [2] } }));
  assert.is(await results[150]!.loss.item(), 151);
  assert.is(await results[3]!.twice.item(), 8);
  step.release();
  for (const [i, { loss, twice }] of results.entries())
    assert.equal([await loss.item(), await twice.item()], [i + 1, 2 * (i + 1)]);
});

test("other shapes are another recording; both are kept", async () => {
  const step = recordStep(({ x }) => ({ total: sum(x) }));
  const totals = [];
  for (const length of [3, 5, 3, 5, 3]) {
    const { total } = await step.run({ x: { data: new Float32Array(length).fill(2), shape: [length] } });
    totals.push(await total.item());
  }
  assert.equal(totals, [6, 10, 6, 10, 6]);
  step.release();
});

test("what the host gives anew: inputs, fed() and everyRun()", async () => {
  const weight = tensor([1], { requiresGrad: true });
  const optimizer = new SGD([weight], { learningRate: 0 });
  let number = 0;
  const step = recordStep(({ x }) => {
    everyRun(() => {
      number++;
      optimizer.learningRate = number;
    });
    const loss = sum(
      mul(
        weight,
        mul(
          x,
          fed([1], () => Float32Array.of(number)),
        ),
      ),
    );
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    return { loss };
  });
  const losses = [];
  for (const value of [2, 3, 4]) {
    const { loss } = await step.run({ x: { data: Float32Array.of(value), shape: [1] } });
    losses.push(await loss.item());
  }
  // The weight is 1, then 1 - 1 · 2 · 1 = -1, then -1 - 2 · 3 · 2 = -13.
  assert.equal(losses, [2, -6, -156]);
  assert.is(number, 3);
  step.release();
});

test("random numbers and dropout are those of eager steps", async () => {
  const work = ({ x }: { x: Tensor }) => ({ loss: mean(dropout(add(x, normal([7, 11])), 0.3)) });
  const inputs = { x: host([7, 11]) };
  async function three(way: "run" | "runEagerly") {
    manualSeed(4);
    const step = recordStep(work);
    const losses = [];
    for (let i = 0; i < 3; i++) losses.push(await (await step[way](inputs)).loss.item());
    step.release();
    return losses;
  }
  const recorded = await three("run");
  assert.equal(recorded, await three("runEagerly"));
  assert.is(new Set(recorded).size, 3);
});

test("chains of elementwise operations, shared operands and clipped gradients come out the same", async () => {
  const weights = [
    [5, 3],
    [3, 4],
    [4, 4],
  ].map((shape, salt) => tensor(hashed(shape, salt + 2), { shape, requiresGrad: true }));
  const optimizer = new SGD(weights, { learningRate: 0.1, momentum: 0.9 });
  const [a, b, c] = weights as [Tensor, Tensor, Tensor];
  function work({ x }: { x: Tensor }) {
    const hidden = relu(matmul(x, a));
    const wide = tanh(matmul(hidden, b));
    const again = add(mul(sub(wide, 0.5), wide), matmul(wide, c)); // `wide` has four readers
    const twice = matmul(again, c); // and `c` two
    const loss = mseLoss(twice, zeros(twice.shape));
    optimizer.zeroGrad();
    loss.backward();
    const norm = clipGradNorm(weights, 0.01);
    optimizer.step();
    return { loss, norm };
  }
  const start = await Promise.all(weights.map((weight) => weight.data()));
  async function trained(way: "run" | "runEagerly") {
    weights.forEach((weight, i) => void gpu.upload(weight.storage.memory, start[i]!));
    optimizer.loadStateDict({ numbers: { learningRate: 0.1 }, tensors: {} });
    const step = recordStep(work);
    const numbers = [];
    for (let i = 0; i < 5; i++) {
      const { loss, norm } = await step[way]({ x: host([6, 5], i) });
      numbers.push(await loss.item(), await norm.item());
    }
    step.release();
    return [numbers, ...(await Promise.all(weights.map((weight) => weight.data())))];
  }
  assert.equal(await trained("run"), await trained("runEagerly"));
});

test("a parameter that moves is recorded again", async () => {
  const layer = new Linear(3, 2);
  const step = recordStep(({ x }) => ({ loss: sum(layer.call(x)) }));
  const inputs = { x: host([4, 3]) };
  const before = await (await step.run(inputs)).loss.item();
  const optimizer = new SGD(layer.parameters(), { learningRate: 1 }); // lays the parameters behind each other
  assert.is(await (await step.run(inputs)).loss.item(), before);
  assert.ok(optimizer.parameters.every(({ storage }) => storage.isInBlock));
  gpu.upload(layer.bias!.storage.memory, Float32Array.of(100, 100));
  assert.ok((await (await step.run(inputs)).loss.item()) > before + 700);
  step.release();
});

function row(...values: number[]) {
  return { data: Float32Array.from(values), shape: [values.length] };
}

async function readAll(tensors: readonly Tensor[]): Promise<number[][]> {
  return Promise.all(tensors.map(async (x) => [...(await x.data())]));
}

test("groups of parameters, clipped together: each is updated by its own gradient", async () => {
  async function trained(way: "run" | "runEagerly") {
    const all = [1, 2, 3, 4].map((value) => tensor([value, value], { requiresGrad: true }));
    const [w1, b1, w2, b2] = all as [Tensor, Tensor, Tensor, Tensor];
    const groups = [{ parameters: [w1, w2] }, { parameters: [b1, b2], weightDecay: 0 }];
    const optimizer = new SGD(groups, { learningRate: 1 });
    const step = recordStep(({ x }) => {
      const parts = [w1, b1, w2, b2].map((parameter, i) => mul(mul(parameter, x), 10 ** i));
      const loss = sum(parts.reduce((total, part) => add(total, part)));
      optimizer.zeroGrad();
      loss.backward();
      clipGradNorm(all, 1e9);
      optimizer.step();
      return { loss };
    });
    await step[way]({ x: row(1, 1) });
    return readAll(all);
  }
  assert.equal(await trained("run"), await trained("runEagerly"));
});

test("a gradient that is the same in every step stays apart from those that are not", async () => {
  async function trained(way: "run" | "runEagerly") {
    const [weight, bias] = [ones([3, 2], { requiresGrad: true }), ones([2], { requiresGrad: true })];
    const optimizer = new SGD([weight, bias], { learningRate: 1 });
    const step = recordStep(({ x }) => {
      const loss = sum(add(matmul(x, weight), bias));
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return { loss };
    });
    for (let i = 0; i < 2; i++) await step[way]({ x: host([2, 3]) });
    return readAll([weight, bias]);
  }
  assert.equal(await trained("run"), await trained("runEagerly"));
});

test("an optimiser's state that is loaded is the recorded step's, too", async () => {
  async function trained(way: "run" | "runEagerly") {
    const weight = tensor([1, 1], { requiresGrad: true });
    const optimizer = new SGD([weight], { learningRate: 1, momentum: 0.9 });
    const start = optimizer.stateDict();
    const step = recordStep(({ x }) => {
      const loss = sum(mul(weight, x));
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return { loss };
    });
    for (let i = 0; i < 3; i++) await step[way]({ x: row(1, 2) });
    optimizer.loadStateDict(start);
    await step[way]({ x: row(1, 2) });
    return [await readAll([weight]), optimizer.stateDict().numbers];
  }
  assert.equal(await trained("run"), await trained("runEagerly"));
});

test("an average of weights can be part of the step", async () => {
  async function averaged(way: "run" | "runEagerly") {
    const weight = tensor([1, 1], { requiresGrad: true });
    const optimizer = new SGD([weight], { learningRate: 1 });
    const average = exponentialMovingAverage([weight], { decay: 0.5 });
    const step = recordStep(({ x }) => {
      const loss = sum(mul(weight, x));
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      average.update();
      return { loss };
    });
    for (let i = 0; i < 3; i++) await step[way]({ x: row(1, 3) });
    return [await readAll(average.averages), average.stateDict().numbers];
  }
  assert.equal(await averaged("run"), await averaged("runEagerly"));
});

test("runs that nobody awaits take turns, each on its own inputs", async () => {
  const step = recordStep(({ x, y }) => ({ loss: add(mul(sum(x), 1000), sum(y)) }));
  const results = await Promise.all([
    step.run({ x: row(1), y: row(1) }),
    step.run({ x: row(...new Array<number>(100).fill(2)), y: row(2, 2) }),
    step.run({ x: row(3), y: row(3) }),
  ]);
  assert.equal(await Promise.all(results.map(({ loss }) => loss.item())), [1001, 200_004, 3003]);
  step.release();
});

test("a step works on its own device, whichever is the current one by then", async () => {
  let runs = 0;
  const weight = ones([2]);
  const step = recordStep(({ x }) => {
    everyRun(() => {
      runs++;
    });
    return { loss: sum(mul(x, weight)) };
  });
  const other = await open();
  await withDevice(other, () => step.run({ x: row(1, 1) }));
  await withDevice(other, () => step.run({ x: row(1, 1) }));
  assert.is(runs, 2);
  await other.close();
  step.release();
});

test("numbers that WGSL cannot write stay out of fused kernels", async () => {
  for (const high of [1e20, Number.POSITIVE_INFINITY]) {
    const step = recordStep(({ x }) => ({ loss: sum(clamp(mul(x, 2), { low: 0, high })) }));
    assert.is(await (await step.run({ x: row(1, -2) })).loss.item(), 2);
    step.release();
  }
});

test("models in one optimiser can be copied into each other", async () => {
  const [a, b] = [new Linear(3, 2), new Linear(3, 2)];
  const optimizer = new SGD([...a.parameters(), ...b.parameters()], { learningRate: 1 });
  b.loadStateDict(a.stateDict());
  optimizer.loadStateDict(optimizer.stateDict());
  assert.equal(await readAll([b.weight]), await readAll([a.weight]));
});

const hard = {
  "powers, whatever compilers know of an exponent": (a: Tensor) => add(square(pow(a, 2)), pow(a, 3)),
  "an exponential of a product, of which compilers make one product": (a: Tensor) => add(exp(a), sigmoid(a)),
};
for (const [what, f] of Object.entries(hard)) {
  test(`fused, and to the bit as in eager steps: ${what}`, async () => {
    async function leftBy(way: "run" | "runEagerly") {
      const weight = tensor(hashed([1024], 1), { requiresGrad: true });
      const optimizer = new SGD([weight], { learningRate: 0.1 });
      const step = recordStep(({ x }) => {
        const loss = add(sum(f(mul(weight, x))), sum(exp(mul(x, weight))));
        optimizer.zeroGrad();
        loss.backward();
        optimizer.step();
        return { loss };
      });
      await step[way]({ x: host([1024], 3) });
      return weight.data();
    }
    assert.equal(await leftBy("run"), await leftBy("runEagerly"));
  });
}

test("a gradient that is cut in slices does not share a command with the next one's", async () => {
  const small = await open({ largestBinding: 90_000 });
  const inputs = { x: host([8, 300], 3) };
  async function leftBy(way: "run" | "runEagerly") {
    manualSeed(1);
    const layer = new Linear(300, 100); // 120,000 bytes
    const optimizer = new Adam(layer.parameters());
    const step = recordStep(({ x }) => {
      const loss = mean(square(layer.call(x)));
      optimizer.zeroGrad();
      loss.backward();
      clipGradNorm(optimizer.parameters, 0.1);
      clipGradValue(optimizer.parameters, 0.01);
      optimizer.step();
      return { loss };
    });
    for (let i = 0; i < 3; i++) await step[way](inputs);
    return Promise.all([layer.weight.data(), layer.bias!.data()]);
  }
  const [recorded, eager] = [
    await withDevice(small, () => leftBy("run")),
    await withDevice(small, () => leftBy("runEagerly")),
  ];
  assert.equal(recorded, eager);
  await small.close();
});

test("what a step returns may come from outside of it", async () => {
  const scale = tensor([3]);
  const step = recordStep(({ x }) => ({ loss: sum(mul(x, scale)), scale }));
  for (const value of [1, 2]) {
    const { loss, scale } = await step.run({ x: { data: Float32Array.of(value), shape: [1] } });
    assert.equal([await loss.item(), await scale.item()], [3 * value, 3]);
  }
});

test("a run that waits computes with its own inputs, whatever is asked for meanwhile", async () => {
  const step = recordStep(({ x }) => ({ loss: sum(mul(x, 3)) }));
  const other = { x: { data: Float32Array.of(100, 100), shape: [2] } };
  for (const ask of [() => step.plan(other), () => step.runEagerly(other), () => step.run(other)]) {
    step.release(); // the next run compiles, and waits for that
    const waiting = step.run({ x: { data: Float32Array.of(1, 1), shape: [2] } });
    await ask();
    assert.is(await (await waiting).loss.item(), 6);
  }
});

test("parameters may move while the first run waits", async () => {
  const layer = new Linear(13, 7);
  const step = recordStep(({ x }) => ({ loss: sum(square(layer.call(x))) }));
  const inputs = { x: host([1, 13]) };
  const expected = await (await step.runEagerly(inputs)).loss.item();
  const waiting = step.run(inputs);
  new SGD(layer.parameters(), { learningRate: 1 }); // lays them behind each other
  await gpu.flush();
  const others = [tensor(new Float32Array(91).fill(1e6)), tensor(new Float32Array(7).fill(1e6))];
  assert.is(await (await waiting).loss.item(), expected);
  assert.is(others.length, 2);
});

test("a run whose recording is released while it waits for its turn records anew", async () => {
  const step = recordStep(({ x }) => ({ loss: sum(exp(mul(x, 2))) }));
  const inputs = { x: host([1000]) };
  const expected = await (await step.run(inputs)).loss.item();
  sum(ones([2])); // not handed over yet: the run waits for it
  const waiting = step.run(inputs);
  step.release();
  const others = Array.from({ length: 8 }, () => tensor(new Float32Array(1000).fill(1e6)));
  assert.is(await (await waiting).loss.item(), expected);
  assert.is(others.length, 8);
});

test("training steps end in recorded runs as in eager ones: a metric lives through the next step, and no longer", async () => {
  const own = await open(); // on which no other test's tensors wait to be collected
  const { layer, step, images } = withDevice(own, () => {
    const layer = new Linear(300, 200);
    const optimizer = new SGD(layer.parameters(), { learningRate: 0.01 });
    const step = recordStep(({ x }) => {
      const loss = mean(square(layer.call(x)));
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return { loss };
    });
    return { layer, step, images: tensor(hashed([100, 300], 1), { shape: [100, 300] }) };
  });
  const inUse: number[] = [];
  for (let i = 0; i < 12; i++) {
    const metric = withDevice(own, () => mean(layer.call(images)));
    await step.run({ x: host([i === 9 ? 3 : 4, 300]) }); // records another step, once
    assert.ok(Number.isFinite(await metric.item()));
    inUse.push(own.memory().bytesInUse);
  }
  assert.ok(inUse[8] <= inUse[4], `bytes in use: ${inUse}`);
  await own.close();
});

test("steps of many sizes share the memory of the largest, and old ones are forgotten", async () => {
  const own = await open();
  const step = withDevice(own, () => {
    const weight = tensor(hashed([64, 64], 1), { shape: [64, 64] });
    return recordStep(({ x }) => ({ loss: mean(matmul(relu(matmul(x, weight)), weight)) }));
  });
  const before = own.memory().bytesInUse;
  await step.run({ x: host([100, 64]) });
  const ofLargest = own.memory().bytesInUse - before;
  step.release();
  for (let rows = 1; rows <= 100; rows++) await step.run({ x: host([rows, 64]) });
  const ofAll = own.memory().bytesInUse - before;
  assert.ok(ofAll < 1.5 * ofLargest, `${ofAll} bytes for a hundred sizes, ${ofLargest} for the largest`);
  step.release();
  assert.is(own.memory().bytesInUse, before);
  await own.close();
});

test("of two sizes whose memory none is larger in all, both are kept", async () => {
  const own = await open();
  let traced = 0;
  const step = withDevice(own, () =>
    recordStep(({ x, y }) => {
      traced++;
      return { a: mean(softmax(exp(x))), b: mean(softmax(softmax(exp(y)))) };
    }),
  );
  const sizes = [
    { x: host([100, 64]), y: host([10, 64]) },
    { x: host([10, 64]), y: host([60, 64]) },
  ];
  for (let i = 0; i < 8; i++) await step.run(sizes[i % 2]);
  assert.ok(traced <= 8, `traced ${traced} times for eight runs`);
  step.release();
  await own.close();
});

test("what is done in every run happens on the step's device, and is checked there", async () => {
  const other = await open();
  const weight = tensor([1]);
  const average = exponentialMovingAverage([weight], { decay: 0.5 });
  let seed = 0;
  const step = recordStep(() => {
    everyRun(() => manualSeed(++seed));
    average.update();
    return { drawn: sum(normal([3])) };
  });
  const drawn = async (way: "run" | "runEagerly") => {
    seed = 0;
    const results = [];
    for (let i = 0; i < 3; i++)
      results.push(await withDevice(other, () => step[way]({})).then(({ drawn }) => drawn.item()));
    return results;
  };
  assert.equal(await drawn("run"), await drawn("runEagerly"));
  await average.use(() =>
    refused(ArgumentError, /update\(\) while use\(\) has the averages/, () => step.run({})),
  );
  await other.close();
});

test("what cannot be recorded is refused, and says why", async () => {
  const x = { data: Float32Array.of(1, 2), shape: [2] };
  let calls = 0;
  await refused(RecordingError, /fill \{"value":1.*\} became fill \{"value":2.*\n {2}help: .*fed\(\)/s, () =>
    recordStep(({ x }) => ({ loss: sum(mul(x, ++calls)) })).run({ x }),
  );
  await refused(RecordingError, /became a tensor of other numbers|a tensor of other numbers/, () =>
    recordStep(({ x }) => ({ loss: sum(mul(x, tensor([++calls, 0]))) })).run({ x }),
  );
  await refused(RecordingError, /returns numbers, but loss is float32 \[2\]\n {2}help: reduce it/, () =>
    recordStep(({ x }) => ({ loss: mul(x, 2) })).run({ x }),
  );
  await refused(RecordingError, /a recorded step cannot seed the generator/, () =>
    recordStep(({ x }) => {
      manualSeed(1);
      return { loss: sum(mul(x, normal([2]))) };
    }).run({ x }),
  );
  let leaked: Tensor | undefined;
  const leaking = recordStep(({ x }) => {
    leaked = mul(x, 2);
    return { loss: sum(leaked) };
  });
  await leaking.run({ x });
  await refused(RecordingError, /was made in a recorded step, which keeps its memory/, () => leaked!.data());
  await refused(RecordingError, /was made in a recorded step, which keeps its memory/, () => sum(leaked!));
  await refused(RecordingError, /used a tensor that another one, or an earlier run of it, has made/, () =>
    recordStep(() => ({ loss: sum(leaked!) })).run({}),
  );
  const overwritten = (made: () => Tensor) => () => {
    const weight = Object.assign(made(), { requiresGrad: true });
    sum(weight).backward();
    new SGD([weight], { learningRate: 1 }).step();
    return { loss: sum(weight) };
  };
  for (const made of [() => zeros([2]), () => fed([2], () => new Float32Array(2))]) {
    await refused(RecordingError, /sgd overwrites a tensor that the host gives to a recorded step/, () =>
      recordStep(overwritten(made)).run({}),
    );
  }
  await refused(RecordingError, /cannot run another one: it would be done only once/, () =>
    recordStep(({ x }) => {
      recordStep(() => ({ loss: sum(x) })).plan({});
      return { loss: sum(x) };
    }).run({ x }),
  );
  const inner = recordStep(() => ({ loss: sum(ones([2])) }));
  await inner.run({});
  await refused(RecordingError, /cannot run another one/, () =>
    recordStep(({ x }) => {
      inner.run({});
      return { loss: sum(x) };
    }).run({ x }),
  );
  const rates = new SGD([tensor([1], { requiresGrad: true })], { learningRate: 1 });
  await refused(RecordingError, /cannot set the learningRate: .*\n {2}help: .*everyRun\(\)/, () =>
    recordStep(({ x }) => {
      rates.learningRate /= 2;
      return { loss: sum(x) };
    }).run({ x }),
  );
  await refused(ArgumentError, /recordStep\(\) run no asynchronous functions/, () =>
    // @ts-expect-error: what JavaScript lets pass
    recordStep(async ({ x }) => ({ loss: sum(x) })).run({ x }),
  );
  for (const wrong of [({ x }: { x: Tensor }) => sum(x), () => ({ shape: 3 })]) {
    await refused(RecordingError, /returned shape, which is no tensor\n {2}help: .*\{ loss \}/, () =>
      // @ts-expect-error: no tensors by their names
      recordStep(wrong).run({ x }),
    );
  }
  // @ts-expect-error: nothing is returned
  assert.equal(await recordStep(() => {}).run({}), {});
  await refused(ShapeError, /x \[2\] needs 2 numbers, but there are 1/, () =>
    recordStep(({ x }) => ({ loss: sum(x) })).run({ x: { data: Float32Array.of(1), shape: [2] } }),
  );
  leaking.release();
  await refused(ShapeError, /fed: \[2\] needs 2 numbers, but there are 1/, () =>
    recordStep(() => ({ loss: sum(fed([2], () => Float32Array.of(5))) })).run({}),
  );
  await refused(DtypeError, /fed: got Int32Array for dtype float32/, () =>
    recordStep(() => ({ loss: sum(fed([2], () => Int32Array.of(1, 2))) })).run({}),
  );
  await refused(RecordingError, /gave the device a command, which would run after the step/, () =>
    recordStep(({ x }) => {
      everyRun(() => sum(ones([2])));
      return { loss: sum(x) };
    }).run({ x }),
  );
});

test.run();
