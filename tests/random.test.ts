import { test } from "uvu";
import * as assert from "uvu/assert";
import { openDevice } from "../engine/currentDevice.ts";
import { ArgumentError, ShapeError } from "../engine/errors.ts";
import { kernel } from "../engine/gpu/kernel.ts";
import { dispatch } from "../engine/ops/define.ts";
import { philox, randomWords } from "../engine/philox.ts";
import {
  bernoulli,
  generatorState,
  manualSeed,
  nextDraw,
  normal,
  setGeneratorState,
  uniform,
} from "../engine/random.ts";
import { emptyTensor, type Tensor } from "../engine/tensor.ts";
import philoxSource from "../shaders/philox.wgsl";

const gpu = await openDevice();
test.after(() => gpu.close());

/** Counter, key and result from the file kat_vectors of Random123 (philox4x32, 10 rounds). */
const knownAnswers = [
  "00000000 00000000 00000000 00000000  00000000 00000000  6627e8d5 e169c58d bc57ac4c 9b00dbd8",
  "ffffffff ffffffff ffffffff ffffffff  ffffffff ffffffff  408f276d 41c83b0e a20bc7c6 6d5451fd",
  "243f6a88 85a308d3 13198a2e 03707344  a4093822 299f31d0  d16cfe09 94fdcceb 5001e420 24126ea1",
].map((line) => line.split(/\s+/).map((word) => Number.parseInt(word, 16)));

const bareKernel = `
struct Uniforms { counter: vec4u, key: vec4u }
@group(0) @binding(0) var<storage, read_write> result: array<vec4u>;
@compute @workgroup_size(1) fn main() { result[0] = philox(uniforms.counter, uniforms.key.xy); }`;

test("the kernel's Philox gives the published words", async () => {
  for (const words of knownAnswers) {
    const result = emptyTensor(gpu, [4], "uint32");
    dispatch({
      kernel: kernel("philoxOnly", [philoxSource, bareKernel]),
      buffers: [result],
      uniforms: { counter: words.slice(0, 4), key: words.slice(4, 6) },
      workgroups: 1,
      flops: 0,
    });
    assert.equal(Array.from(await result.data()), words.slice(6));
  }
});

test("the host's Philox gives the published words", () => {
  for (const words of knownAnswers)
    assert.equal(philox(words.slice(0, 4), words.slice(4, 6)), words.slice(6));
});

test("device and host agree on every bit, for seeds and draw numbers of more than 32 bits", async () => {
  for (const state of [
    { seed: 0, draws: 0 },
    { seed: 1, draws: 2 ** 32 - 1 },
    { seed: 1 + 2 ** 32, draws: 2 ** 32 },
    { seed: Number.MAX_SAFE_INTEGER, draws: 2 ** 40 + 3 },
  ]) {
    setGeneratorState(state);
    const expected = randomWords({ seed: state.seed, draw: state.draws }, 1003).map(
      (word) => (word >>> 8) / 2 ** 24,
    );
    assert.equal(Array.from(await uniform([17, 59]).data()), expected);
  }
});

test("the same seed gives the same numbers, and a saved state goes on where it was", async () => {
  const twice = [];
  for (let time = 0; time < 2; time++) {
    manualSeed(42);
    twice.push([await uniform([100]).data(), await normal([7, 3]).data(), await bernoulli([5], 0.5).data()]);
  }
  assert.equal(twice[0], twice[1]);

  const state = generatorState();
  assert.equal(state, { seed: 42, draws: 3 });
  const next = await normal([10]).data();
  manualSeed(1);
  assert.not.equal(await normal([10]).data(), next);
  setGeneratorState(state);
  assert.equal(await normal([10]).data(), next);
});

test("draws, seeds and blocks have no numbers in common", async () => {
  const seen = new Set<string>();
  let blocks = 0;
  for (const seed of [3, 4, 3 + 2 ** 32]) {
    manualSeed(seed);
    for (let draw = 0; draw < 3; draw++) {
      const values = await uniform([8000]).data();
      for (let i = 0; i < values.length; i += 4) {
        seen.add(values.subarray(i, i + 4).join());
        blocks++;
      }
    }
  }
  assert.is(seen.size, blocks);
});

test("each draw is given out once", () => {
  manualSeed(9);
  uniform([1]);
  assert.equal(nextDraw(gpu), { seed: 9, draw: 1 });
  assert.equal(nextDraw(gpu), { seed: 9, draw: 2 });
  assert.equal(generatorState(), { seed: 9, draws: 3 });
});

const count = 100_001;

test("uniform numbers are spread evenly", async () => {
  manualSeed(7);
  const unit = await numbers(uniform([count]));
  assert.ok(unit.every((value) => value >= 0 && value < 1));
  const { mean, variance } = moments(unit);
  assert.ok(Math.abs(mean - 1 / 2) < fourSigma(Math.sqrt(1 / 12)));
  assert.ok(Math.abs(variance - 1 / 12) < fourSigma(Math.sqrt(1 / 180)));
  assert.ok(largestGap(unit, (x) => x) < ksBound);
  assert.ok(Math.abs(correlation(unit.subarray(1), unit.subarray(0, -1))) < 4 / Math.sqrt(count));
  const other = await numbers(uniform([count], { low: -3, high: 5 }));
  assert.ok(other.every((value) => value >= -3 && value < 5));
  assert.ok(largestGap(other, (x) => (x + 3) / 8) < ksBound);
  assert.ok(Math.abs(correlation(unit, other)) < 4 / Math.sqrt(count));
});

