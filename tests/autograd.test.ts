import { test } from "uvu";
import * as assert from "uvu/assert";
import { grad } from "../engine/autograd.ts";
import { openDevice } from "../engine/currentDevice.ts";
import { AutogradError, DtypeError, ReleasedTensorError, ShapeError } from "../engine/errors.ts";
import { inferenceMode, noGrad } from "../engine/gradMode.ts";
import { Linear, ReLU, Sequential } from "../engine/nn/layers.ts";
import { Module } from "../engine/nn/module.ts";
import { BatchNorm1d } from "../engine/nn/normalisation.ts";
import { add, exp, mul, neg, square, sub } from "../engine/ops/arithmetic.ts";
import { greater } from "../engine/ops/compare.ts";
import { to } from "../engine/ops/convert.ts";
import { copyInto } from "../engine/ops/elementwise.ts";
import { concat, reshape } from "../engine/ops/layout.ts";
import { matmul } from "../engine/ops/matmul.ts";
import { sum } from "../engine/ops/reduce.ts";
import { exponentialMovingAverage } from "../engine/optim/averaging.ts";
import { SGD } from "../engine/optim/sgd.ts";
import { ones, type Tensor, tensor, zeros } from "../engine/tensor.ts";
import { refused } from "./engine-helpers.ts";

const gpu = await openDevice();
test.after(() => gpu.close());

function leaf(...values: number[]): Tensor {
  return tensor(values, { requiresGrad: true });
}

test("the gradients of several uses add up", async () => {
  const x = leaf(2, -3);
  // x + x·x + 5 x, by x: 1 + 2 x + 5
  sum(add(add(x, mul(x, x)), mul(5, x))).backward();
  assert.equal(await x.grad!.toArray(), [10, 0]);
});

test("a diamond: an interior result is walked once, with all that arrived", async () => {
  const x = leaf(3);
  const y = square(x); // 9
  const left = mul(y, 2);
  const right = mul(y, y);
  add(left, mul(left, right)).backward(); // 2y + 2y³, by x: (2 + 6y²) · 2x
  assert.is(await x.grad!.item(), (2 + 6 * 81) * 6);
});

test("branches that join late, and end early, each count once", async () => {
  const [a, b, c] = [leaf(2), leaf(3), leaf(5)];
  const ab = mul(a, b);
  neg(ab); // nobody uses it
  const abc = mul(ab, c);
  sum(concat([ab, abc, reshape(a, [1])])).backward();
  assert.equal(await Promise.all([a, b, c].map((x) => x.grad!.item())), [3 + 15 + 1, 2 + 10, 6]);
});

test("a chain of 20,000 operations needs no stack", async () => {
  const x = leaf(1);
  let y: Tensor = x;
  for (let i = 0; i < 20_000; i++) y = i % 10 === 0 ? neg(y) : reshape(y, i % 2 === 0 ? [1] : [1, 1]);
  y.backward();
  assert.is(await x.grad!.item(), 1);
});

test("numbers that are not asked for get no gradient", async () => {
  const [x, fixed] = [leaf(2), tensor([7])];
  mul(x, fixed).backward();
  assert.is(fixed.grad, null);
  assert.not(mul(fixed, 2).requiresGrad);
});

test("what asks for a gradient when the operation runs gets it, whatever is set afterwards", async () => {
  const [asking, frozen] = [leaf(2), leaf(3)];
  frozen.requiresGrad = false;
  const product = mul(asking, frozen);
  asking.requiresGrad = false;
  frozen.requiresGrad = true;
  product.backward();
  assert.is(await asking.grad!.item(), 3);
  assert.is(frozen.grad, null);
});

