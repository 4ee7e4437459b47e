import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { globals } from "webgpu";
import { openDevice, withDevice } from "../engine/currentDevice.ts";
import { AdapterError, ArgumentError, DeviceLostError, KernelError, LimitError } from "../engine/errors.ts";
import { openDevice as openOther } from "../engine/gpu/device.ts";
import { kernel } from "../engine/gpu/kernel.ts";
import { Linear } from "../engine/nn/layers.ts";
import { add, neg } from "../engine/ops/arithmetic.ts";
import { filled } from "../engine/ops/elementwise.ts";
import { sum } from "../engine/ops/reduce.ts";
import { SGD } from "../engine/optim/sgd.ts";
import { uniform } from "../engine/random.ts";
import { ones, tensor } from "../engine/tensor.ts";
import { temporaryFolder } from "./data-helpers.ts";
import { collectGarbage, refused, runScript } from "./engine-helpers.ts";

const gpu = await openDevice();
test.after(() => gpu.close());

test("an adapter has a name, a kind, features and limits", () => {
  const { name, kind, features, limits } = gpu.adapter;
  assert.ok(name.length > 0);
  assert.ok(kind === "cpu" || kind === "gpu");
  assert.is(kind === "cpu", /llvmpipe|swiftshader|basic render/i.test(name));
  assert.ok(features.every((feature) => ["shader-f16", "subgroups", "timestamp-query"].includes(feature)));
  assert.ok(limits.maxStorageBufferBindingSize >= 2 ** 27);
  assert.is(limits.maxComputeWorkgroupsPerDimension, 65_535);
  assert.is(gpu.tiling, kind === "cpu" ? "registers" : "workgroup");
});

test("an adapter can be chosen by part of its name, and one that is not there is refused", async () => {
  const word = gpu.adapter.name.split(/\W/)[0].toUpperCase();
  const chosen = await openOther({ adapter: word });
  assert.is(chosen.adapter.name, gpu.adapter.name);
  await chosen.close();
  await refused(
    AdapterError,
    /no WebGPU adapter has "voodoo 3" in its name; there are: .+\n {2}help: leave/,
    () => openOther({ adapter: "voodoo 3" }),
  );
});

/** Nothing on standard error, which is read through a pipe: with a socket, Dawn's own warnings would be there. */
const tryToOpen = "await openDevice().catch((error) => console.log(error.name + ': ' + error.message));";

test("WGRAD_ADAPTER chooses as well, and nothing else speaks", () => {
  const { stdout } = runScript(tryToOpen, { WGRAD_ADAPTER: "voodoo" }, "2>&1 | cat");
  assert.match(
    stdout,
    /^AdapterError: no WebGPU adapter has "voodoo" in its name; there are: .*\n {2}help: .*WGRAD_ADAPTER.*\n$/,
  );
});

const openAndClose =
  "const gpu = await openDevice(); await gpu.flush(); await gpu.close(); console.log('closed');";

test("Dawn's warnings at the start do not reach standard error", () => {
  assert.is(runScript(openAndClose, {}, "2>&1 | cat").stdout, "closed\n");
});

test("a file that takes both outputs has every line, in order", () => {
  const file = join(temporaryFolder(), "log");
  const script = `console.log("out 1"); console.error("err 1"); ${openAndClose} console.error("err 2");`;
  runScript(script, { FILE: file }, '>"$FILE" 2>&1');
  const lines = readFileSync(file, "utf8").split("\n");
  assert.equal(
    lines.filter((line) => !line.startsWith("Warning: ")),
    ["out 1", "err 1", "closed", "err 2", ""],
  );
});

test("what is not known to be harmless does reach it", () => {
  const { stdout } = runScript(openAndClose, { VK_LOADER_DEBUG: "info" }, "2>&1 >/dev/null | cat");
  assert.match(stdout, "Vulkan Loader Version");
});

test("after close() Node ends by itself", () => {
  const { status, signal, stdout } = runScript(openAndClose);
  assert.equal({ status, signal, stdout }, { status: 0, signal: null, stdout: "closed\n" });
});

test("a machine without an adapter is told what to do", () => {
  const { status, stdout } = runScript(tryToOpen, { VK_DRIVER_FILES: "/nonexistent" });
  assert.match(stdout, /^AdapterError: .* no adapter\n {2}help: .*wgrad setup/);
  assert.is(status, 0);
});

/** A device, and the WebGPU object behind it, caught as it makes its first buffer. */
async function openWithHandle() {
  const { prototype } = (globals as { GPUDevice: { prototype: GPUDevice } }).GPUDevice;
  const { createBuffer } = prototype;
  let handle: GPUDevice | undefined;
  prototype.createBuffer = function (descriptor) {
    handle = this;
    return createBuffer.call(this, descriptor);
  };
  try {
    return { gpu: await openOther(), handle: handle! };
  } finally {
    prototype.createBuffer = createBuffer;
  }
}

