/** Times of dispatches, the layers that they are told by, and `wgrad profile` as a real process. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openDevice } from "../engine/currentDevice.ts";
import { ArgumentError, ShapeError } from "../engine/errors.ts";
import type { DispatchTime } from "../engine/gpu/gpu.ts";
import { planDevice } from "../engine/gpu/plan.ts";
import { Linear, Module, Sequential } from "../engine/nn/index.ts";
import { ReLU } from "../engine/nn/layers.ts";
import { add, mul, neg, square } from "../engine/ops/arithmetic.ts";
import { matmul } from "../engine/ops/matmul.ts";
import { mean, sum } from "../engine/ops/reduce.ts";
import { Adam } from "../engine/optim/adam.ts";
import { clipGradNorm } from "../engine/optim/clip.ts";
import { manualSeed } from "../engine/random.ts";
import { ones, type Tensor, tensor } from "../engine/tensor.ts";
import { summarizeAtWork } from "../models/footprint.ts";
import { profileStep } from "../models/profile.ts";
import { findModel } from "../models/registry.ts";
import { assertRefused, here, outputOf, parseLines, succeeded, wgrad } from "./cli-helpers.ts";
import { refused } from "./engine-helpers.ts";

const gpu = await openDevice();
test.after(() => gpu.close());

const secondsOf = (times: readonly DispatchTime[]) =>
  times.reduce((total, { start, end }) => total + (end - start), 0) / 1e9;

// ---- Gpu.profile ----

test("profile: every dispatch that is given in it, in order, on a clock that fits the host's", async () => {
  const [a, b] = [ones([512, 512]), ones([512, 512])];
  await matmul(a, b).data(); // compiles it
  void mul(a, 3); // not asked for
  const began = performance.now();
  const times = await gpu.profile(() => matmul(add(a, a), b));
  const seconds = (performance.now() - began) / 1000;
  assert.equal(
    times.map(({ kernel }) => kernel.split(",")[0]),
    ["add", "matmul"],
  );
  const [sum, product] = times;
  assert.is(sum.start, 0);
  assert.ok(sum.end > 0 && product.start >= sum.end && product.end > product.start, JSON.stringify(times));
  assert.is(product.flops, 2 * 512 ** 3);
  assert.is(product.bytes, 3 * 4 * 512 ** 2);
  assert.ok(product.workgroups > 1);
  assert.ok(secondsOf(times) < seconds, `${secondsOf(times)} s of kernels in ${seconds} s`);
});

test("profile: the longer of two kernels takes longer, whatever else the machine does meanwhile", async () => {
  const [a, b] = [ones([512, 512]), ones([512, 512])];
  const runs: DispatchTime[][] = [];
  while (runs.length < 5) runs.push(await gpu.profile(() => matmul(add(a, a), b)));
  const [sum, product] = [0, 1].map((index) => Math.min(...runs.map((times) => secondsOf([times[index]]))));
  assert.ok(product > sum, `${product} s for a product, ${sum} s for a sum`);
});

test("profile: memory that a kernel binds twice counts once", async () => {
  const x = ones([64]);
  const [time] = await gpu.profile(() => mul(x, x));
  assert.is(time.bytes, 2 * 4 * 64);
});

test("profile: as many dispatches as one likes, across submissions, and numbers stay what they are", async () => {
  const before = gpu.counters();
  let x = tensor([1, 2, 3, 4]);
  const times = await gpu.profile(async () => {
    for (let i = 0; i < 1300; i++) {
      x = neg(x);
      if (i === 700) await x.data();
    }
  });
  assert.equal(await x.data(), Float32Array.of(1, 2, 3, 4));
  assert.is(times.length, 1300);
  for (const [index, { kernel, start, end }] of times.entries()) {
    assert.is(kernel, "neg");
    assert.ok(start >= (times[index - 1]?.end ?? 0) && end >= start, `dispatch ${index}`);
  }
  assert.is(gpu.counters().passes - before.passes, 1300);
});

test("profile: nothing in it, an error in it, and one within another", async () => {
  assert.equal(await gpu.profile(() => {}), []);
  const wrong = new Error("on purpose");
  const failed = await gpu
    .profile(() => {
      throw wrong;
    })
    .catch((error) => error);
  assert.is(failed, wrong);
  await gpu.profile(() => refused(ArgumentError, /profiled already/, () => gpu.profile(() => {})));
  const before = gpu.counters();
  assert.equal(await add(tensor([1]), tensor([2])).data(), Float32Array.of(3));
  assert.is(gpu.counters().passes - before.passes, 1);
  await refused(ArgumentError, /no times on a plan/, () => planDevice().profile(() => {}));
});

// ---- origins ----

class Pair extends Module {
  readonly body = new Sequential(new Linear(8, 16), new ReLU());
  readonly head = new Linear(16, 2);

  forward(x: Tensor): Tensor {
    return square(this.head.call(this.body.call(x)));
  }
}

test("origins: each command knows its layer and phase, backward as well", async () => {
  const model = new Pair();
  const optimizer = new Adam(model.parameters(), { learningRate: 0.1 });
  const times = await gpu.profile(() => {
    mean(model.call(ones([4, 8]))).backward();
    clipGradNorm(optimizer.parameters, 1);
    optimizer.step();
  });
  const paths = new Map<object | undefined, string>(
    [...model.namedModules()].map(([path, module]) => [module, path || "model"]),
  );
  const places = times.map(({ origin }) => `${paths.get(origin!.module) ?? "none"} ${origin!.phase}`);
  assert.equal(
    places.filter((place, index) => place !== places[index - 1]),
    [
      ...["body.0 forward", "body.1 forward", "head forward", "model forward", "none forward"],
      ...["none backward", "model backward", "head backward", "body.1 backward", "body.0 backward"],
      "none update",
    ],
  );
});

test("origins: an error in a layer does not leave its name on what follows", async () => {
  const model = new Pair();
  await refused(ShapeError, /^body\.0: /, () => model.call(ones([4, 7])));
  const [time] = await gpu.profile(() => sum(ones([4])));
  assert.equal(time.origin, { module: undefined, phase: "forward" });
});

// ---- a training step ----

test("profileStep: all dispatches and FLOPs of a step, layer by layer, and the same bits as without", async () => {
  const registered = findModel("lenet5");
  if (registered.data !== "images") throw new Error("a model of images");
  const shape = { inputShape: [1, 28, 28], classes: [..."0123456789"] };
  const recipe = { ...registered.recipe, batchSize: 4 };
  const open = () => registered.open(shape, {});
  const before = gpu.counters();
  const { dispatches, timeline, seconds, hostSeconds } = await profileStep(open(), recipe, 1);
  const after = gpu.counters();
  assert.ok(dispatches.every((dispatch) => dispatch.seconds > 0));
  assert.ok(hostSeconds > 0 && hostSeconds < seconds);
  // Flattening is no work, and activations end the kernels of the layers before.
  const { rows } = summarizeAtWork(open);
  const layers = rows.filter(({ layer }) => !/^(Tanh|Flatten)/.test(layer)).map(({ path }) => path);
  assert.equal([...new Set(dispatches.flatMap(({ layer }) => layer ?? []))], layers);
  for (const phase of ["forward", "backward"]) {
    const places = dispatches.filter((dispatch) => dispatch.phase === phase).map(({ layer }) => layer);
    assert.is(new Set(places).size, layers.length + 1, `${phase}: every layer, and the loss`);
  }
  assert.equal(
    timeline.map(({ kernel, layer, phase }) => [kernel, layer, phase]),
    dispatches.map(({ kernel, layer, phase }) => [kernel, layer, phase]),
  );
  // Of steps as usual, and of steps whose commands stay apart: two to warm up, and one.
  const stepFlops = dispatches.reduce((sum, { flops }) => sum + flops, 0);
  assert.is(after.flops - before.flops, 6 * stepFlops);

  const losses = async (isProfiled: boolean) => {
    manualSeed(1);
    const atWork = open();
    const { update } = atWork.trainer(recipe, 4);
    const batch = atWork.example(4);
    let loss: Tensor | undefined;
    for (let step = 0; step < 3; step++) {
      const run = () => {
        loss = update(batch, () => step).loss;
      };
      if (isProfiled) await gpu.profile(run);
      else run();
    }
    return loss!.data();
  };
  assert.equal(await losses(true), await losses(false));
});

// ---- the command ----

interface Slice {
  readonly name: string;
  readonly tid: number;
  readonly ts: number;
  readonly dur: number;
  readonly args: Record<string, unknown>;
}

/** The slices of each row by its name: complete events that begin where others have ended, as Perfetto wants them. */
function readTrace(file: string): Map<string, Slice[]> {
  const { traceEvents } = JSON.parse(outputOf("", file).toString());
  const rows = new Map<string, Slice[]>();
  for (const { name, ph, tid, args } of traceEvents)
    if (ph === "M" && name === "thread_name") rows.set(args.name, traceEvents.filter(isSliceOf(tid)));
  assert.is(
    [...rows.values()].flat().length,
    traceEvents.filter(({ ph }: { ph: string }) => ph !== "M").length,
    "every event stands in a row that has a name",
  );
  for (const slices of rows.values()) {
    let end = 0;
    for (const { name, ts, dur } of slices) {
      assert.ok(typeof name === "string" && name !== "");
      assert.ok(ts >= end - 1e-6 && dur >= 0, `${name} begins at ${ts}, after ${end}, and takes ${dur}`);
      end = ts + dur;
    }
  }
  return rows;
}