test("a weight overwritten between the forward pass and backward() gives no wrong gradients", async () => {
  const weight = leaf(2);
  const optimizer = new SGD([weight], { learningRate: 1 });
  const [first, second, third] = [square(weight), square(weight), square(weight)];
  first.backward();
  optimizer.step();
  await refused(AutogradError, /an input of square was overwritten after .*\n {2}help: call backward/, () =>
    second.backward(),
  );
  const frozen = tensor([3]); // no gradient for it, but for what stands beside it
  const product = mul(leaf(5), frozen);
  copyInto(frozen, tensor([4]));
  await refused(AutogradError, /an input of mul was overwritten/, () => product.backward());
  copyInto(weight, tensor([2]));
  await refused(AutogradError, /square was overwritten/, () => third.backward());
  const normalisation = new BatchNorm1d(2).eval();
  const rows = tensor([
    [1, 2],
    [3, 5],
  ]);
  const evaluated = sum(square(normalisation.call(rows)));
  normalisation.train().call(rows); // moves the running statistics
  await refused(AutogradError, /an input of batchNormEvaluation was overwritten/, () => evaluated.backward());
  const average = exponentialMovingAverage([weight]);
  const ofAverage = await average.use(() => square(weight));
  await refused(AutogradError, /square was overwritten/, () => ofAverage.backward());
  weight.grad = null;
  square(weight).backward();
  assert.is(await weight.grad!.item(), 4);
});

test("noGrad and inferenceMode leave no graph, even after an error in them", () => {
  const x = leaf(2);
  for (const mode of [noGrad, inferenceMode]) {
    const late = mode(() => {
      noGrad(() => square(x));
      return square(x); // still without a graph
    });
    assert.not(late.requiresGrad);
    assert.throws(() => mode(() => add(x, tensor([1, 2, 3, 4], { shape: [2, 2] })) && matmul(x, x)));
    assert.throws(() => mode(async () => square(x)), /run no asynchronous functions\n {2}help: do the/);
    assert.ok(square(x).requiresGrad);
  }
});

test("detach cuts the graph, and keeps the numbers", async () => {
  const x = leaf(3);
  const y = square(x);
  const cut = y.detach();
  assert.not(cut.requiresGrad);
  const z = mul(y, cut); // 9 x², with the 9 held fast
  z.backward();
  assert.is(await x.grad!.item(), 54);
  assert.is(await cut.item(), 9);
  cut.requiresGrad = true; // now a leaf of its own
  square(cut).backward();
  assert.is(await cut.grad!.item(), 18);
});

test("only a float32 tensor that you made can ask for a gradient", async () => {
  await refused(AutogradError, /not on the result of neg\n {2}help: use detach/, () => {
    neg(leaf(1)).requiresGrad = false;
  });
  await refused(DtypeError, /only float32 tensors have gradients, not int32/, () => {
    tensor([1], { dtype: "int32" }).requiresGrad = true;
  });
});

test("what backward cannot do, it says", async () => {
  const x = leaf(1, 2);
  await refused(AutogradError, /the shape \[2\].*\n {2}help: reduce it with sum\(\) or mean/, () =>
    neg(x).backward(),
  );
  await refused(AutogradError, /does not depend on any tensor that requires/, () => tensor(1).backward());
  await refused(AutogradError, /does not depend on any tensor that requires/, () =>
    sum(to(greater(x, 1), "float32")).backward(),
  );
  await refused(ShapeError, /the gradient is \[3\], but the tensor is \[2\]/, () =>
    neg(x).backward(ones([3])),
  );
  await refused(DtypeError, /the gradient must be float32, not int32/, () =>
    neg(x).backward(ones([2], { dtype: "int32" })),
  );
  assert.is(x.grad, null);
});

test("a graph is good for one backward", async () => {
  const x = leaf(2);
  const y = square(x);
  const z = exp(y);
  const other = neg(y);
  z.backward();
  for (const [again, name] of [
    [z, "exp"],
    [other, "square"],
  ] as const) {
    const words = new RegExp(
      `an earlier backward\\(\\) .* behind ${name}\n {2}help: run the forward pass again`,
    );
    await refused(AutogradError, words, () => again.backward());
  }
  await refused(ReleasedTensorError, /backward\(\) has used this result of square/, () => y.data());
  assert.ok(Math.abs((await z.item()) - Math.exp(4)) < 1e-4); // the loss itself can still be read
});

