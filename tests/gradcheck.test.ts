import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkOps, type RowResult } from "../engine/checks.ts";
import { openDevice } from "../engine/currentDevice.ts";
import { AutogradError, DtypeError, GradcheckError } from "../engine/errors.ts";
import { gradcheck } from "../engine/gradcheck.ts";
import { relu, tanh } from "../engine/ops/activations.ts";
import { add, exp, mul, square } from "../engine/ops/arithmetic.ts";
import { crossEntropyLoss } from "../engine/ops/classLosses.ts";
import { to } from "../engine/ops/convert.ts";
import { type BackwardContext, defineOp, type Op, type OpChecks } from "../engine/ops/define.ts";
import { matmul } from "../engine/ops/matmul.ts";
import { mean, sum } from "../engine/ops/reduce.ts";
import { mapArray } from "../engine/reference.ts";
import { type Tensor, tensor } from "../engine/tensor.ts";
import { refused } from "./engine-helpers.ts";

const gpu = await openDevice();
test.after(() => gpu.close());

const x = tensor(
  [
    [0.5, -1.2, 0.8],
    [2.1, 0.3, -0.7],
  ],
  { requiresGrad: true },
);
const y = tensor([1.5, -0.4, 0.9], { requiresGrad: true });

/** x², with a backward of the test's own. */
function squareWith(backward: (context: BackwardContext<unknown>) => (Tensor | null)[]): Op<unknown> {
  return defineOp<unknown>({ name: "squareWith", forward: ([input]) => square(input), backward });
}

const rightOp = squareWith(({ gradient, inputs: [input] }) => [mul(mul(gradient, input), 2)]);
/** Wrong at element [1, 0] alone. */
const wrongOp = squareWith(({ gradient, inputs: [input] }) => {
  const factors = tensor(Float32Array.of(2, 2, 2, 2.1, 2, 2), { shape: [2, 3], gpu: input.gpu });
  return [mul(mul(gradient, input), factors)];
});

test("right gradients pass, and the report says how right they are", async () => {
  const report = await gradcheck((a, b) => tanh(mul(exp(a), b)), [x, y]);
  assert.is(report.checkedElements, 9);
  assert.ok(report.worstError < 1e-3, `${report.worstError}`);
  assert.is(report.worst!.error, report.worstError);
  await gradcheck((input) => rightOp.run([input], {}), [x]);
});

test("a wrong backward fails, by the name of its element", async () => {
  await refused(
    GradcheckError,
    /input 0, element \[1, 0\]: backward gives -?\d.*, central differences give -?\d.* [12] of 7 derivatives are off/s,
    () => gradcheck((input) => wrongOp.run([input], {}), [x]),
  );
});

test("of several inputs the wrong one is named", async () => {
  await refused(GradcheckError, /input 1, element \[1, 0\]/, () =>
    gradcheck((a, b) => add(a, wrongOp.run([b], {})), [y, x]),
  );
});

test("a gradient that is not a number fails, by the name of its element", async () => {
  const factors = tensor(Float32Array.of(1, 1, 1, 1, 1, Number.NaN), { shape: [2, 3] });
  const op = squareWith(({ gradient }) => [mul(gradient, factors)]);
  await refused(GradcheckError, /backward gives input 0 NaN at element \[1, 2\]/, () =>
    gradcheck((input) => op.run([input], {}), [x]),
  );
});

test("a missing gradient fails", async () => {
  const op = squareWith(() => [null]);
  await refused(
    GradcheckError,
    /input 0, element \[\d, \d\]: backward gives no gradient at all, central differences give/,
    () => gradcheck((input) => op.run([input], {}), [x]),
  );
});

test("a result that is not a number fails before anything is compared", async () => {
  await refused(GradcheckError, /the result of the function is NaN at element \[0, 1\]/, () =>
    gradcheck((input) => mul(input, tensor([1, Number.NaN, 1])), [x]),
  );
});

test("a function that changes from call to call is refused", async () => {
  let calls = 0;
  await refused(GradcheckError, /other numbers when it is called again/, () =>
    gradcheck((input) => mul(input, ++calls), [x]),
  );
});

