/** The learning-rate schedules against PyTorch's (see `fixtures/pytorch/schedules.py`), and groups of parameters. */
import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openDevice } from "../engine/currentDevice.ts";
import { ArgumentError } from "../engine/errors.ts";
import { AdamW } from "../engine/optim/adam.ts";
import {
  cosineSchedule,
  oneCycleSchedule,
  type PlateauOptions,
  reduceOnPlateau,
  stepSchedule,
  type WarmUpOptions,
  warmUp,
} from "../engine/optim/schedules.ts";
import { SGD } from "../engine/optim/sgd.ts";
import { ones, type Tensor } from "../engine/tensor.ts";
import { close, refused } from "./engine-helpers.ts";

const gpu = await openDevice();
test.after(() => gpu.close());

const schedules = { stepSchedule, cosineSchedule, oneCycleSchedule };

interface Fixture {
  readonly schedules: {
    readonly name: keyof typeof schedules;
    readonly arguments: [number, never];
    readonly rates: number[];
  }[];
  /** Of a cosine, after a warm-up. */
  readonly warmUps: {
    readonly arguments: [number, never];
    readonly warmUp: WarmUpOptions;
    readonly rates: number[];
  }[];
  readonly metrics: (number | null)[];
  /** Of two groups, after each metric. */
  readonly plateaus: { readonly options: PlateauOptions; readonly rates: [number, number][] }[];
}

const fixture: Fixture = JSON.parse(
  readFileSync(new URL("./fixtures/pytorch/schedules.json", import.meta.url), "utf8"),
);

/** PyTorch goes from step to step by multiplications, where the formula has a power or a cosine: the last digits differ. */
function same(actual: number, expected: number, where: string): void {
  assert.ok(
    Math.abs(actual - expected) <= 1e-12 + 1e-12 * expected,
    `${where}: the learning rate is ${actual}, not ${expected}`,
  );
}

for (const { name, arguments: given, rates } of fixture.schedules) {
  test(`${name}(${given[0]}, ${JSON.stringify(given[1])}) is PyTorch's`, () => {
    const schedule = schedules[name](...given);
    for (const [step, rate] of rates.entries()) same(schedule(step), rate, `step ${step}`);
  });
}

for (const { arguments: given, warmUp: options, rates } of fixture.warmUps) {
  test(`a warm-up of ${JSON.stringify(options)} before a cosine is PyTorch's`, () => {
    const schedule = warmUp(cosineSchedule(...given), options);
    for (const [step, rate] of rates.entries()) same(schedule(step), rate, `step ${step}`);
  });
}

function twoGroups(): SGD {
  return new SGD([{ parameters: [ones([1])] }, { parameters: [ones([1])], learningRate: 0.1 }], {
    learningRate: 0.2,
  });
}

for (const { options, rates } of fixture.plateaus) {
  test(`reduceOnPlateau(${JSON.stringify(options)}) is PyTorch's, from its saved state too`, () => {
    const optimizer = twoGroups();
    const saved = JSON.stringify(reduceOnPlateau(optimizer, options).state());
    let schedule = reduceOnPlateau(optimizer, options);
    schedule.loadState(JSON.parse(saved));
    for (const [step, expected] of rates.entries()) {
      const before = optimizer.groups.map((group) => group.learningRate);
      const reduced = schedule.step(fixture.metrics[step] ?? Number.NaN);
      optimizer.groups.forEach((group, i) => {
        same(group.learningRate, expected[i], `step ${step}, group ${i}`);
      });
      assert.is(
        reduced,
        optimizer.groups.some((group, i) => group.learningRate !== before[i]),
      );
      const resumed = reduceOnPlateau(optimizer, options);
      resumed.loadState(JSON.parse(JSON.stringify(schedule.state())));
      schedule = resumed;
    }
  });
}

test("a one-cycle schedule of a single step or without a rise gives numbers", () => {
  for (const pctStart of [0, 0.5, 1]) {
    for (const steps of [1, 2, 3]) {
      const schedule = oneCycleSchedule(1, { steps, pctStart });
      for (let step = 0; step < steps; step++)
        assert.ok(schedule(step) > 0 && schedule(step) <= 1, `step ${step} of ${steps}, ${pctStart}`);
    }
  }
});

test("groups keep their own learning rate and weight decay", async () => {
  const parameters = [ones([2]), ones([2]), ones([2])];
  for (const parameter of parameters) parameter.grad = ones([2]);
  const [first, second, third] = parameters;
  const optimizer = new SGD(
    [
      { parameters: new Set([first]) },
      { parameters: [second], learningRate: 0.5 },
      { parameters: [third], weightDecay: 1 },
    ],
    { learningRate: 0.25, weightDecay: 0.5 },
  );
  optimizer.step();
  const values = async () => Promise.all(parameters.map(async (parameter) => (await parameter.data())[0]));
  assert.equal(await values(), [1 - 0.25 * 1.5, 1 - 0.5 * 1.5, 1 - 0.25 * 2]);
  assert.equal(optimizer.parameters, parameters);
  optimizer.groups[0].weightDecay = 0;
  optimizer.groups[2].learningRate = 0;
  optimizer.step();
  assert.equal(await values(), [0.625 - 0.25, 0.25 - 0.5 * 1.125, 0.5]);
  optimizer.learningRate = 1;
  assert.equal(
    optimizer.groups.map((group) => group.learningRate),
    [1, 1, 1],
  );
  assert.is(optimizer.learningRate, 1);
});

