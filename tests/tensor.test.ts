import { test } from "uvu";
import * as assert from "uvu/assert";
import { openDevice } from "../engine/currentDevice.ts";
import { ArgumentError, DtypeError, ReleasedTensorError, ShapeError } from "../engine/errors.ts";
import { relu } from "../engine/ops/activations.ts";
import { add, mul, neg } from "../engine/ops/arithmetic.ts";
import { equal, less } from "../engine/ops/compare.ts";
import { conv2d } from "../engine/ops/conv2d.ts";
import { flatten, reshape } from "../engine/ops/layout.ts";
import { linear } from "../engine/ops/matmul.ts";
import { full, ones, tensor, zeros } from "../engine/tensor.ts";
import { refused } from "./engine-helpers.ts";

const gpu = await openDevice();
test.after(() => gpu.close());

test("nested arrays give shape and numbers back as they were", async () => {
  for (const [values, shape] of [
    [3.5, []],
    [[1, 2, 3], [3]],
    [
      [[1], [2]],
      [2, 1],
    ],
    [
      [
        [
          [1, 2],
          [3, 4],
          [5, 6],
        ],
      ],
      [1, 3, 2],
    ],
    [[], [0]],
    [
      [[], []],
      [2, 0],
    ],
  ] as const) {
    const made = tensor(values);
    assert.equal(made.shape, shape);
    assert.is(made.dtype, "float32");
    assert.equal(await made.toArray(), values);
  }
});

test("numbers are float32, rows come one after the other, and a shape may be given", async () => {
  const made = tensor([0.1, 2 ** 24 + 1, Number.NEGATIVE_INFINITY, -0], { shape: [2, 2] });
  const data = await made.data();
  assert.equal([...data], [Math.fround(0.1), 2 ** 24, Number.NEGATIVE_INFINITY, -0]);
  assert.ok(Object.is(data[3], -0));
  assert.is(made.size, 4);
  assert.equal(await tensor([1, 2, 3, 4, 5, 6], { shape: [2, 3] }).toArray(), [
    [1, 2, 3],
    [4, 5, 6],
  ]);
});

test("a typed array gives its own dtype, and part of its memory is copied", async () => {
  const words = Uint32Array.of(9, 4_294_967_295, 0, 7);
  const unsigned = tensor(words.subarray(1, 3));
  const signed = tensor(Int32Array.of(-2_147_483_648, 5), { shape: [2, 1] });
  words.fill(1);
  assert.equal([unsigned.dtype, signed.dtype], ["uint32", "int32"]);
  assert.equal(await unsigned.data(), Uint32Array.of(4_294_967_295, 0));
  assert.equal(await signed.toArray(), [[-2_147_483_648], [5]]);
  assert.equal(await tensor([1, -2], { dtype: "int32" }).data(), Int32Array.of(1, -2));
});

