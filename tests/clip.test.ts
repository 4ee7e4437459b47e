/** Gradient clipping against PyTorch's (see `fixtures/pytorch/clipping.py`), without waiting for the device. */
import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openDevice } from "../engine/currentDevice.ts";
import { ArgumentError } from "../engine/errors.ts";
import { square } from "../engine/ops/arithmetic.ts";
import { sum } from "../engine/ops/reduce.ts";
import { clipGradNorm, clipGradValue } from "../engine/optim/clip.ts";
import { SGD } from "../engine/optim/sgd.ts";
import { normal } from "../engine/random.ts";
import { full, ones, type Tensor, tensor, zeros } from "../engine/tensor.ts";
import { close, refused } from "./engine-helpers.ts";

const gpu = await openDevice();
test.after(() => gpu.close());

type Gradients = readonly (number[] | null)[];

interface Fixture {
  readonly shapes: number[][];
  readonly gradients: Gradients;
  readonly norms: { readonly limit: number; readonly norm: number; readonly gradients: Gradients }[];
  readonly values: { readonly limit: number; readonly gradients: Gradients }[];
}

const fixture: Fixture = JSON.parse(
  readFileSync(new URL("./fixtures/pytorch/clipping.json", import.meta.url), "utf8"),
);

function parametersOf({ shapes, gradients }: Fixture): Tensor[] {
  return shapes.map((shape, i) => withGradient(zeros(shape), gradients[i]));
}

function withGradient(parameter: Tensor, values: ArrayLike<number> | null): Tensor {
  parameter.grad = values && tensor(Float32Array.from(values), { shape: parameter.shape });
  return parameter;
}

async function compare(parameters: readonly Tensor[], expected: Gradients): Promise<void> {
  for (const [i, { grad }] of parameters.entries()) {
    assert.is(grad === null, expected[i] === null);
    if (grad) close(await grad.data(), expected[i]!, `the gradient of parameter ${i}`, 1e-6);
  }
}

for (const { limit, norm, gradients } of fixture.norms) {
  test(`clipGradNorm to ${limit} is PyTorch's`, async () => {
    const parameters = parametersOf(fixture);
    close(await clipGradNorm(parameters, limit).data(), [norm], "the norm", 1e-6);
    await compare(parameters, gradients);
  });
}

for (const { limit, gradients } of fixture.values) {
  test(`clipGradValue to ${limit} is PyTorch's`, async () => {
    const parameters = parametersOf(fixture);
    clipGradValue(parameters, limit);
    await compare(parameters, gradients);
  });
}

test("the norm of gradients of every size, from one to more than a workgroup adds up", async () => {
  const sizes = [1, 3, 64, 4099, 16384, 100_001];
  const parameters = sizes.map((size, i) => withGradient(zeros([size]), new Float32Array(size).fill(i + 1)));
  const expected = Math.sqrt(sizes.reduce((total, size, i) => total + size * (i + 1) ** 2, 0));
  const norm = await clipGradNorm(parameters, 1).item();
  assert.ok(Math.abs(norm - expected) < 1e-6 * expected, `${norm}, not ${expected}`);
  for (const [i, { grad }] of parameters.entries()) {
    const values = await grad!.data();
    close(
      [values[0], values[sizes[i] - 1]],
      [(i + 1) / expected, (i + 1) / expected],
      `parameter ${i}`,
      1e-6,
    );
  }
  const after = await clipGradNorm(parameters, Number.POSITIVE_INFINITY).item();
  assert.ok(Math.abs(after - 1) < 1e-5, `the norm is ${after} after clipping`);
});

test("a limit of Infinity measures and changes nothing", async () => {
  const parameter = withGradient(zeros([2]), [3, -4]);
  assert.is(await clipGradNorm([parameter], Number.POSITIVE_INFINITY).item(), 5);
  assert.equal(await parameter.grad!.toArray(), [3, -4]);
});

test("what is not a number stays so", async () => {
  const wrong = withGradient(zeros([3]), [1, Number.NaN, Number.POSITIVE_INFINITY]);
  clipGradValue([wrong], 0.5);
  assert.equal([...(await wrong.grad!.data())], [0.5, Number.NaN, 0.5]);
  const others = [withGradient(zeros([1]), [Number.NaN]), withGradient(zeros([2]), [1, 2])];
  assert.ok(Number.isNaN(await clipGradNorm(others, 1).item()));
  assert.ok((await others[1].grad!.data()).every(Number.isNaN));
});

test("no gradient at all has the norm 0", async () => {
  const parameters = [ones([2]), ones([3])];
  assert.is(await clipGradNorm(parameters, 1).item(), 0);
  clipGradValue(parameters, 1);
  assert.is(parameters[0].grad, null);
});

test("in a training, clipping waits for nothing and holds no memory", async () => {
  const x = normal([50, 7]).keep();
  x.requiresGrad = true;
  const optimizer = new SGD([x], { learningRate: 1 });
  const norms: number[] = [];
  let flat = gpu.memory();
  for (let step = 1; step <= 20; step++) {
    optimizer.zeroGrad();
    sum(square(x)).backward();
    const norm = clipGradNorm(optimizer.parameters, 0.5);
    optimizer.step();
    if (step <= 3) flat = gpu.memory();
    assert.ok(gpu.memory().bytesInUse <= flat.bytesInUse, `step ${step}`);
    if (step % 10 === 0) norms.push(await norm.item());
  }
  // The gradient is 2 x, and each step goes 0.5 towards 0.
  assert.ok(Math.abs(norms[0] - norms[1] - 2 * 10 * 0.5) < 1e-3, `${norms}`);
});

test("limits that make no sense are refused", async () => {
  const parameters = [full([2], 1)];
  await refused(ArgumentError, /clipGradNorm: maxNorm must be a number above 0, got -1/, () =>
    clipGradNorm(parameters, -1),
  );
  await refused(ArgumentError, /clipGradValue: maxValue .* got NaN/, () =>
    clipGradValue(parameters, Number.NaN),
  );
  await refused(ArgumentError, /clipGradNorm: there are no parameters/, () => clipGradNorm([], 1));
});

test.run();
