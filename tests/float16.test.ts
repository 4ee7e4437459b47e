/** float16: what operations compute on it, what it makes of numbers, and what becomes of it beside other dtypes. */
import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { hashed } from "../bench/hashed.ts";
import { checkOps } from "../engine/checks.ts";
import { openDevice } from "../engine/currentDevice.ts";
import { DtypeError, LimitError } from "../engine/errors.ts";
import { openDevice as openOther } from "../engine/gpu/device.ts";
import { relu } from "../engine/ops/activations.ts";
import { add, mul } from "../engine/ops/arithmetic.ts";
import { conv2d, conv2dChecks } from "../engine/ops/conv2d.ts";
import { to } from "../engine/ops/convert.ts";
import { convTranspose2dChecks } from "../engine/ops/convTranspose2d.ts";
import { expand } from "../engine/ops/layout.ts";
import { mseLoss } from "../engine/ops/losses.ts";
import { linear, matmul, matmulChecks } from "../engine/ops/matmul.ts";
import { mean, sum } from "../engine/ops/reduce.ts";
import { type AnyChecks, opChecks } from "../engine/ops/table.ts";
import { type Tensor, tensor, zeros } from "../engine/tensor.ts";
import { showRows } from "./checks-helpers.ts";
import { close, refused } from "./engine-helpers.ts";

const gpu = await openDevice();
test.after(() => gpu.close());
/** As an adapter without float16 would have it. */
const lesser = { ...gpu, adapter: { ...gpu.adapter, features: [] } };

/** Of these a kernel takes seconds to compile, and all samples stand in tests/full. */
const heavy: readonly AnyChecks[] = [matmulChecks, conv2dChecks, convTranspose2dChecks];

function half(values: number[] | Float32Array, shape = [values.length]): Tensor {
  return to(tensor(Float32Array.from(values), { shape }), "float16");
}

test("every operation that takes float16 agrees with its float64 reference and with central differences", async () => {
  const operations = (opChecks as readonly AnyChecks[]).map((checks) =>
    heavy.includes(checks) ? { ...checks, samples: () => checks.samples().slice(0, 2) } : checks,
  );
  const { count, failed } = await showRows(checkOps(gpu, { operations, float16: true }));
  assert.is(failed, 0, `${failed} of ${count} rows failed: they stand above`);
  assert.ok(count > 200, `only ${count} rows`);
});

test("a linear layer on float16 keeps weights and their gradients in float32", async () => {
  // As operands have it that are float16 for the most part: the weight is not converted.
  const { op } = matmulChecks;
  const samples = () =>
    matmulChecks.samples().filter(({ options }) => options.transposeB && options.activation);
  const operations = [{ ...matmulChecks, op: { ...op, halves: 1 }, samples }];
  const { count, failed } = await showRows(checkOps(gpu, { operations, float16: true }));
  assert.is(failed, 0);
  assert.ok(count >= 3, `only ${count} rows`);

  const weight = tensor(hashed([3, 5], 1), { shape: [3, 5], requiresGrad: true });
  const y = linear(half(hashed([4, 5], 2), [4, 5]), weight);
  assert.is(y.dtype, "float16");
  mean(y).backward();
  assert.is(weight.grad!.dtype, "float32");
});

test("numbers come back as they are, the smallest and the largest too; what is beyond becomes infinite", async () => {
  const exact = [0, -0, 1, -2.5, 65504, -65504, 2 ** -14, 2 ** -24, -3 * 2 ** -24, 1 + 2 ** -10];
  const beyond = [1e5, -1e5, Number.POSITIVE_INFINITY, Number.NaN, 1e-9];
  const back = await half([...exact, ...beyond]).data();
  assert.instance(back, Float32Array);
  const infinite = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  assert.equal([...back], [...exact, ...infinite, Number.NaN, 0]);
  assert.is(await to(half([0.5]), "float32").item(), 0.5);
  assert.equal([...(await to(half([-2.75, 7.5, 3]), "int32").data())], [-2, 7, 3]);
});

test("rounding is to a neighbour: at most 2^-10 of the number away", async () => {
  const values = hashed([999], 3).map((value) => 100 * value);
  const back = await half(values).data();
  values.forEach((value, i) => {
    assert.ok(Math.abs(back[i] - value) <= 2 ** -10 * Math.abs(value), `${value} became ${back[i]}`);
  });
});

test("its numbers and its gradients are PyTorch's", async () => {
  const fixture = JSON.parse(
    readFileSync(new URL("./fixtures/pytorch/float16.json", import.meta.url), "utf8"),
  );
  const x = tensor(Float32Array.from(fixture.x), { requiresGrad: true });
  const y = to(x, "float16");
  const gradient = half(fixture.gradient);
  y.backward(gradient);
  for (const [found, expected] of [
    [await y.data(), fixture.y],
    [await x.grad!.data(), fixture.dx],
  ]) {
    found.forEach((value: number, i: number) => {
      // The same one, or the other neighbour, which WGSL allows; below 2^-14 they are 2^-24 apart.
      const spacing = Math.max(2 ** -10 * Math.abs(expected[i]), 2 ** -24);
      assert.ok(Math.abs(value - expected[i]) <= spacing, `number ${i} is ${value}, not ${expected[i]}`);
    });
  }
});