test("what is no tensor is refused", async () => {
  const refusals: [kind: typeof ShapeError, words: RegExp, work: () => unknown][] = [
    [ShapeError, /ragged at depth 1; the first branch has the shape \[2, 2\]/, () => tensor([[1, 2], [3]])],
    [ShapeError, /ragged at depth 1/, () => tensor([[1, 2], 3])],
    [ShapeError, /ragged at depth 1/, () => tensor([1, [2]])],
    [ShapeError, /\[2, 2\] needs 4 numbers, but there are 3/, () => tensor([1, 2, 3], { shape: [2, 2] })],
    [ShapeError, /\[-1\] is not a shape/, () => tensor([1], { shape: [-1] })],
    [ShapeError, /\[1.5\] is not a shape/, () => zeros([1.5])],
    [ShapeError, /has 9 axes; at most 8/, () => tensor([1], { shape: [1, 1, 1, 1, 1, 1, 1, 1, 1] })],
    [DtypeError, /got Float64Array\n {2}help: use Float32Array/, () => tensor(Float64Array.of(1) as never)],
    [DtypeError, /got Int32Array for dtype float32/, () => tensor(Int32Array.of(1), { dtype: "float32" })],
    [DtypeError, /only float32 .* not int32/, () => ones([2], { dtype: "int32", requiresGrad: true })],
    [ArgumentError, /expected numbers, got string/, () => tensor(["1"] as never)],
    [ArgumentError, /expected numbers, got null/, () => tensor([null] as never)],
    [ArgumentError, /expected numbers, got undefined/, () => tensor(undefined as never)],
    [ArgumentError, /relu: expected a tensor, got object\n {2}help: .*tensor\(/, () => relu([1] as never)],
    [ArgumentError, /add: expected a tensor, got undefined/, () => add(ones([1]), undefined as never)],
    [ArgumentError, /less: expected a tensor, got object/, () => less(null as never, 1)],
  ];
  for (const [kind, words, work] of refusals) await refused(kind, words, work);
});

test("a number beside whole numbers is one of them, to the last digit", async () => {
  const large = tensor(Int32Array.of(16777216, 16777217));
  assert.equal(await equal(large, 16777217).toArray(), [0, 1]);
  assert.equal(await add(tensor(Int32Array.of(0)), 16777217).toArray(), [16777217]);
  assert.equal(await mul(3000000001, tensor(Uint32Array.of(1))).toArray(), [3000000001]);
  for (const [dtype, number] of [
    ["int32", 1.5],
    ["int32", 3e9],
    ["int32", Number.NaN],
    ["uint32", -1],
  ] as const) {
    const x = tensor([1, 2], { dtype });
    await refused(DtypeError, new RegExp(`less: ${number} is no ${dtype}\n {2}help: .*"float32"`), () =>
      less(x, number),
    );
  }
});

test("zeros, ones and full", async () => {
  assert.equal(await zeros([2, 2]).toArray(), [
    [0, 0],
    [0, 0],
  ]);
  assert.equal(await ones([3], { dtype: "int32" }).data(), Int32Array.of(1, 1, 1));
  assert.equal(await full([], -2.5).toArray(), -2.5);
  assert.ok(full([1], 1, { requiresGrad: true }).requiresGrad);
});

test("without elements there is nothing to compute, and no error", async () => {
  const empty = zeros([0, 3]);
  assert.equal(await add(neg(empty), tensor([1, 2, 3])).data(), new Float32Array(0));
  assert.equal(await zeros([2, 0, 3]).toArray(), [[], []]);
});

test("gradients of no images are zeros, and those of biases behind no features are sums", async () => {
  for (const [inputs, kernelSize, padding] of [
    [2, 3, 1],
    [2, 5, 2],
    [3, 1, 0],
    [0, 3, 1],
  ]) {
    const images = inputs === 0 ? 2 : 0;
    const weight = ones([3, inputs, kernelSize, kernelSize], { requiresGrad: true });
    const bias = ones([3], { requiresGrad: true });
    const y = conv2d(zeros([images, inputs, 5, 5]), weight, bias, { padding });
    y.backward(ones(y.shape));
    assert.ok((await weight.grad!.data()).every((value) => value === 0));
    assert.equal(await bias.grad!.toArray(), Array(3).fill(y.size / 3));
  }
  const [weight, bias] = [zeros([2, 0], { requiresGrad: true }), zeros([2], { requiresGrad: true })];
  linear(zeros([3, 0]), weight, bias).backward(ones([3, 2]));
  assert.equal(await bias.grad!.toArray(), [3, 3]);
});

test("an item is the number of a single element", async () => {
  assert.is(await tensor([[[7]]]).item(), 7);
  assert.is(await tensor(-1, { dtype: "int32" }).item(), -1);
  await refused(ShapeError, /item: \[2\] has 2 elements, not one\n {2}help: use data/, () =>
    tensor([1, 2]).item(),
  );
});

test("reshape shares the memory", async () => {
  const x = tensor([1, 2, 3, 4, 5, 6]);
  const before = gpu.memory().buffersInUse;
  const rows = reshape(x, [2, -1]);
  const flat = flatten(reshape(x, [1, 3, 2]));
  assert.is(gpu.memory().buffersInUse, before);
  gpu.upload(x.storage.memory, Float32Array.of(6, 5, 4, 3, 2, 1));
  assert.equal(await rows.toArray(), [
    [6, 5, 4],
    [3, 2, 1],
  ]);
  assert.equal(await flat.toArray(), [[6, 5, 4, 3, 2, 1]]);
  await refused(ShapeError, /reshape: \[6\] has 6 elements, which do not fit \[4, -1\]/, () =>
    reshape(x, [4, -1]),
  );
  await refused(ShapeError, /only one size can be -1/, () => reshape(x, [-1, -1]));
});

test("a tensor says what it is", async () => {
  const x = tensor([[1, 2]], { requiresGrad: true });
  assert.is(`${tensor(Int32Array.of(1))}`, "Tensor([1], int32)");
  assert.is(`${x}`, "Tensor([1, 2], float32, requiresGrad)");
  assert.is(`${neg(x)}`, "Tensor([1, 2], float32, made by neg)");
  assert.is(await tensor(1 / 3).toText(), "Tensor([], float32)\n  0.33333");
  assert.is(
    await tensor(Int32Array.of(123456, -(2 ** 31))).toText(),
    "Tensor([2], int32)\n  [123456, -2147483648]",
  );
  assert.is(
    await tensor(
      Float32Array.from({ length: 16 }, (_, i) => i * 1e4),
      { shape: [2, 8] },
    ).toText(),
    "Tensor([2, 8], float32)\n" +
      "  [[0, 10000, 20000, …, 50000, 60000, 70000],\n" +
      "   [80000, 90000, 100000, …, 130000, 140000, 150000]]",
  );
});

test("the shape of a tensor cannot be changed behind its back", () => {
  const sizes = [2, 1];
  const x = tensor([1, 2], { shape: sizes });
  sizes[0] = 7;
  assert.equal(x.shape, [2, 1]);
  assert.throws(() => {
    (x.shape as number[])[0] = 7;
  }, TypeError);
});

test("released memory is an error that says why and what to do, never another tensor's numbers", async () => {
  const x = tensor([1, 2, 3]);
  x.storage.release("the test has ended");
  tensor([4, 5, 6]); // takes the memory
  const words = /went back to the pool: the test has ended\n {2}help: read it earlier .*data\(\).*keep\(\)/;
  await refused(ReleasedTensorError, words, () => x.data());
  await refused(ReleasedTensorError, words, () => x.toArray());
  await refused(ReleasedTensorError, words, () => neg(x));
  await refused(ReleasedTensorError, words, () => add(tensor([1]), x));
  assert.is(`${x}`, "Tensor([3], float32, released)");
  const { buffersInUse } = gpu.memory();
  x.storage.release("it is released once");
  assert.is(gpu.memory().buffersInUse, buffersInUse);
});

test.run();
