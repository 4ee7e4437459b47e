/** indexSelect, gather and spmm against PyTorch (see `fixtures/pytorch/gather.py`) and against sums on the host. */
import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openDevice } from "../engine/currentDevice.ts";
import { ArgumentError, DtypeError, ShapeError } from "../engine/errors.ts";
import { hostRandom } from "../engine/hostRandom.ts";
import { add, mul } from "../engine/ops/arithmetic.ts";
import { gather, indexSelect } from "../engine/ops/gather.ts";
import { sum } from "../engine/ops/reduce.ts";
import { csrMatrix, spmm } from "../engine/ops/spmm.ts";
import { ones, type Tensor, tensor, zeros } from "../engine/tensor.ts";
import { close, refused } from "./engine-helpers.ts";

const gpu = await openDevice();
test.after(() => gpu.close());

interface Fixture {
  readonly choices: {
    readonly op: keyof typeof ops;
    readonly shape: number[];
    readonly x: number[];
    readonly indexShape: number[];
    readonly indices: number[];
    readonly axis: number;
    readonly resultShape: number[];
    readonly result: number[];
    readonly gradient: number[];
  }[];
  readonly product: Record<
    "rowPointers" | "columnIndices" | "values" | "dense" | "result" | "valuesGradient" | "denseGradient",
    number[]
  >;
}

const ops = { gather, indexSelect };
const fixture: Fixture = JSON.parse(
  readFileSync(new URL("./fixtures/pytorch/gather.json", import.meta.url), "utf8"),
);

function int32(values: readonly number[], shape: readonly number[] = [values.length]): Tensor {
  return tensor(Int32Array.from(values), { shape });
}

/** 1, 2, 3, …: what the fixture's gradients were pulled back from. */
function counting({ shape, size }: Tensor): Tensor {
  return tensor(
    Float32Array.from({ length: size }, (_, i) => i + 1),
    { shape },
  );
}

for (const { op, shape, axis, resultShape, ...numbers } of fixture.choices) {
  test(`${op} of [${shape}] by [${numbers.indexShape}] along axis ${axis} is PyTorch's`, async () => {
    const x = tensor(Float32Array.from(numbers.x), { shape, requiresGrad: true });
    for (const along of [axis, axis - shape.length]) {
      const result = ops[op](x, int32(numbers.indices, numbers.indexShape), along);
      assert.equal(result.shape, resultShape);
      assert.equal(await result.data(), Float32Array.from(numbers.result));
      x.grad = null;
      result.backward(counting(result));
      close(await x.grad!.data(), numbers.gradient, "the gradient", 1e-6);
    }
  });
}

test("spmm is PyTorch's sparse.mm, with the gradients of both", async () => {
  const { rowPointers, columnIndices, values, dense, result, ...gradients } = fixture.product;
  const matrix = csrMatrix({ shape: [5, 4], rowPointers, columnIndices, values }, { requiresGrad: true });
  const x = tensor(Float32Array.from(dense), { shape: [4, 3], requiresGrad: true });
  const product = spmm(matrix, x);
  assert.equal(product.shape, [5, 3]);
  close(await product.data(), result, "the product", 1e-6);
  product.backward(counting(product));
  close(await matrix.values.grad!.data(), gradients.valuesGradient, "the values' gradient", 1e-6);
  close(await x.grad!.data(), gradients.denseGradient, "the dense matrix's gradient", 1e-6);
});

for (const [count, rows] of [
  [1024, 300], // what one workgroup sorts
  [1025, 7],
  [9000, 50000], // several steps between workgroups
]) {
  test(`the gradient of ${count} indices into ${rows} rows, some outside, is the sum on the host`, async () => {
    const random = hostRandom(`${count}`);
    // Half of the indices are the same, as padding is; every hundredth is outside.
    const indices = Array.from({ length: count }, (_, i) => {
      if (i % 100 === 99) return i % 200 === 99 ? -1 : rows;
      return i % 2 === 0 ? 3 : Math.floor(random() * rows);
    });
    const dy = Float32Array.from({ length: 4 * count }, () => random() - 0.5);
    const expected = new Float64Array(4 * rows);
    indices.forEach((index, i) => {
      if (index < 0 || index >= rows) return;
      for (let f = 0; f < 4; f++) expected[4 * index + f] += dy[4 * i + f];
    });
    async function gradient(): Promise<Float32Array> {
      const x = zeros([rows, 4], { requiresGrad: true });
      indexSelect(x, int32(indices), 0).backward(tensor(dy, { shape: [count, 4] }));
      return x.grad!.data();
    }
    const first = await gradient();
    close(first, expected, "the gradient", 1e-4);
    assert.equal(await gradient(), first, "other bits the second time");
  });
}