test("a result that is cut off from its inputs is refused", async () => {
  await refused(GradcheckError, /does not depend on any input/, () =>
    gradcheck((input) => exp(input.detach()), [x]),
  );
  await refused(DtypeError, /must return a float32 tensor/, () =>
    gradcheck((input) => to(input, "int32"), [x]),
  );
  await refused(AutogradError, /none of the inputs requires a gradient/, () =>
    gradcheck((input) => exp(input), [x.detach()]),
  );
});

test("an input that the function does not use has no gradient, and passes", async () => {
  const report = await gradcheck((a, _) => square(a), [y, x]);
  assert.is(report.checkedElements, 9);
});

test("inputs keep their gradients, and those without one are held fast", async () => {
  const logits = tensor(
    [
      [0.1, 0.7, -0.3],
      [1.2, 0.4, 0.2],
    ],
    { requiresGrad: true },
  );
  sum(square(logits)).backward();
  const before = await logits.grad!.data();
  const labels = tensor(Int32Array.of(2, 0));
  const report = await gradcheck((input, target) => crossEntropyLoss(input, target), [logits, labels]);
  assert.is(report.checkedElements, 6);
  assert.equal(await logits.grad!.data(), before);
  assert.is(labels.grad, null);
});

test("a kink that is close by is no mistake, one within a thousandth looks like one", async () => {
  await gradcheck(relu, [tensor([0.004, -0.003, 1], { requiresGrad: true })]);
  await refused(GradcheckError, /element \[1\].*kink within 0\.00097656/s, () =>
    gradcheck(relu, [tensor([0.5, 1e-5, 1], { requiresGrad: true })]),
  );
});

test("of large inputs, random elements and one direction are checked; the seed chooses them", async () => {
  const weight = tensor(
    Float32Array.from({ length: 40 * 50 }, (_, i) => Math.sin(i)),
    {
      shape: [40, 50],
      requiresGrad: true,
    },
  );
  const batch = tensor(
    Float32Array.from({ length: 3 * 40 }, (_, i) => Math.cos(i)),
    { shape: [3, 40] },
  );
  const check = (seed: number) =>
    gradcheck((w) => tanh(matmul(batch, w)), [weight], { maxElements: 20, seed });
  const first = await check(1);
  assert.is(first.checkedElements, 20);
  assert.equal(await check(1), first);
  assert.is.not((await check(2)).worst!.analytic, first.worst!.analytic);
});

test("large numbers are moved by a share of their size", async () => {
  const pixels = tensor([200, -90, 55], { requiresGrad: true });
  const report = await gradcheck((input) => mean(square(input)), [pixels]);
  assert.ok(report.worstError < 1e-3, `${report.worstError}`);
});

/** What the checks find in an operation that should be x². */
async function rowsOf(op: Op<unknown>): Promise<RowResult[]> {
  const checks: OpChecks<unknown> = {
    op,
    reference: ([input]) => mapArray(input, (value) => value * value),
    samples: () => [{ inputs: [[2, 3]], options: {} }],
  };
  const rows: RowResult[] = [];
  for await (const row of checkOps(gpu, { operations: [checks] })) rows.push(row);
  return rows;
}

test("the checks over the table find what is wrong, too", async () => {
  const [right] = await rowsOf(rightOp);
  assert.ok(right.ok, right.problem);
  assert.is(right.sample, "[2, 3]");

  const [wrongGradient] = await rowsOf(wrongOp);
  assert.is(wrongGradient.ok, false);
  assert.match(wrongGradient.problem!, /gradient of input 0 at \[1, 0\]: /);
  assert.ok(wrongGradient.forwardError < 1e-6);
  assert.ok(wrongGradient.gradientError! > 0.01 && wrongGradient.gradcheckError! > 0.01);

  const wrongForward = { ...rightOp, run: ([input]: readonly Tensor[]) => mul(input, input.size) };
  assert.match((await rowsOf(wrongForward))[0].problem!, /^forward at \[\d, \d\]: /);

  const failing = { ...rightOp, run: () => matmul(x, y) };
  assert.match((await rowsOf(failing))[0].problem!, /^ShapeError: matmul/);

  const otherShape = { ...rightOp, run: ([input]: readonly Tensor[]) => sum(square(input)) };
  assert.match((await rowsOf(otherShape))[0].problem!, /the shape is \[\], expected \[2, 3\]/);
});

test.run();