test("rounding never reaches the upper bound", async () => {
  manualSeed(0);
  const values = await numbers(uniform([10_000], { low: 1, high: 1 + 2 ** -21 }));
  assert.equal([...new Set(values)].sort(), [1, 1 + 2 ** -23, 1 + 2 ** -22, 1 + 3 * 2 ** -23]);
});

test("normal numbers are normal", async () => {
  manualSeed(7);
  const standard = await numbers(normal([count]));
  const { mean, variance } = moments(standard);
  assert.ok(Math.abs(mean) < fourSigma(1));
  assert.ok(Math.abs(variance - 1) < fourSigma(Math.SQRT2));
  assert.ok(largestGap(standard, normalDistribution) < ksBound);
  // Neighbours come from one radius and one angle, and still have nothing to do with each other, squared or not.
  for (const lag of [1, 2, 3, 4]) {
    for (const power of [1, 2]) {
      const raised = standard.map((value) => value ** power);
      const found = correlation(raised.subarray(lag), raised.subarray(0, -lag));
      assert.ok(Math.abs(found) < 4 / Math.sqrt(count), `lag ${lag}, power ${power}: ${found}`);
    }
  }
  assert.ok(standard.every(Number.isFinite));
  const tail = standard.filter((value) => Math.abs(value) > 3).length / count;
  assert.ok(Math.abs(tail - 0.0026998) < fourSigma(Math.sqrt(0.0027)), `${tail}`);
  const other = await numbers(normal([count], { mean: 10, std: 0.5 }));
  assert.ok(largestGap(other, (x) => normalDistribution((x - 10) / 0.5)) < ksBound);
});

test("bernoulli gives ones with its probability", async () => {
  manualSeed(7);
  for (const probability of [0.1, 0.5, 0.93]) {
    const values = await numbers(bernoulli([count], probability));
    assert.ok(values.every((value) => value === 0 || value === 1));
    const sigma = Math.sqrt(probability * (1 - probability));
    assert.ok(Math.abs(moments(values).mean - probability) < fourSigma(sigma));
  }
  assert.is(moments(await numbers(bernoulli([count], 0))).mean, 0);
  assert.is(moments(await numbers(bernoulli([count], 1))).mean, 1);
});

test("shapes without elements or axes are shapes", async () => {
  assert.is((await uniform([3, 0]).data()).length, 0);
  assert.type(await normal([]).item(), "number");
});

test("what cannot be is refused", () => {
  for (const seed of [-1, 0.5, Number.NaN, 2 ** 53]) refused(ArgumentError, () => manualSeed(seed), /seed/);
  refused(ArgumentError, () => setGeneratorState({ seed: 0, draws: -1 }), /number of draws.*got -1/);
  for (const [low, high] of [
    [1, 1],
    [2, 1],
    [0, Number.NaN],
    [0, Number.POSITIVE_INFINITY],
    [-3e38, 3e38],
    [1, 1 + 1e-12],
  ])
    refused(ArgumentError, () => uniform([2], { low, high }), /low must be less than high/);
  refused(ArgumentError, () => normal([2], { std: -1 }), /standard deviation -1/);
  refused(ArgumentError, () => normal([2], { mean: Number.NaN }), /mean NaN/);
  refused(ArgumentError, () => bernoulli([2], 1.5), /bernoulli.*got 1.5/);
  refused(ArgumentError, () => bernoulli([2], Number.NaN), /got NaN/);
  refused(ShapeError, () => normal([2, -1]), /normal: \[2, -1\] is not a shape/);
});

test("a refused call uses up no draw", () => {
  manualSeed(0);
  assert.throws(() => normal([2, -1]));
  assert.throws(() => bernoulli([2], 2));
  assert.is(generatorState().draws, 0);
});

function refused(type: new (...arguments_: never[]) => Error, work: () => unknown, words: RegExp): void {
  assert.throws(work, (error: unknown) => error instanceof type && words.test(error.message));
}

async function numbers(tensor: Tensor): Promise<Float32Array> {
  return Float32Array.from(await tensor.data());
}

/** Four standard deviations of a mean of `count` numbers: a right generator passes for all but one seed in 16,000. */
function fourSigma(sigma: number): number {
  return (4 * sigma) / Math.sqrt(count);
}

/** Kolmogorov–Smirnov: a right generator passes for all but one seed in a thousand. */
const ksBound = 1.95 / Math.sqrt(count);

/** The largest distance between the values' distribution and the wanted one. */
function largestGap(values: Float32Array, distribution: (x: number) => number): number {
  return values
    .slice()
    .sort()
    .reduce((largest, value, i) => {
      const wanted = distribution(value);
      return Math.max(largest, wanted - i / values.length, (i + 1) / values.length - wanted);
    }, 0);
}

function moments(values: Float32Array): { mean: number; variance: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mean, variance: values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length };
}

function correlation(a: Float32Array, b: Float32Array): number {
  const [inA, inB] = [moments(a), moments(b)];
  const covariance = a.reduce((sum, value, i) => sum + (value - inA.mean) * (b[i] - inB.mean), 0) / a.length;
  return covariance / Math.sqrt(inA.variance * inB.variance);
}

/** By the error function in Abramowitz and Stegun, 7.1.26: good to 1e-7. */
function normalDistribution(x: number): number {
  const t = 1 / (1 + (0.3275911 * Math.abs(x)) / Math.SQRT2);
  const series =
    t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  const upper = 0.5 * series * Math.exp((-x * x) / 2);
  return x > 0 ? 1 - upper : upper;
}

test.run();