const isSliceOf =
  (row: number) =>
  ({ ph, pid, tid, ts, dur }: { ph: string; pid: number; tid: number; ts: unknown; dur: unknown }) =>
    ph === "X" && tid === row && pid === 1 && typeof ts === "number" && typeof dur === "number";

test("wgrad profile: layers, kernels and a trace, for people and for programs", async () => {
  const text = succeeded(await wgrad("profile lenet5 --batch 4 --steps 1 --trace made/lenet5.json"));
  for (const line of [
    /^adapter {2}\S/m,
    /^at best {2}[\d.]+ [MGT]FLOP\/s \(matmul\), [\d.]+ [MGT]B\/s \(copy\)$/m,
    /^step {5}lenet5, 4 samples: [\d.]+ ms, JavaScript is busy for [\d.]+ ms of them$/m,
    /^kernels {2}\d+ dispatches, [\d.]+ ms: [\d.]+ % of the step$/m,
    /^features\.3 +Conv2d\(6, 16, 5\) +[\d.]+ +[\d.]+ +[\d.]+ +[\d.]+ % +[\d.]+ +[\d.]+ +[\d.]+ %$/m,
    /^optimiser +– +– +[\d.]+ +[\d.]+ % /m,
    /^adam +\d+ +[\d.]+ +[\d.]+ % /m,
    /^saved {4}made\/lenet5\.json \(open it at https:\/\/ui\.perfetto\.dev\)$/m,
  ])
    assert.match(text, line);
  const rows = readTrace("made/lenet5.json");
  assert.equal([...rows.keys()], ["phases", "layers", "kernels"]);
  assert.equal(
    rows.get("phases")!.map(({ name }) => name),
    ["forward", "backward", "update"],
  );
  assert.ok(rows.get("layers")!.some(({ name }) => name === "features.3 backward"));
  const kernels = rows.get("kernels")!;
  const count = Number(/^kernels {2}(\d+)/m.exec(text)![1]);
  assert.is(kernels.length, count);
  const { args } = kernels.find((slice) => slice.args.layer === "classifier.0")!;
  assert.equal(args.phase, "forward");
  assert.is(args.flops, 2 * 4 * 400 * 120 + 4 * 120, "with the Tanh at its end");
  assert.ok(Number(args["GFLOP/s"]) > 0 && Number(args["GB/s"]) > 0);

  const [adapter, told, saved, ...rest] = parseLines(
    succeeded(await wgrad("profile lenet5 --batch 4 --steps 1 --trace lenet5.json --json")),
  );
  assert.equal(rest, []);
  assert.equal(
    [adapter.event, told.event, saved],
    ["adapter", "profile", { event: "saved", path: "lenet5.json" }],
  );
  assert.equal([told.model, told.batchSize, told.dispatches.length], ["lenet5", 4, count]);
  assert.ok(told.peak.flopsPerSecond > 1e8 && told.peak.bytesPerSecond > 1e8);
  for (const part of [told.layers, told.kernels]) {
    for (const amount of ["seconds", "flops", "bytes"]) {
      const add = (rows: Record<string, number>[]) => rows.reduce((sum, row) => sum + row[amount], 0);
      assert.ok(Math.abs(add(part) / add(told.dispatches) - 1) < 1e-9, `all ${amount}`);
    }
    const shares = part.reduce((sum: number, { share }: { share: number }) => sum + share, 0);
    assert.ok(Math.abs(shares - 1) < 1e-9);
  }
});

test("wgrad profile: a graph model, and what it refuses", async () => {
  mkdirSync(join(here, "folder"), { recursive: true });
  const [graph, batch, model, steps, folder] = await Promise.all([
    wgrad("profile graph-autoencoder --steps 2 --set hidden=8 --json"),
    wgrad("profile graph-autoencoder --batch 2"),
    wgrad("profile lenet6"),
    wgrad("profile lenet5 --steps 0"),
    wgrad("profile autoencoder --batch 1 --steps 1 --trace folder"),
  ]);
  const told = parseLines(succeeded(graph)).at(-1);
  assert.equal([told.event, told.batchSize], ["profile", 1]);
  assert.ok(told.layers.some(({ layer }: { layer: string }) => layer === "hidden"));
  assertRefused(batch, 2, /takes the whole graph in every step, not a batch/);
  assertRefused(model, 2, /there is no model "lenet6"/);
  assertRefused(steps, 2, /must be a whole number, 1 or more/);
  assertRefused(folder, 1, /cannot write folder/);
  assert.is(folder.stdout, "", "before it measures anything");
});

test.run();