test("a given gradient is where backward starts", async () => {
  const x = leaf(1, 2, 3);
  const start = tensor([1, 0, -2]);
  square(x).backward(start);
  assert.equal(await x.grad!.toArray(), [2, 0, -12]);
  assert.equal(await start.toArray(), [1, 0, -2]);
  const result = mul(start, 10); // whoever computed it can go on with it
  neg(x).backward(result);
  reshape(x, [3]).backward(result); // passes it on as it is
  reshape(x, [3]).backward(result);
  assert.equal(await x.grad!.toArray(), [2 + 10, 0, -12 - 20]);
  assert.equal(await result.toArray(), [10, 0, -20]);
  assert.equal(await grad(neg(x), [x], [result])[0].toArray(), [-10, 0, 20]);
  assert.equal(await result.toArray(), [10, 0, -20]);
});

test("two backward() calls add up, and gradients have memory of their own", async () => {
  const [a, b] = [leaf(1, 2), leaf(3, 4)];
  const start = tensor([10, 20]);
  add(a, b).backward(start); // both receive `start` itself
  const memories = [a.grad!, b.grad!, start].map(({ storage }) => storage.memory.id);
  assert.is(new Set(memories).size, 3);
  sub(a, b).backward(start);
  assert.equal(await a.grad!.toArray(), [20, 40]);
  assert.equal(await b.grad!.toArray(), [0, 0]);
  assert.equal(await start.toArray(), [10, 20]);
});

test("a leaf that is its own result", async () => {
  const x = leaf(5);
  x.backward();
  x.backward();
  assert.is(await x.grad!.item(), 2);
});

test("grad gives gradients of leaves and of interior results, and leaves grad alone", async () => {
  const [x, w] = [leaf(1, 2), leaf(3, 4)];
  const hidden = mul(x, w);
  const output = sum(square(hidden)); // (x w)²
  const [byHidden, byW, byOutput] = grad(output, [hidden, w, output]);
  assert.equal(await byHidden.toArray(), [6, 16]);
  assert.equal(await byW.toArray(), [6, 32]);
  assert.is(await byOutput.item(), 1);
  assert.equal([x.grad, w.grad], [null, null]);
});

test("grad of several outputs is that of their sum, weighted if wanted", async () => {
  const x = leaf(3);
  const outputs = () => [square(x), mul(x, 5)];
  assert.is(await grad(outputs(), [x])[0].item(), 6 + 5);
  assert.is(await grad(outputs(), [x], [tensor([10]), tensor([-1])])[0].item(), 60 - 5);
  await refused(AutogradError, /do not depend on input 1, Tensor\(\[1\], float32, requiresGrad\)/, () =>
    grad(square(x), [x, leaf(1)]),
  );
});

test("a failed operation leaves neither memory nor a scope behind", () => {
  const x = leaf(1, 2);
  const { buffersInUse } = gpu.memory();
  assert.throws(() => inferenceMode(() => matmul(reshape(neg(x), [1, 2]), zeros([3, 1]))));
  // The operand zeros() is the test's own.
  assert.is(gpu.memory().buffersInUse, buffersInUse + 1);
});

class Classifier extends Module {
  readonly encoder = new Sequential(new Linear(4, 3), new ReLU(), new Linear(2, 2));
  readonly heads = [new Linear(2, 1)];
  forward(x: Tensor): Tensor {
    return this.heads[0].call(this.encoder.call(x));
  }
}

test("an error in a module has the path of the layer", async () => {
  const model = new Classifier();
  await refused(ShapeError, /^encoder\.2: linear: expected the last axis of x to have 2 features/, () =>
    model.call(ones([5, 4])),
  );
  await refused(ShapeError, /^heads\.0: linear: /, () => {
    class Direct extends Classifier {
      override forward(x: Tensor): Tensor {
        return this.heads[0].call(x);
      }
    }
    return new Direct().call(ones([5, 4]));
  });
  await refused(ShapeError, /^linear: /, () => model.heads[0].call(ones([5, 4])));
});

test("gradients flow through a model into its parameters", async () => {
  const model = new Sequential(new Linear(4, 8), new ReLU(), new Linear(8, 4));
  sum(model.call(ones([4, 4]))).backward();
  for (const [name, parameter] of model.namedTensors())
    assert.equal(parameter.grad?.shape, parameter.shape, name);
  assert.equal(await model.layers.at(-1)!.stateDict().get("bias")!.grad!.toArray(), [4, 4, 4, 4]);
});

test.run();