test("a lost device is an error for pending and later calls, and another one can be opened", async () => {
  const { gpu: doomed, handle } = await openWithHandle();
  const x = tensor([1, 2, 3], { gpu: doomed });
  const pending = [neg(x).data(), doomed.flush(), sum(x).item()];
  handle.destroy();
  const failures = (await Promise.allSettled(pending)).flatMap((call) =>
    call.status === "rejected" ? [call.reason] : [],
  );
  assert.ok(failures.length > 0);
  for (const failure of failures) assert.instance(failure, DeviceLostError, `${failure}`);
  for (const call of [() => x.data(), () => doomed.flush(), () => neg(x), () => tensor([1], { gpu: doomed })])
    await refused(DeviceLostError, /the device was closed\n {2}help: open a new one/, call);
  await doomed.close();
  const next = await openOther();
  assert.equal(await neg(tensor([1, 2], { gpu: next })).toArray(), [-1, -2]);
  await next.close();
});

test("closing waits for what is under way; twice is once, and later calls are refused", async () => {
  const other = await openOther();
  const x = tensor([3, 4], { gpu: other });
  const reading = sum(x).item();
  await Promise.all([other.close(), other.close()]);
  await other.close();
  assert.is(await reading, 7);
  await refused(DeviceLostError, /the device was closed/, () => x.data());
});

test("a kernel that does not compile is an error with its line at the next read, whoever handed it over", async () => {
  for (const give of ["read", "flush", "nothing"]) {
    const other = await openOther();
    const x = tensor([1], { gpu: other });
    const source = `@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@compute @workgroup_size(1) fn main() {
  x[0] = missing;
}`;
    other.dispatch({
      kernel: kernel("broken", [source]),
      buffers: [x.storage.memory],
      uniforms: {},
      workgroups: 1,
      flops: 0,
    });
    if (give === "flush") {
      other.flush().catch(() => {}); // as optimizer.step() does
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    if (give === "nothing") for (let i = 0; i < 300; i++) filled(other, [1], i); // hands over by itself
    const words = /the kernel broken does not compile:\n\s+3 \| {3}x\[0\] = missing;\n\s+\| {10}\^ .*missing/;
    await refused(KernelError, words, () => x.data());
    await refused(KernelError, words, () => tensor([1], { gpu: other }));
    await other.close();
    await collectGarbage(); // what Dawn has under way survives it
  }
});

test("more than 65,535 workgroups compute every element", async () => {
  const count = 65_536 * 256 + 5;
  const values = new Float32Array(count).map((_, i) => i % 1021);
  const result = await neg(tensor(values)).data();
  assert.is(result.length, count);
  assert.is(
    result.findIndex((value, i) => value !== -(i % 1021)),
    -1,
  );
});

test("a tensor that no buffer can hold is refused, with the numbers", () => {
  const limit = gpu.adapter.limits.maxBufferSize;
  const count = Math.floor(limit / 4) + 1;
  const before = gpu.memory();
  const shown = (4 * count).toLocaleString("en");
  assert.throws(
    () => uniform([count]),
    (error: Error) =>
      error instanceof LimitError &&
      error.message.includes(`a tensor of ${shown} bytes`) &&
      error.message.includes(limit.toLocaleString("en")) &&
      error.message.includes("help: "),
  );
  assert.equal(gpu.memory(), before);
});

test("consecutive operations are one pass and one submission", async () => {
  const x = tensor([1]);
  await add(x, neg(x)).data(); // the kernels are compiled
  const before = gpu.counters();
  let y = x;
  for (let i = 0; i < 100; i++) y = add(y, neg(x));
  assert.is(await y.item(), -99);
  const after = gpu.counters();
  assert.is(after.dispatches - before.dispatches, 200);
  assert.is(after.passes - before.passes, 1);
  assert.is(after.submits - before.submits, 1);
  assert.is(after.pipelines, before.pipelines);
});

test("tensors are made on the device of withDevice", async () => {
  const other = await openOther();
  const there = withDevice(other, () => tensor([5]));
  assert.is(there.gpu, other);
  assert.is(tensor([5]).gpu, gpu);
  assert.throws(() => add(there, tensor([5])), /add: its tensors live on different devices/);
  await other.close();
});

test("what was saved on one device is not loaded on another without a word", async () => {
  const other = await openOther();
  const build = () => {
    const layer = new Linear(2, 1);
    const optimizer = new SGD(layer.parameters(), { learningRate: 1, momentum: 0.9 });
    sum(layer.call(ones([1, 2]))).backward();
    optimizer.step();
    return { layer, optimizer };
  };
  const [here, there] = [build(), withDevice(other, build)];
  const before = await here.layer.weight.data();
  await refused(ArgumentError, /loadStateDict: its tensors live on different devices/, () =>
    here.layer.loadStateDict(there.layer.stateDict()),
  );
  await refused(ArgumentError, /SGD: its tensors live on different devices/, () =>
    here.optimizer.loadStateDict(there.optimizer.stateDict()),
  );
  assert.equal(await here.layer.weight.data(), before);
  await other.close();
});

test("whoever reads while the device is closed is told that, whenever it comes", async () => {
  for (let round = 0; round < 5; round++) {
    const other = await openOther();
    const x = tensor([1], { gpu: other });
    const closing = other.close();
    await refused(DeviceLostError, /the device was closed\n {2}help: open a new one/, async () => {
      for (;;) await add(x, x).data();
    });
    await closing;
  }
});

test.run();
