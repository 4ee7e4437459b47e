import { test } from "uvu";
import * as assert from "uvu/assert";
import { openDevice } from "../engine/currentDevice.ts";
import { sizeClass } from "../engine/gpu/buffers.ts";
import { kernel } from "../engine/gpu/kernel.ts";
import { foldWorkgroups } from "../engine/gpu/queue.ts";
import { leakyRelu } from "../engine/ops/activations.ts";
import { add, mul, neg } from "../engine/ops/arithmetic.ts";
import { type Tensor, tensor } from "../engine/tensor.ts";

const gpu = await openDevice();
test.after(() => gpu.close());

/** The numbers 1 to `count` times `factor`. */
function counted(count: number, factor = 1): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => factor * (i + 1));
}

/** Gives a command after which x depends on everything that was done with it, and in which order. */
function append(x: Tensor, name: string, value: number): void {
  const source = `struct Uniforms { value: u32 }
@group(0) @binding(0) var<storage, read_write> x: array<u32>;
@compute @workgroup_size(1) fn main() { x[0] = 31u * x[0] + uniforms.value; }`;
  gpu.dispatch({
    kernel: kernel(name, [source]),
    buffers: [x.storage.memory],
    uniforms: { value },
    workgroups: 1,
    flops: 0,
  });
}

function appended(start: number, values: readonly number[]): number {
  return values.reduce((hash, value) => (Math.imul(31, hash) + value) >>> 0, start);
}

function word(value: number): Tensor {
  return tensor(Uint32Array.of(value));
}

/** A release that does not wait for the collector. */
function release(x: Tensor): void {
  x.storage.release("the test has released it");
}

for (const kernels of ["still compile", "are compiled"]) {
  test(`an upload into memory that waiting commands read comes after them; kernels ${kernels}`, async () => {
    const first = tensor(counted(100));
    const { id } = first.storage.memory;
    const doubled = mul(first, 2);
    release(first);
    const second = tensor(counted(100, 1000));
    assert.is(second.storage.memory.id, id, "the pool hands the memory on");
    const tripled = mul(second, 3);
    release(second);
    const third = tensor(counted(100, -1));
    assert.is(third.storage.memory.id, id, "and again");
    assert.equal(await doubled.data(), counted(100, 2));
    assert.equal(await tripled.data(), counted(100, 3000));
    assert.equal(await third.data(), counted(100, -1));
  });
}

test("an upload is copied before the call returns", async () => {
  const values = counted(10);
  const x = tensor(values);
  const y = neg(x); // a command on x's memory: the next upload into it has to wait
  gpu.upload(
    x.storage.memory,
    values.map((value) => 2 * value),
  );
  const later = counted(10, 3);
  gpu.upload(x.storage.memory, later);
  later.fill(0);
  assert.equal(await y.data(), counted(10, -1));
  assert.equal(await x.data(), counted(10, 3));
});

test("an upload into memory that nothing waits for does not cut the pass in two", async () => {
  await add(tensor(counted(4)), tensor(counted(4))).data(); // the kernel is compiled
  const before = gpu.counters();
  const parts = [1, 2, 3, 4].map((factor) => neg(add(tensor(counted(4, factor)), tensor(counted(4)))));
  assert.equal(await parts[3].data(), counted(4, -5));
  assert.equal(await parts[0].data(), counted(4, -2));
  assert.is(gpu.counters().passes - before.passes, 1);
  assert.is(gpu.counters().uploads - before.uploads, 8);
});

test("more commands than the uniform arena has places run in order, each with its own uniforms", async () => {
  const values = Array.from({ length: 1300 }, (_, i) => (i * 7919) % 10_007);
  for (const compiled of [false, true]) {
    const x = word(1);
    const before = gpu.counters();
    for (const value of values) append(x, "appendMany", value);
    assert.is((await x.data<Uint32Array>())[0], appended(1, values));
    const after = gpu.counters();
    assert.is(after.dispatches - before.dispatches, values.length);
    // While the kernel compiles all of them wait, for three fillings of 512 places; later they go in lots of 256.
    assert.is(after.submits - before.submits, compiled ? 6 : 3);
  }
});