test("an index outside gives NaN, or the number that stands for nothing", async () => {
  const indices = int32([1, -1, 2]);
  const x = tensor([5, 6], { requiresGrad: true });
  const chosen = indexSelect(x, indices, 0);
  assert.equal([...(await chosen.data())], [6, Number.NaN, Number.NaN]);
  chosen.backward(ones([3]));
  assert.equal(await x.grad!.toArray(), [0, 1]);
  const whole = indexSelect(int32([5, 6]), indices, 0);
  assert.equal([...(await whole.data<Int32Array>())], [6, -(2 ** 31), -(2 ** 31)]);
  const unsigned = gather(tensor([5, 6], { dtype: "uint32" }), indices, 0);
  assert.equal([...(await unsigned.data<Uint32Array>())], [6, 2 ** 32 - 1, 2 ** 32 - 1]);
});

test("no indices choose nothing, and leave a gradient of zeros", async () => {
  const x = ones([3, 2], { requiresGrad: true });
  const none = indexSelect(x, int32([]), 0);
  assert.equal(none.shape, [0, 2]);
  none.backward(zeros([0, 2]));
  assert.equal([...(await x.grad!.data())], [0, 0, 0, 0, 0, 0]);
});

test("a matrix without entries gives zeros", async () => {
  const matrix = csrMatrix(
    { shape: [2, 3], rowPointers: [0, 0, 0], columnIndices: [] },
    { requiresGrad: true },
  );
  const x = ones([3, 4], { requiresGrad: true });
  const product = spmm(matrix, x);
  assert.equal([...(await product.data())], new Array(8).fill(0));
  product.backward(ones([2, 4]));
  assert.equal([...(await x.grad!.data())], new Array(12).fill(0));
  assert.equal(matrix.values.grad!.shape, [0]);
});

test("matrices share a pattern, whose upload happens once; their values may be computed", async () => {
  const matrix = csrMatrix({ shape: [2, 2], rowPointers: [0, 1, 3], columnIndices: [1, 0, 1] });
  const x = tensor([[1], [10]]);
  assert.equal(await spmm(matrix, x).toArray(), [[10], [11]]);
  const { uploads } = gpu.counters();
  const weight = tensor([2], { requiresGrad: true });
  const scaled = { ...matrix, values: mul(matrix.values, weight) };
  const twice = spmm(scaled, add(x, x));
  assert.equal(await twice.toArray(), [[40], [44]]);
  sum(twice).backward();
  assert.equal(await weight.grad!.toArray(), [42]);
  assert.is(gpu.counters().uploads, uploads + 1); // the weight's own
});

test("arguments that do not fit are refused", async () => {
  const x = ones([3, 5]);
  await refused(DtypeError, /indexSelect: indices: expected int32, got float32/, () =>
    indexSelect(x, ones([2]), 0),
  );
  await refused(ShapeError, /indexSelect: indices must be \[n\], got \[1, 1\]/, () =>
    indexSelect(x, int32([0], [1, 1]), 0),
  );
  await refused(ArgumentError, /indexSelect: there is no axis 2/, () => indexSelect(x, int32([0]), 2));
  await refused(ShapeError, /gather: indices \[4, 1\] do not fit \[3, 5\] along axis 1/, () =>
    gather(x, int32([0, 0, 0, 0], [4, 1]), 1),
  );
  await refused(ShapeError, /gather: indices \[2\] do not fit/, () => gather(x, int32([0, 0]), 1));
  const good = { shape: [2, 3] as const, rowPointers: [0, 1, 2], columnIndices: [2, 0] };
  await refused(ShapeError, /2 rows need 3 rowPointers, but there are 2/, () =>
    csrMatrix({ ...good, rowPointers: [0, 2] }),
  );
  await refused(ArgumentError, /from 0 to the number of entries, 2, but go from 0 to 3/, () =>
    csrMatrix({ ...good, rowPointers: [0, 1, 3] }),
  );
  await refused(ArgumentError, /row 1 goes from entry 4 to 2/, () =>
    csrMatrix({ ...good, rowPointers: [0, 4, 2] }),
  );
  await refused(ArgumentError, /entry 0 is in column 3, but there are 3 columns/, () =>
    csrMatrix({ ...good, columnIndices: [3, 0] }),
  );
  await refused(ShapeError, /there are 2 columnIndices, but 1 values/, () =>
    csrMatrix({ ...good, values: [1] }),
  );
  const matrix = csrMatrix(good);
  await refused(ShapeError, /spmm: the sparse matrix is \[2, 3\], .* \[3, features\], got \[2, 2\]/, () =>
    spmm(matrix, ones([2, 2])),
  );
  await refused(ShapeError, /spmm: the dense matrix must be \[columns, features\], got \[3\]/, () =>
    spmm(matrix, ones([3])),
  );
  await refused(ShapeError, /spmm: the matrix has 2 entries, but its values are \[3\]/, () =>
    spmm({ ...matrix, values: ones([3]) }, ones([3, 2])),
  );
  await refused(DtypeError, /spmm: expected float32, got int32/, () =>
    spmm(matrix, ones([3, 2], { dtype: "int32" })),
  );
});

test.run();
