import { test } from "uvu";
import * as assert from "uvu/assert";
import { openDevice } from "../engine/currentDevice.ts";
import { ShapeError } from "../engine/errors.ts";
import {
  calculateGain,
  fans,
  kaimingNormal,
  kaimingUniform,
  xavierNormal,
  xavierUniform,
} from "../engine/nn/init.ts";
import { manualSeed } from "../engine/random.ts";
import type { Tensor } from "../engine/tensor.ts";

const gpu = await openDevice();
test.after(() => gpu.close());

test("gains are those of PyTorch's table", () => {
  assert.is(calculateGain("linear"), 1);
  assert.is(calculateGain("sigmoid"), 1);
  assert.is(calculateGain("tanh"), 5 / 3);
  assert.is(calculateGain("relu"), Math.sqrt(2));
  assert.is(calculateGain("leakyRelu"), Math.sqrt(2 / (1 + 0.01 ** 2)));
  assert.is(calculateGain("leakyRelu", 0.2), Math.sqrt(2 / (1 + 0.2 ** 2)));
});

test("fans count the kernel's field", () => {
  assert.equal(fans([3, 5]), { fanIn: 5, fanOut: 3 });
  assert.equal(fans([64, 3, 11, 11]), { fanIn: 363, fanOut: 7744 });
});

test("fans of what is no weight are refused", () => {
  for (const shape of [[], [5], [0, 3], [3, 0, 2]])
    assert.throws(
      () => fans(shape),
      (error: unknown) => error instanceof ShapeError && /\[out, in, …\]/.test(error.message),
    );
});

/** 115,200 weights; fan in 225, fan out 4608. */
const shape = [512, 25, 3, 3];

const uniforms: [name: string, make: () => Tensor, bound: number][] = [
  ["kaimingUniform, as it stands", () => kaimingUniform(shape), Math.sqrt(6 / 225)],
  ["kaimingUniform of nn.Linear", () => kaimingUniform(shape, { a: Math.sqrt(5) }), 1 / Math.sqrt(225)],
  [
    "kaimingUniform, fan out, relu",
    () => kaimingUniform(shape, { mode: "fanOut", nonlinearity: "relu" }),
    Math.sqrt(6 / 4608),
  ],
  ["xavierUniform", () => xavierUniform(shape), Math.sqrt(6 / (225 + 4608))],
  [
    "xavierUniform, gain",
    () => xavierUniform(shape, { gain: calculateGain("tanh") }),
    (5 / 3) * Math.sqrt(6 / (225 + 4608)),
  ],
];

for (const [name, make, bound] of uniforms) {
  test(`${name}: fills its bounds evenly`, async () => {
    manualSeed(3);
    const values = Array.from(await make().data());
    const most = values.reduce((a, b) => Math.max(a, b));
    const least = values.reduce((a, b) => Math.min(a, b));
    assert.ok(most <= bound * (1 + 1e-6) && most > 0.999 * bound, `${most} of ${bound}`);
    assert.ok(least >= -bound * (1 + 1e-6) && least < -0.999 * bound, `${least} of ${-bound}`);
    spread(values, bound / Math.sqrt(3));
  });
}

const normals: [name: string, make: () => Tensor, std: number][] = [
  ["kaimingNormal, as it stands", () => kaimingNormal(shape), Math.sqrt(2 / 225)],
  [
    "kaimingNormal, fan out, linear",
    () => kaimingNormal(shape, { mode: "fanOut", nonlinearity: "linear" }),
    Math.sqrt(1 / 4608),
  ],
  ["xavierNormal", () => xavierNormal(shape), Math.sqrt(2 / (225 + 4608))],
  ["xavierNormal, gain", () => xavierNormal(shape, { gain: 3 }), 3 * Math.sqrt(2 / (225 + 4608))],
];

for (const [name, make, std] of normals) {
  test(`${name}: has its standard deviation`, async () => {
    manualSeed(3);
    const values = await make().data();
    spread(Array.from(values), std);
    assert.ok(
      values.some((value) => Math.abs(value) > 3.5 * std),
      "a normal distribution has tails",
    );
  });
}

test("initial weights are owned, and reproducible", async () => {
  manualSeed(8);
  const first = kaimingNormal([4, 3]);
  assert.is(first.storage.lifetime, "owner");
  assert.is(xavierUniform([4, 3]).storage.lifetime, "owner");
  manualSeed(8);
  assert.equal(await kaimingNormal([4, 3]).data(), await first.data());
});

/** Mean 0 and the given standard deviation, within four standard errors. */
function spread(list: readonly number[], std: number): void {
  const mean = list.reduce((sum, value) => sum + value, 0) / list.length;
  const found = Math.sqrt(list.reduce((sum, value) => sum + value ** 2, 0) / list.length);
  assert.ok(Math.abs(mean) < (4 * std) / Math.sqrt(list.length), `mean ${mean}`);
  assert.ok(Math.abs(found - std) < (4 * std) / Math.sqrt(2 * list.length), `std ${found}, expected ${std}`);
}

test.run();