for (const [before, after] of [
  [256, 225],
  [225, 256],
]) {
  test(`memory of ${before} elements serves ${after} while commands wait, and both see their own size`, async () => {
    const first = tensor(counted(before));
    const { id, capacity } = first.storage.memory;
    assert.is(sizeClass(4 * after), capacity);
    const negated = neg(first);
    const result = negated.storage.memory.id;
    release(first);
    const second = tensor(counted(after, 10));
    assert.is(second.storage.memory.id, id);
    const read = negated.data();
    release(negated);
    const other = neg(second); // the same kernel on the same two buffers
    assert.is(other.storage.memory.id, result);
    assert.equal(await read, counted(before, -1));
    assert.equal(await other.data(), counted(after, -10));
  });
}

test("reads that overlap each get their own numbers", async () => {
  const x = word(5);
  const reads: Promise<Uint32Array>[] = [];
  const expected: number[] = [];
  for (let i = 0; i < 50; i++) {
    append(x, "appendRead", i);
    expected.push(appended(expected[i - 1] ?? 5, [i]));
    reads.push(x.data<Uint32Array>(), x.data<Uint32Array>());
    if (i % 7 === 0) await gpu.flush();
  }
  const found = (await Promise.all(reads)).map(([value]) => value);
  assert.equal(
    found,
    expected.flatMap((value) => [value, value]),
  );
});

test("commands wait for the kernels of those before them", async () => {
  const x = word(7);
  append(x, "appendReady", 0);
  await x.data(); // compiled
  const reads: Promise<Uint32Array>[] = [];
  for (const value of [1, 2, 3, 4, 5, 6]) {
    // Every other kernel is new; nobody waits for any hand-over.
    append(x, value % 2 === 0 ? "appendReady" : `appendNew${value}`, value);
    if (value % 2 === 0) reads.push(x.data<Uint32Array>());
    if (value === 4) gpu.upload(x.storage.memory, Uint32Array.of(100));
    gpu.flush().catch(assert.unreachable);
    // Hand-overs begin, but no compilation ends.
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  }
  assert.equal(
    (await Promise.all(reads)).map(([value]) => value),
    [appended(7, [0, 1, 2]), appended(7, [0, 1, 2, 3, 4]), appended(100, [5, 6])],
  );
});

test("an upload does not overtake a read that waits behind a kernel", async () => {
  const [x, y] = [word(1), word(3)];
  append(x, "appendSlow", 1);
  const read = y.data<Uint32Array>();
  gpu.upload(y.storage.memory, Uint32Array.of(4));
  assert.is((await read)[0], 3);
  assert.is((await y.data<Uint32Array>())[0], 4);
});

test("a kernel is compiled once for all its shapes, and once more for another constant", async () => {
  await leakyRelu(tensor([1]), 0.5).data();
  const { pipelines } = gpu.counters();
  for (const count of [1, 5, 64, 1000]) await leakyRelu(tensor(counted(count)), 1 / count).data();
  assert.is(gpu.counters().pipelines, pipelines);
  append(word(1), "appendCount", 1);
  append(word(1), "appendCount", 2);
  await gpu.flush();
  assert.is(gpu.counters().pipelines, pipelines + 1);
});

test("workgroups fold into two dimensions that cover them all", () => {
  for (const count of [0, 1, 65_534, 65_535, 65_536, 131_070, 131_071, 2 ** 31]) {
    const [x, y] = foldWorkgroups(count, 65_535);
    assert.ok(x <= 65_535 && y <= 65_535 && x * y >= count, `${count}: ${x} × ${y}`);
    assert.ok(x * y - count < y, `${count}: ${x} × ${y} are too many`);
  }
});

test("a size class holds its sizes, and wastes at most a fifth", () => {
  for (let bytes = 16; bytes < 2 ** 21; bytes = Math.ceil((bytes * 1.07) / 16) * 16) {
    const capacity = sizeClass(bytes);
    assert.ok(capacity >= bytes && sizeClass(capacity) === capacity, `${bytes}: ${capacity}`);
    assert.ok(bytes <= 256 || bytes >= 0.8 * capacity, `${bytes}: ${capacity}`);
  }
});

test.run();
