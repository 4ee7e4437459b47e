import { test } from "uvu";
import * as assert from "uvu/assert";
import { openDevice } from "../engine/currentDevice.ts";
import { ArgumentError, DtypeError } from "../engine/errors.ts";
import { dropout, dropoutChecks, dropoutOp } from "../engine/ops/dropout.ts";
import { generatorState, manualSeed } from "../engine/random.ts";
import { ndarray } from "../engine/reference.ts";
import { sizeOf } from "../engine/shape.ts";
import { ones, tensor } from "../engine/tensor.ts";

const gpu = await openDevice();
test.after(() => gpu.close());

test("every sample agrees with the reference, forward and backward", async () => {
  for (const { inputs, options } of dropoutChecks.samples()) {
    const shape = inputs[0] as number[];
    const values = Float32Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin(i) + 2);
    const x = tensor(values, { shape, requiresGrad: true });
    const y = dropoutOp.run([x], options);
    const expected = dropoutChecks.reference([ndarray(shape, values)], options);
    close(await y.data(), expected.data);
    const gradient = Float32Array.from(values, (value) => 1 / value);
    y.backward(tensor(gradient, { shape }));
    // The operation is linear, and its matrix is diagonal: the gradient is the operation itself on dy.
    close(await x.grad!.data(), dropoutChecks.reference([ndarray(shape, gradient)], options).data);
  }
});

test("the backward pass draws the same mask, whatever was drawn in between", async () => {
  manualSeed(11);
  const x = ones([1000]);
  x.requiresGrad = true;
  const y = dropout(x, 0.3);
  dropout(x, 0.3);
  const mask = await y.data();
  y.backward(ones([1000]));
  assert.equal(await x.grad!.data(), mask);
});

test("the kept share is 1 - probability, and the expectation stays", async () => {
  manualSeed(5);
  const count = 100_000;
  for (const probability of [0.1, 0.5, 0.8]) {
    const values = await dropout(ones([count]), probability).data();
    const kept = values.filter((value) => value !== 0);
    const sigma = Math.sqrt((probability * (1 - probability)) / count);
    assert.ok(Math.abs(kept.length / count - (1 - probability)) < 4 * sigma);
    assert.ok(kept.every((value) => value === Math.fround(1 / (1 - probability))));
  }
});

test("two calls drop different elements, the same seed the same ones", async () => {
  manualSeed(1);
  const first = await dropout(ones([200])).data();
  const second = await dropout(ones([200])).data();
  assert.not.equal(first, second);
  manualSeed(1);
  assert.equal(await dropout(ones([200])).data(), first);
});

test("probability 0 keeps everything, 1 nothing", async () => {
  const x = tensor([1, -2, 3], { requiresGrad: true });
  assert.equal(await dropout(x, 0).toArray(), [1, -2, 3]);
  const nothing = dropout(x, 1);
  assert.equal(await nothing.toArray(), [0, 0, 0]);
  nothing.backward(ones([3]));
  assert.equal(await x.grad!.toArray(), [0, 0, 0]);
});

test("what cannot be is refused, and uses up no draw", () => {
  manualSeed(0);
  for (const probability of [-0.1, 1.1, Number.NaN])
    assert.throws(
      () => dropout(ones([2]), probability),
      (error: unknown) =>
        error instanceof ArgumentError &&
        error.message.includes(`dropout: probability must be from 0 to 1, got ${probability}`),
    );
  assert.is(generatorState().draws, 0);
  assert.throws(
    () => dropout(tensor([1, 2], { dtype: "int32" })),
    (error: unknown) => error instanceof DtypeError && /dropout: expected float32/.test(error.message),
  );
});

function close(actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  assert.is(actual.length, expected.length);
  for (let i = 0; i < actual.length; i++)
    assert.ok(Math.abs(actual[i] - expected[i]) <= 1e-6 * Math.abs(expected[i]), `${actual[i]} at ${i}`);
}

test.run();