test("AdamW decays a group without weight decay not at all", async () => {
  const parameters = [ones([1]), ones([1])];
  for (const parameter of parameters) parameter.grad = ones([1]);
  const optimizer = new AdamW(
    [{ parameters: [parameters[0]] }, { parameters: [parameters[1]], weightDecay: 0 }],
    { learningRate: 0.5, weightDecay: 0.5 },
  );
  optimizer.step();
  close(await parameters[0].data(), [1 - 0.25 - 0.5], "with weight decay");
  close(await parameters[1].data(), [1 - 0.5], "without");
});

test("the learning rates and weight decays of groups are part of the state", async () => {
  const optimizer = twoGroups();
  optimizer.groups[1].learningRate = 0.05;
  optimizer.groups[1].weightDecay = 0.5;
  const { numbers } = optimizer.stateDict();
  const rates = { learningRate: 0.2, "group1.learningRate": 0.05 };
  assert.equal(numbers, { ...rates, weightDecay: 0, "group1.weightDecay": 0.5 });
  const resumed = twoGroups();
  resumed.loadStateDict({ numbers: rates, tensors: {} }); // as older versions wrote it
  assert.equal([resumed.groups[1].learningRate, resumed.groups[1].weightDecay], [0.05, 0]);
  resumed.loadStateDict({ numbers, tensors: {} });
  assert.equal([resumed.groups[1].learningRate, resumed.groups[1].weightDecay], [0.05, 0.5]);
  const other = new SGD([ones([1])], { learningRate: 3 });
  await refused(ArgumentError, /another number of parameter groups than 1/, () =>
    other.loadStateDict({ numbers, tensors: {} }),
  );
  await refused(ArgumentError, /another number of parameter groups than 2/, () =>
    resumed.loadStateDict(other.stateDict()),
  );
  assert.is(other.learningRate, 3);
  assert.is(resumed.groups[1].learningRate, 0.05);
});

test("what makes no sense is refused", async () => {
  const optimizer = twoGroups();
  const refusals: [words: RegExp, work: () => unknown][] = [
    [
      /stepSchedule: learningRate must be a finite number above 0, got 0/,
      () => stepSchedule(0, { stepSize: 1 }),
    ],
    [
      /stepSchedule: stepSize must be a whole number, 1 or more, got 1.5/,
      () => stepSchedule(1, { stepSize: 1.5 }),
    ],
    [/stepSchedule: gamma/, () => stepSchedule(1, { stepSize: 1, gamma: -1 })],
    [/cosineSchedule: steps .* got 0/, () => cosineSchedule(1, { steps: 0 })],
    [/cosineSchedule: minimum must be from 0 to 1, got 2/, () => cosineSchedule(1, { steps: 1, minimum: 2 })],
    [
      /oneCycleSchedule: pctStart must be from 0 to 1, got 30/,
      () => oneCycleSchedule(1, { steps: 9, pctStart: 30 }),
    ],
    [
      /oneCycleSchedule: annealStrategy must be "cosine" or "linear", got "cos"/,
      () => oneCycleSchedule(1, { steps: 9, annealStrategy: "cos" as never }),
    ],
    [/step 9 lies outside of its 9 steps/, () => oneCycleSchedule(1, { steps: 9 })(9)],
    [/warmUp: startFactor/, () => warmUp(() => 1, { steps: 1, startFactor: 2 })],
    [
      /reduceOnPlateau: factor must lie between 0 and 1, got 1/,
      () => reduceOnPlateau(optimizer, { factor: 1 }),
    ],
    [/reduceOnPlateau: mode .* got "low"/, () => reduceOnPlateau(optimizer, { mode: "low" as never })],
    [/reduceOnPlateau: patience/, () => reduceOnPlateau(optimizer, { patience: Number.NaN })],
    [/groups have different learning rates, 0.2, 0.1/, () => optimizer.learningRate],
    [
      /SGD: weightDecay must be a finite number ≥ 0, got -1/,
      () => {
        optimizer.groups[0].weightDecay = -1;
      },
    ],
    [
      /SGD: learningRate .* got NaN/,
      () => new SGD([{ parameters: [ones([1])], learningRate: Number.NaN }], { learningRate: 1 }),
    ],
    [
      /got 1 groups and 1 parameters outside of them/,
      () => new SGD([{ parameters: [ones([1])] }, ones([1])] as unknown as Tensor[], { learningRate: 1 }),
    ],
    [
      /a parameter is listed twice/,
      () => {
        const shared = ones([1]);
        return new SGD([{ parameters: [shared] }, { parameters: [shared] }], { learningRate: 1 });
      },
    ],
  ];
  for (const [words, work] of refusals) await refused(ArgumentError, words, work);
});

test.run();