test("takes half of the memory", () => {
  const before = gpu.memory().bytesInUse;
  const kept = half(new Float32Array(2 ** 18)).keep();
  const taken = gpu.memory().bytesInUse - before - 4 * 2 ** 18; // beside the one that it was made of
  assert.is(taken, 2 * 2 ** 18);
  assert.is(kept.toString(), "Tensor([262144], float16)");
});

test("beside float32 it becomes float32, and so do sums and losses", async () => {
  const x = half([1, 2, 3]);
  const sums = [add(x, tensor([0.5, 0.5, 0.5])), add(tensor([0.5, 0.5, 0.5]), x)];
  for (const result of sums) {
    assert.is(result.dtype, "float32");
    assert.equal([...(await result.data())], [1.5, 2.5, 3.5]);
  }
  assert.equal([mul(x, 2).dtype, sum(x).dtype, mean(x).dtype], ["float16", "float32", "float32"]);
  assert.is(await mseLoss(x, tensor([1, 2, 5])).item(), Math.fround(4 / 3));
  // A sum of float16 would stand still at 2,048.
  assert.is(await sum(expand(half([1]), [5000])).item(), 5000);
});

test("gradients go through it to float32, over several paths, and come back the same dtype", async () => {
  const x = tensor([1, -2, 3], { requiresGrad: true });
  const y = to(x, "float16");
  sum(add(mul(y, y), relu(y))).backward();
  assert.is(x.grad!.dtype, "float32");
  assert.equal([...(await x.grad!.data())], [3, -4, 7]);
  const z = to(x, "float16");
  await refused(DtypeError, /the gradient must be float16, not float32/, () => z.backward(zeros([3])));
});

test("is cut into slices where a kernel binds less: the same bits", async () => {
  const limited = await openOther({ largestBinding: 2 ** 16 });
  const values = hashed([40_001], 4);
  const made = async (device: typeof gpu) => {
    const x = tensor(values, { gpu: device });
    const y = relu(add(to(x, "float16"), to(x, "float16")));
    const a = to(tensor(values.slice(0, 30_000), { shape: [300, 100], gpu: device }), "float16");
    const b = tensor(values.slice(0, 20_100), { shape: [201, 100], gpu: device });
    return [await y.data(), await matmul(a, b, { transposeB: true }).data()];
  };
  assert.equal(await made(limited), await made(gpu));
  await limited.close();
});

for (const tiling of ["registers", "workgroup"] as const) {
  test(`tile loops (${tiling}) make of float16 what they make of the same numbers as float32, rounded`, async () => {
    const device = { ...gpu, tiling };
    const made = async (dtype: "float16" | "float32") => {
      const leaf = (shape: number[], salt: number) =>
        tensor(hashed(shape, salt), { shape, gpu: device, requiresGrad: true });
      const [a, weight, bias] = [leaf([130, 70], 1), leaf([140, 70], 2), leaf([140], 3)];
      const [images, filters] = [leaf([3, 4, 12, 12], 4), leaf([20, 4, 3, 3], 5)];
      const rounded = (x: Tensor) => to(to(x, "float16"), dtype);
      const products = [
        linear(rounded(a), weight, bias),
        conv2d(rounded(images), filters, undefined, { stride: 2, padding: 1 }),
      ];
      for (const [i, product] of products.entries())
        product.backward(
          rounded(tensor(hashed(product.shape, 6 + i), { shape: product.shape, gpu: device })),
        );
      const leaves = [a, weight, bias, images, filters];
      return Promise.all([...products, ...leaves.map(({ grad }) => grad!)].map((x) => x.data()));
    };
    const [found, expected] = [await made("float16"), await made("float32")];
    expected.forEach((values, i) => {
      close(found[i], values, `tensor ${i}`, 2 ** -10);
    });
  });
}

test("a product with a long sum is added up in float32", async () => {
  const x = half(hashed([3, 5000], 5), [3, 5000]);
  const weight = tensor(hashed([2, 5000], 6), { shape: [2, 5000] });
  const found = await linear(x, weight).data();
  close(found, await linear(to(x, "float32"), weight).data(), "the product", 2 ** -10);
});

test("an adapter without it says so, and what to do", async () => {
  const x = tensor([1, 2], { gpu: lesser });
  await refused(
    LimitError,
    /has no float16 \(WebGPU's feature "shader-f16"\)\n {2}help: stay with float32/,
    () => to(x, "float16"),
  );
  await refused(DtypeError, /the host has no numbers of float16\n {2}help: make a float32 tensor/, () =>
    zeros([2], { dtype: "float16" }),
  );
});

test.run();
