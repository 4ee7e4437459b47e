/** Not a number, infinities, and the largest and smallest numbers: results and gradients are PyTorch's. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openDevice } from "../engine/currentDevice.ts";
import { softplus, tanh } from "../engine/ops/activations.ts";
import { clamp, div } from "../engine/ops/arithmetic.ts";
import { crossEntropyLoss } from "../engine/ops/classLosses.ts";
import { equal, less, notEqual } from "../engine/ops/compare.ts";
import { argmax } from "../engine/ops/indices.ts";
import { logSumExp } from "../engine/ops/logSumExp.ts";
import { bceWithLogitsLoss, huberLoss } from "../engine/ops/losses.ts";
import { matmul } from "../engine/ops/matmul.ts";
import { max } from "../engine/ops/reduce.ts";
import { softmax } from "../engine/ops/softmax.ts";
import { type NestedNumbers, ones, type Tensor, tensor, zeros } from "../engine/tensor.ts";
import { close } from "./engine-helpers.ts";

const gpu = await openDevice();
test.after(() => gpu.close());

const { NaN: none, POSITIVE_INFINITY: infinity } = Number;
const lowest = -3.4028234663852886e38;

/** f(x) and the gradient of its sum. */
async function valueAndSlope(f: (x: Tensor) => Tensor, at: NestedNumbers) {
  const x = tensor(at, { requiresGrad: true });
  const y = f(x).keep();
  y.backward(ones(y.shape));
  return [await y.toArray(), await x.grad!.toArray()];
}

test("tanh, clamp and Huber's loss keep what is not a number", async () => {
  assert.equal(await valueAndSlope(tanh, [none, infinity, -infinity, 1e30]), [
    [none, 1, -1, 1],
    [none, 0, 0, 0],
  ]);
  const fused = matmul(tensor([[none, 20]]), tensor([[1], [1]]), { activation: "tanh" });
  assert.equal(await fused.toArray(), [[none]]);
  assert.equal(await valueAndSlope((x) => clamp(x, { low: -1, high: 1 }), [none, 3, -3, 0.5]), [
    [none, 1, -1, 0.5],
    [0, 0, 0, 1],
  ]);
  const huber = (x: Tensor) => huberLoss(x, zeros([3]), { reduction: "none" });
  assert.equal(await valueAndSlope(huber, [none, 5, -0.5]), [
    [none, 4.5, 0.125],
    [none, 1, -0.5],
  ]);
});

test("clamp without a bound lets infinity pass, and with crossed bounds gives the upper one", async () => {
  assert.equal(await clamp(tensor([infinity, 5, -infinity]), { low: 0 }).toArray(), [infinity, 5, 0]);
  assert.equal(await clamp(tensor([infinity, -infinity]), { high: 1 }).toArray(), [1, -infinity]);
  assert.equal(await clamp(tensor([0, 2, 5]), { low: 3, high: 1 }).toArray(), [1, 1, 1]);
});

test("the largest of numbers and NaN is NaN, wherever it stands", async () => {
  for (const [count, place] of [
    [3, 1],
    [3, 0],
    [5000, 3333],
  ]) {
    const numbers = new Float32Array(count);
    numbers[place] = none;
    assert.equal(await max(tensor(numbers)).toArray(), none, `NaN at ${place} of ${count}`);
    assert.is(await argmax(tensor(numbers)).item(), place);
  }
  assert.equal(await argmax(tensor([none, 1, none])).toArray(), 0);
});

test("rows of the lowest numbers have a largest one, and shares of it", async () => {
  const rows = [[lowest, lowest]];
  assert.equal(await valueAndSlope((x) => max(x, { axes: 1 }), rows), [[lowest], [[0.5, 0.5]]]);
  const infinite = [
    [-infinity, -infinity],
    [0, -infinity],
  ];
  assert.equal(await max(tensor(infinite), { axes: 1 }).toArray(), [-infinity, 0]);
  const smallest = tensor(Int32Array.of(-(2 ** 31), -(2 ** 31)));
  assert.is(await max(smallest).item(), -(2 ** 31));
  assert.equal(await softmax(tensor(rows)).toArray(), [[0.5, 0.5]]);
  const long = new Float32Array(300).fill(lowest);
  const shares = (await softmax(tensor(long)).toArray()) as number[];
  assert.ok(shares.every((share) => Math.abs(share - 1 / 300) < 1e-8));
  const [[loss], [gradient]] = (await valueAndSlope(
    (x) => crossEntropyLoss(x, tensor(Int32Array.of(0)), { reduction: "none" }),
    rows,
  )) as [number[], number[][]];
  close([loss, ...gradient], [Math.LN2, -0.5, 0.5], "cross entropy");
});

test("logSumExp of the lowest, the highest and infinite numbers", async () => {
  assert.equal(await valueAndSlope(logSumExp, [lowest, lowest]), [lowest, [1, 1]]);
  assert.equal(await valueAndSlope(logSumExp, [-lowest, 0]), [-lowest, [1, 0]]);
  assert.is(await logSumExp(tensor([-infinity, -infinity])).item(), -infinity);
  assert.is(await logSumExp(tensor([infinity, 0])).item(), infinity);
  assert.ok(Number.isNaN(await logSumExp(tensor([none, 0])).item()));
});

test("NaN equals nothing", async () => {
  const [a, b] = [tensor([none, 1, none]), tensor([1, none, none])];
  assert.equal(await notEqual(a, b).toArray(), [1, 1, 1]);
  assert.equal(await equal(a, b).toArray(), [0, 0, 0]);
  assert.equal(await less(a, b).toArray(), [0, 0, 0]);
  assert.equal(await notEqual(tensor([none, 1]), 1).toArray(), [1, 0]);
});

test("softplus and the binary cross entropy keep their small values", async () => {
  const at = [-20, -18, -15, -5, -4.61, -4.6];
  const exact = at.map((x) => Math.log1p(Math.exp(x)));
  const smooth = await softplus(tensor(at)).data();
  const logits = tensor(at.map((x) => -x));
  const losses = await bceWithLogitsLoss(logits, ones([at.length]), { reduction: "none" }).data();
  const ratiosTo = (values: Float32Array) => exact.map((value, index) => values[index] / value);
  close(
    ratiosTo(smooth),
    at.map(() => 1),
    "softplus",
  );
  close(
    ratiosTo(losses),
    at.map(() => 1),
    "binary cross entropy",
  );
});

test("the gradient of a quotient by its divisor does not overflow on the way", async () => {
  const [, slopes] = await valueAndSlope((x) => div(tensor([0, 1e30, 1e10]), x), [1e-23, 1e20, 2e19]);
  for (const [index, exact] of [0, -1e-10, -2.5e-29].entries())
    assert.ok(Math.abs((slopes as number[])[index] - exact) <= 1e-5 * Math.abs(exact), `${slopes}`);
});

test.run();
