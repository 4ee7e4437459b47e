/** The parts of the page that need no browser. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { catalogue } from "../data/catalogue.node.ts";
import { offers, readChoice, writeChoice } from "../web/app/choice.ts";
import { axisLabels } from "../web/app/format.ts";
import { latestOnly } from "../web/app/latest.ts";
import { LossCurve } from "../web/app/lossCurve.ts";
import { mnistForm } from "../web/app/mnistForm.ts";
import { homes, mnistFiles } from "../web/protocol.ts";
import { principalDirections } from "../web/worker/principal.ts";
import { makeTurns } from "../web/worker/turns.ts";

/** A drawing of `size` × `size` with ink in a rectangle. */
function rectangle(size: number, left: number, top: number, width: number, height: number): Float32Array {
  return Float32Array.from({ length: size * size }, (_, i) => {
    const [x, y] = [i % size, Math.floor(i / size)];
    return x >= left && x < left + width && y >= top && y < top + height ? 1 : 0;
  });
}

/** Where an image's ink is: its box and its centre of mass. */
function inkOf(image: Float32Array) {
  let [left, right, top, bottom, mass, massX, massY] = [28, -1, 28, -1, 0, 0, 0];
  for (const [i, value] of image.entries()) {
    if (value < 0.05) continue;
    const [x, y] = [i % 28, Math.floor(i / 28)];
    [left, right] = [Math.min(left, x), Math.max(right, x)];
    [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
    [mass, massX, massY] = [mass + value, massX + value * (x + 0.5), massY + value * (y + 0.5)];
  }
  return { width: right - left + 1, height: bottom - top + 1, x: massX / mass, y: massY / mass };
}

test("a drawing is fitted into 20 × 20 and its centre of mass laid into the middle, wherever it was", () => {
  for (const [left, top] of [
    [0, 0],
    [200, 30],
    [90, 130],
  ]) {
    const { width, height, x, y } = inkOf(mnistForm(rectangle(280, left, top, 40, 120), 280)!);
    assert.is(height, 20);
    assert.ok(Math.abs(width - 20 / 3) <= 2, `its proportions stay: ${width}`);
    assert.ok(Math.abs(x - 14) <= 0.51 && Math.abs(y - 14) <= 0.51, `${x}, ${y}`);
  }
  // an L: more of its ink is at the bottom left, and so it is moved up and to the right
  const foot = rectangle(280, 50, 200, 150, 30);
  const letter = rectangle(280, 50, 50, 30, 180).map((value, i) => Math.max(value, foot[i]));
  const { x, y } = inkOf(mnistForm(letter, 280)!);
  assert.ok(Math.abs(x - 14) <= 0.51 && Math.abs(y - 14) <= 0.51, `${x}, ${y}`);
  assert.is(mnistForm(new Float32Array(280 * 280), 280), undefined);
  assert.is(mnistForm(rectangle(280, 279, 279, 1, 1), 280)!.length, 784, "a single point is a drawing, too");
});

test("an address is read and written, and nonsense in it is left out", () => {
  const recipe = { about: "", epochs: 8, batchSize: 64, learningRate: 2e-3 };
  offers.set("autoencoder", { name: "autoencoder", ...recipe, codeSize: 32 });
  offers.set("lenet5", { name: "lenet5", ...recipe, codeSize: undefined });
  const there = (query: string) =>
    new URLSearchParams(writeChoice(readChoice(new URLSearchParams(query)))).toString();
  assert.is(there(""), "model=autoencoder&data=digits");
  const whole = "model=autoencoder&data=fashion-mnist&code=2&epochs=3&batch=10&rate=0.01&seed=7";
  assert.is(there(whole), whole);
  assert.is(there("model=autoencoder&data=digits&code=32&epochs=8&batch=64&rate=0.002"), there(""));
  assert.is(there("model=__proto__&data=../x&code=-1&epochs=1e3&batch=0&rate=NaN&seed=1.5"), there(""));
  assert.is(
    there("model=lenet5&code=2"),
    "model=lenet5&data=digits",
    "a model without codes has no code size",
  );
});

test("the page sends a person to where the command line downloads, for the same files", () => {
  for (const [name, home] of Object.entries(homes)) {
    const { mirrors, files } = catalogue[name as keyof typeof homes];
    assert.ok(mirrors.includes(home), `${home} is no mirror of ${name}`);
    assert.equal(files.map((file) => file.name).sort(), mnistFiles.map((file) => `${file}.gz`).sort());
  }
});

test("the directions in which points differ most", () => {
  const points = Float32Array.from({ length: 300 }, (_, i) => {
    const t = Math.floor(i / 3);
    return [10 + 5 * Math.cos(t) + 2 * Math.sin(t), -5 * Math.cos(t), 3][i % 3];
  });
  const { centre, directions } = principalDirections(points, 3);
  assert.ok(Math.abs(centre[2] - 3) < 1e-4);
  const [first, second] = directions;
  const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, i) => sum + value * b[i], 0);
  for (const direction of directions) assert.ok(Math.abs(dot(direction, direction) - 1) < 1e-5);
  assert.ok(Math.abs(dot(first, second)) < 1e-5);
  assert.ok(first[0] * first[1] < 0 && Math.abs(first[2]) < 1e-3, `${first}`);
  assert.equal(principalDirections(points, 2).directions, [Float32Array.of(1, 0), Float32Array.of(0, 1)]);
  const same = principalDirections(new Float32Array(12).fill(2), 3);
  for (const direction of same.directions) assert.ok(direction.every(Number.isFinite));
});

test("of what is asked for too fast only the last is done", async () => {
  const done: number[] = [];
  const ask = latestOnly(async (input: number) => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    done.push(input);
  });
  for (let i = 0; i < 10; i++) ask(i);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(done, [0, 9]);
});

test("one at a time, in the order asked, also after a failure", async () => {
  const turns = makeTurns();
  const order: string[] = [];
  const slow = turns(async () => {
    order.push("slow begins");
    await new Promise((resolve) => setTimeout(resolve, 10));
    order.push("slow ends");
  });
  const failing = turns(() => {
    throw new Error("no");
  });
  const last = turns(() => order.push("last"));
  await slow;
  await failing.then(
    () => assert.unreachable(),
    () => {},
  );
  await last;
  assert.equal(order, ["slow begins", "slow ends", "last"]);
});

test("the curve forgets what came after the step that a training goes on from", () => {
  const curve = new LossCurve();
  curve.add(0, [3, 2, 1]);
  curve.add(2, [1.5]);
  assert.equal(curve.steps, [1, 2, 3]);
  assert.equal(curve.losses, [3, 2, 1.5]);
  curve.replace({ firstStep: 7, losses: Float32Array.of(5), epochs: [] });
  curve.add(8, [4]);
  assert.equal(curve.steps, [8, 9]);
  assert.is(curve.smooth.length, 2);
});

test("the labels of an axis tell its values apart, however near they are", () => {
  assert.equal(axisLabels([0.012, 0.0125, 0.013], 0.0005), ["0.0120", "0.0125", "0.0130"]);
  assert.equal(axisLabels([2.3021, 2.3022], 0.0001), ["2.3021", "2.3022"]);
  assert.equal(axisLabels([0, 50_000], 50_000), ["0", "50,000"]);
  assert.equal(axisLabels([2e5, 1.2e6], 2e5), ["2.0e5", "1.2e6"]);
  assert.equal(axisLabels([1e-4, 1.025e-4], 2.5e-6), ["1.000e−4", "1.025e−4"]);
});

test.run();
