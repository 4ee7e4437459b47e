/** Where there is no derivative, the gradient is the one that PyTorch gives. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openDevice } from "../engine/currentDevice.ts";
import { leakyRelu, relu } from "../engine/ops/activations.ts";
import { abs, clamp, pow } from "../engine/ops/arithmetic.ts";
import { huberLoss, l1Loss } from "../engine/ops/losses.ts";
import { matmul } from "../engine/ops/matmul.ts";
import { maxPool2d, minPool2d } from "../engine/ops/pool.ts";
import { max } from "../engine/ops/reduce.ts";
import { type NestedNumbers, ones, type Tensor, tensor } from "../engine/tensor.ts";
import { close } from "./engine-helpers.ts";

const gpu = await openDevice();
test.after(() => gpu.close());

/** The gradient of the sum of f(x) at x. */
async function slope(f: (x: Tensor) => Tensor, at: NestedNumbers): Promise<NestedNumbers> {
  const x = tensor(at, { requiresGrad: true });
  const result = f(x);
  result.backward(ones(result.shape));
  return x.grad!.toArray();
}

test("relu is flat at 0, by itself and fused into a matrix product", async () => {
  assert.equal(await slope(relu, [-1, 0, -0, 1e-30, 2]), [0, 0, 0, 1, 1]);
  const fused = (x: Tensor) => matmul(x, tensor([[1, 1]]), { activation: "relu" });
  assert.equal(await slope(fused, [[-1], [0], [3]]), [[0], [0], [2]]);
});

test("leakyRelu has its negative slope at 0", async () => {
  assert.equal(await slope((x) => leakyRelu(x, 0.25), [-1, 0, 1]), [0.25, 0.25, 1]);
});

test("abs is flat at 0", async () => {
  assert.equal(await slope(abs, [-3, 0, 3]), [-1, 0, 1]);
});

test("clamp lets the gradient pass at its bounds", async () => {
  assert.equal(await slope((x) => clamp(x, { low: -1, high: 2 }), [-1.5, -1, 0, 2, 2.5]), [0, 1, 1, 1, 0]);
  assert.equal(await slope((x) => clamp(x, { low: 0 }), [-1, 0, 1e30]), [0, 1, 1]);
});

test("equal maxima share the gradient, as in torch.amax", async () => {
  const tied = [
    [1, 5, 5, 2],
    [4, 4, 4, 4],
    [1, 2, 3, 0],
  ];
  const shared = [
    [0, 0.5, 0.5, 0],
    [0.25, 0.25, 0.25, 0.25],
    [0, 0, 1, 0],
  ];
  assert.equal(await slope((x) => max(x, { axes: 1 }), tied), shared);
  assert.equal(await slope(max, [7, 7]), [0.5, 0.5]);
});

test("a pooling window gives its gradient to the first of its extrema, in row-major order", async () => {
  const tied = [
    [
      [
        [3, 3, 0, 0],
        [3, 3, 1, 0],
        [0, 2, -1, -1],
        [2, 2, -1, -1],
      ],
    ],
  ];
  const first = [
    [
      [
        [1, 0, 0, 0],
        [0, 0, 1, 0],
        [0, 1, 1, 0],
        [0, 0, 0, 0],
      ],
    ],
  ];
  assert.equal(await slope((x) => maxPool2d(x, { kernelSize: 2 }), tied), first);
  const firstSmallest = [
    [
      [
        [1, 0, 1, 0],
        [0, 0, 0, 0],
        [1, 0, 1, 0],
        [0, 0, 0, 0],
      ],
    ],
  ];
  assert.equal(await slope((x) => minPool2d(x, { kernelSize: 2 }), tied), firstSmallest);
});

test("an element that is the first extremum of several windows gets the gradient of each", async () => {
  const x = [[[[0, 0, 0, 0]]]];
  assert.equal(await slope((input) => maxPool2d(input, { kernelSize: [1, 2], stride: 1 }), x), [
    [[[1, 1, 1, 0]]],
  ]);
});

test("pow at 0 and below", async () => {
  const at = [0, -2, 3];
  close((await slope((x) => pow(x, 2), at)) as number[], [0, -4, 6], "the gradient of x²");
  close((await slope((x) => pow(x, 3), at)) as number[], [0, 12, 27], "the gradient of x³");
  assert.equal(await slope((x) => pow(x, 1), at), [1, 1, 1]);
  assert.equal(await slope((x) => pow(x, 0), at), [0, 0, 0]);
  assert.equal(await pow(tensor(at), 0).toArray(), [1, 1, 1]);
  close((await pow(tensor(at), 3).data()) as Float32Array, [0, -8, 27], "x³");
});

test("losses of a difference of 0 are flat", async () => {
  const target = tensor([1, 1, 1]);
  assert.equal(await slope((x) => l1Loss(x, target, { reduction: "sum" }), [0, 1, 2]), [-1, 0, 1]);
  assert.equal(await slope((x) => huberLoss(x, target, { reduction: "sum" }), [0, 1, 2]), [-1, 0, 1]);
});

test("pools of millions of tiny planes find each of them", async () => {
  const planes = 2 ** 22 + 5; // more than a quotient of floats can count
  const x = tensor(
    Float32Array.from({ length: 2 * planes }, (_, i) => i % 1001),
    { shape: [1, planes, 1, 2] },
  );
  const largest = await maxPool2d(x, { kernelSize: [1, 2] }).data();
  const isRight = (value: number, plane: number) =>
    value === Math.max((2 * plane) % 1001, (2 * plane + 1) % 1001);
  assert.ok(largest.length === planes && largest.every(isRight));
});

test.run();
