/** Tunings: what is measured, kept and used, and what is refused; and `wgrad tune` as a real process. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { autocast } from "../engine/autocast.ts";
import { openDevice, withDevice } from "../engine/currentDevice.ts";
import { ArgumentError, DataError, OutputError } from "../engine/errors.ts";
import type { Gpu } from "../engine/gpu/gpu.ts";
import type { Convolution } from "../engine/ops/convolution.ts";
import { kernelShapes, nameOfShape } from "../engine/ops/kernelShapes.ts";
import { matmul } from "../engine/ops/matmul.ts";
import {
  type ConvolutionProduct,
  describeProduct,
  type MatmulProduct,
  type Product,
} from "../engine/ops/products.ts";
import { sizeOf } from "../engine/shape.ts";
import { type DType, emptyTensor, type Tensor, tensor, zeros } from "../engine/tensor.ts";
import { type Measured, measureProducts, prepareProduct, productsOf, tuningFrom } from "../engine/tune.ts";
import {
  decodeTuning,
  encodeTuning,
  kernelVersion,
  type Tuning,
  versionedSources,
} from "../engine/tuning.ts";
import { findModel } from "../models/registry.ts";
import {
  clearTunings,
  listTunings,
  readTuning,
  savedTuning,
  saveTuning,
} from "../models/savedTuning.node.ts";
import { productsOfStep } from "../models/tune.ts";
import common from "../shaders/common.wgsl";
import entry from "../shaders/entry.wgsl";
import rowSums from "../shaders/row_sums.wgsl";
import uniforms from "../shaders/uniforms.wgsl";
import { assertRefused, here, parseLines, succeeded, wgrad } from "./cli-helpers.ts";
import { close, collectGarbage, refused } from "./engine-helpers.ts";

const folder = join(here, "cache", "tuning");

const gpu = await openDevice();
test.after(() => gpu.close());

/** Of 40 · 520 and 520 · 70 numbers: more than a tile each way, and a sum that can be split. */
const product: MatmulProduct = {
  ...{ kind: "matmul", rows: 40, columns: 70, depth: 520, batches: 1 },
  ...{ transposeA: false, transposeB: false, isFused: false, wantsSums: false },
  dtypes: ["float32", "float32", "float32"],
};
const key = "matmul [40, 520] · [520, 70]";
const wave = (count: number) => Float32Array.from({ length: count }, (_, i) => Math.sin(i));
const multiply = () =>
  matmul(tensor(wave(40 * 520), { shape: [40, 520] }), tensor(wave(520 * 70), { shape: [520, 70] }));

const [usual, ...others] = kernelShapes(gpu, product).map(nameOfShape);
/** Another loop than the usual one, in one go: its kernel has another name. */
const other = others.find((name) => !name.includes("parts") && !usual.startsWith(name))!;

async function tuningWith(shape: string, of = key): Promise<Tuning> {
  return {
    ...{ adapter: gpu.adapter.name, tiling: gpu.tiling, kernels: await kernelVersion() },
    choices: { [of]: { shape, speedup: 2 } },
  };
}

async function withTuned<T>(tuning: Tuning, work: (device: Gpu) => Promise<T>): Promise<T> {
  const device = await openDevice({ tuning });
  try {
    return await work(device);
  } finally {
    await device.close();
  }
}

// ---- what is computed how ----

test("a tuning says by which kernel a product of its sizes is computed, and no other one", async () => {
  const kernelsOn = async (device: Gpu, work: () => Tensor) =>
    (await device.profile(() => withDevice(device, work))).map(({ kernel }) => kernel);
  const smaller = () => matmul(zeros([40, 520]), zeros([520, 69]));
  const expected = await withDevice(gpu, multiply).data();
  const [usualKernel] = await kernelsOn(gpu, multiply);
  const smallerKernels = await kernelsOn(gpu, smaller);
  assert.is(usualKernel, `matmul, ${usual.split(",")[0]}`);
  await withTuned(await tuningWith(other), async (device) => {
    assert.equal(await kernelsOn(device, multiply), [`matmul, ${other}`]);
    assert.equal(await kernelsOn(device, smaller), smallerKernels);
    const first = await withDevice(device, multiply).data();
    close(first, expected, other);
    await withTuned(await tuningWith(other), async (again) =>
      assert.equal(await withDevice(again, multiply).data(), first, "the same tuning, the same bits"),
    );
  });
});

test("parts of a sum can be chosen, too", async () => {
  const inParts = others.find((name) => name.endsWith(", 8 parts"))!;
  await withTuned(await tuningWith(inParts), async (device) => {
    const times = await device.profile(() => withDevice(device, multiply));
    assert.is(times.length, 2, "the product, and the sum of its parts");
    close(await withDevice(device, multiply).data(), await withDevice(gpu, multiply).data(), inParts);
  });
});

test("a tuning for another adapter, tiling or version, and a shape that there is not", async () => {
  const tuning = await tuningWith(other);
  const open = (changed: Partial<Tuning>) => () => withTuned({ ...tuning, ...changed }, async () => {});
  await refused(ArgumentError, /is for Voodoo 2, and this is /, open({ adapter: "Voodoo 2" }));
  const tiling = gpu.tiling === "registers" ? "workgroup" : "registers";
  await refused(ArgumentError, /the tiling/, open({ tiling }));
  await refused(ArgumentError, /another version of the kernels/, open({ kernels: "0" }));
  await withTuned(await tuningWith("magic"), (device) =>
    refused(ArgumentError, /has "magic" for matmul \[40, 520\]/, () => withDevice(device, multiply)),
  );
});

/** It can slide, and Winograd's algorithm can do it: channels in fours. */
const convolution: Convolution = {
  ...{ images: 2, inputChannels: 4, outputChannels: 8, groups: 1 },
  ...{ input: [9, 9], output: [9, 9], window: [3, 3], stride: [1, 1], padding: [1, 1], dilation: [1, 1] },
};
const directionsOf = (convolution: Convolution, dtype: DType = "float32"): ConvolutionProduct[] =>
  (["conv2d", "conv2dInputGradient", "conv2dWeightGradient"] as const).map((kind) => ({
    ...{ kind, convolution, dtype, wantsSums: kind === "conv2dWeightGradient" },
  }));
const adapter = { ...gpu.adapter, smallestSubgroup: 8 };

test("a convolution slides or goes by Winograd's algorithm, and the other way is one to choose", async () => {
  const many: Convolution = {
    ...{ ...convolution, images: 16, inputChannels: 64, outputChannels: 64, input: [8, 8], output: [8, 8] },
  };
  const namesOf = (asked: Product) =>
    kernelShapes({ ...gpu, adapter, tiling: "registers" }, asked).map(nameOfShape);
  for (const asked of directionsOf(convolution)) {
    const [usual, ...others] = namesOf(asked);
    assert.match(usual, /sliding/);
    assert.ok(others.includes("winograd"), others.join("; "));
  }
  for (const asked of directionsOf(many)) {
    const [usual, ...others] = namesOf(asked);
    assert.is(usual, "winograd");
    assert.ok(others.some((name) => /sliding/.test(name)) && !others.includes(usual), others.join("; "));
  }
  for (const changed of [{ inputChannels: 6 }, { stride: [2, 2], output: [5, 5] }] as const)
    for (const asked of directionsOf({ ...convolution, ...changed }))
      assert.not(namesOf(asked).includes("winograd"), describeProduct(asked));

  const [forward] = directionsOf(convolution);
  const shapes = kernelShapes(gpu, forward).map(nameOfShape);
  const compute = (device: Gpu) =>
    prepareProduct(forward, (shape) => tensor(wave(sizeOf(shape)), { shape, gpu: device }))().product;
  const expected = await compute(gpu).data();
  const chosen = shapes.includes("winograd") ? "winograd" : shapes[1];
  await withTuned(await tuningWith(chosen, describeProduct(forward)), async (device) => {
    const [{ kernel }] = await device.profile(() => compute(device));
    assert.match(kernel, chosen === "winograd" ? /^winogradWeights/ : `conv2d, ${chosen}`);
    close(await compute(device).data(), expected, chosen);
  });
});

test("the version changes with every kernel that products are computed by, and with no other", () => {
  const used = new Set<string>([common, entry, uniforms, rowSums]); // no kernel lists these
  const kinds: Product[] = [{ ...product, wantsSums: true }, ...directionsOf(convolution)];
  for (const tiling of ["registers", "workgroup"] as const) {
    for (const asked of kinds) {
      for (const shape of kernelShapes({ ...gpu, adapter, tiling }, asked)) {
        const device: Gpu = {
          ...{ ...gpu, adapter, tiling, chosenShape: () => nameOfShape(shape) },
          dispatch({ kernel }) {
            for (const source of kernel.sources) used.add(source);
          },
        };
        prepareProduct(asked, (shape) => emptyTensor(device, shape))();
      }
    }
  }
  for (const source of used) assert.ok(versionedSources.includes(source), source.slice(0, 200));
  assert.is(used.size, versionedSources.length);
});

// ---- measuring ----
test("the products of a training step, each once; nothing is allocated", () => {
  const before = gpu.memory().bytesInUse;
  const registered = findModel("lenet5");
  if (registered.data !== "images") throw new Error("a model of images");
  const shape = { inputShape: [1, 28, 28], classes: [..."0123456789"] };
  const recipe = { ...registered.recipe, batchSize: 7 };
  const products = productsOfStep(gpu, () => registered.open(shape, {}), recipe).map(describeProduct);
  assert.equal(products.slice(0, 3), [
    "conv2d [7, 1, 28, 28] → [7, 6, 28, 28], window 5 × 5, padding 2 × 2",
    "conv2d [7, 6, 14, 14] → [7, 16, 10, 10], window 5 × 5",
    "matmul [7, 400] · [120, 400]ᵀ, fused",
  ]);
  assert.ok(products.includes("matmul [7, 84]ᵀ · [7, 120], with sums"), products.join("; "));
  assert.ok(products.includes("conv2dInputGradient [7, 6, 14, 14] → [7, 16, 10, 10], window 5 × 5"));
  // 4 forward, 4 by weights and 3 by inputs: nobody wants the images', and the last layer's products are small.
  assert.equal([products.length, new Set(products).size], [11, 11]);
  assert.is(gpu.memory().bytesInUse, before);
});

test("every shape of a product is tried, computes the same, and the faster one is kept", async () => {
  const asked = productsOf(gpu, (device) => withDevice(device, multiply));
  assert.equal(asked.map(describeProduct), [key]);
  await collectGarbage();
  const before = gpu.memory().bytesInUse;
  const measured: Measured[] = [];
  for await (const found of measureProducts(gpu, asked)) measured.push(found);
  assert.ok(gpu.memory().bytesInUse <= before, "all memory goes back");
  const [{ tried, usual: asUsual, best, threshold, wrong }] = measured;
  assert.equal([measured.length, tried, asUsual.shape, wrong], [1, 1 + others.length, usual, []]);
  assert.ok(asUsual.seconds > 0 && best.seconds > 0 && threshold >= 0.05);
  assert.ok(best.shape === usual || best.seconds * (1 + threshold) < asUsual.seconds);
});

test("every shape of a convolution computes the same, and of products of float16", async () => {
  const as = (...dtypes: MatmulProduct["dtypes"]): Product => ({ ...product, dtypes });
  const hasHalves = gpu.adapter.features.includes("shader-f16");
  const halves: Product[] = [
    ...directionsOf(convolution, "float16"),
    as("float16", "float32", "float16"),
    as("float16", "float16", "float32"),
  ];
  if (hasHalves) {
    const [asked] = productsOf(gpu, (device) => withDevice(device, () => autocast(multiply)));
    assert.is(describeProduct(asked), `${key}, float16 · float32 → float16`);
  }
  const asked = [...directionsOf(convolution), ...(hasHalves ? halves : [])];
  for await (const { product, tried, wrong } of measureProducts(gpu, asked)) {
    assert.ok(tried > 1, product);
    assert.equal(wrong, [], product);
  }
});

test("every shape of a product for graphics cards computes the same, one that fetches ahead among them", async () => {
  const card = await openDevice({ tiling: "workgroup" });
  try {
    assert.ok(kernelShapes(card, product).map(nameOfShape).includes("workgroup ahead"));
    const asked = [product, { ...product, wantsSums: true }, ...directionsOf(convolution)];
    for await (const { product, tried, wrong } of measureProducts(card, asked)) {
      assert.ok(tried > 2, product);
      assert.equal(wrong, [], product);
    }
  } finally {
    await card.close();
  }
});

test("what is clearly faster is found: a CPU has no use for workgroup memory, and loses by it", async () => {
  const slow = await openDevice({ tiling: "workgroup" });
  try {
    const measured: Measured[] = [];
    const larger = { ...product, rows: 160, columns: 320 };
    for await (const found of measureProducts(slow, [larger])) measured.push(found);
    const [{ usual, best }] = measured;
    assert.match(usual.shape, /^workgroup/);
    if (gpu.adapter.kind === "cpu") assert.match(best.shape, /^registers/);
    const tuning = await tuningFrom(slow, measured);
    assert.equal(Object.keys(tuning.choices), best.shape === usual.shape ? [] : [describeProduct(larger)]);
    assert.equal([tuning.adapter, tuning.tiling], [gpu.adapter.name, "workgroup"]);
  } finally {
    await slow.close();
  }
});

test("a new measurement replaces what was found for the same product, and leaves the others", async () => {
  const timed = (shape: string, seconds: number) => ({ shape, seconds });
  const found = (product: string, best = timed("usual", 4)): Measured => ({
    ...{ product, tried: 2, usual: timed("usual", 4), best, threshold: 0.05, wrong: [] },
  });
  const first = await tuningFrom(gpu, [found("b", timed("x", 2)), found("a", timed("y", 1)), found("c")]);
  const [x, y] = [
    { shape: "x", speedup: 2 },
    { shape: "y", speedup: 4 },
  ];
  assert.equal(Object.entries(first.choices), [
    ["a", y],
    ["b", x],
  ]);
  const second = await tuningFrom(gpu, [found("b"), found("c", timed("x", 2))], first);
  assert.equal(second.choices, { a: y, c: x });
  const otherTiling = { ...gpu, tiling: gpu.tiling === "registers" ? "workgroup" : "registers" } as const;
  const third = await tuningFrom(otherTiling, [found("b", timed("x", 2))], first);
  assert.equal(third.choices, { b: x }, "nothing of another tiling stays");
});

// ---- files ----

test("a tuning is text that is read back, and anything else is refused", async () => {
  const tuning = await tuningWith(other);
  const text = encodeTuning(tuning);
  assert.equal(decodeTuning(text, "here.json"), tuning);
  const refuse = (damaged: string) =>
    refused(DataError, /^here\.json: .*\n {2}help: tune anew/, () => decodeTuning(damaged, "here.json"));
  for (let length = 0; length < text.trimEnd().length; length++) await refuse(text.slice(0, length));
  const damagedBy = (change: object) => JSON.stringify({ ...JSON.parse(text), ...change });
  for (const part of ["format", "adapter", "tiling", "kernels", "choices"])
    for (const value of [undefined, null, 1, []]) await refuse(damagedBy({ [part]: value }));
  await refuse(damagedBy({ tiling: "tiles" }));
  for (const choice of [null, "registers", [], {}, { shape: 1, speedup: 2 }, { shape: other, speedup: "2" }])
    await refuse(damagedBy({ choices: { [key]: choice } }));
});

test("saved for an adapter, and found for it alone", async () => {
  const { adapter } = gpu;
  assert.is(await savedTuning(), undefined);
  assert.equal([listTunings(), clearTunings()], [[], []]);
  const tuning = await tuningWith(other);
  const path = saveTuning(adapter, tuning);
  assert.equal(await savedTuning(), tuning);
  assert.equal(readdirSync(folder), [path.slice(folder.length + 1)], "nothing is left beside it");
  assert.is(await readTuning({ ...adapter, name: "another" }), undefined);

  saveTuning(adapter, { ...tuning, kernels: "of another version" });
  assert.is(await savedTuning(), undefined);
  saveTuning(adapter, { ...tuning, adapter: "another" });
  await refused(DataError, /\.json is for another, and should be for /, () => savedTuning());
  writeFileSync(path, encodeTuning(tuning).slice(0, 100));
  await refused(DataError, /\.json: not a tuning, or cut off/, () => savedTuning());
  const [{ content }] = listTunings();
  assert.instance(content, DataError);

  assert.equal(clearTunings(), [path]);
  assert.is(await savedTuning(), undefined);
  writeFileSync(folder, "a file where the folder should be");
  await refused(OutputError, /cannot write /, () => saveTuning(adapter, tuning));
  rmSync(folder);
});

// ---- the command ----

/** Just so large that no product is small: those have one kernel. */
const small = "--set codeSize=32 --batch 3";
const profile = () => wgrad(`profile sparse-autoencoder ${small} --steps 1 --json`);

test("wgrad tune: measures and saves; other commands compute with what was saved", async () => {
  const count = 5; // two layers forward and by their weights, and the second one by its input
  const [adapter, ...events] = parseLines(succeeded(await wgrad(`tune sparse-autoencoder ${small} --json`)));
  assert.equal(
    events.map(({ event }) => event),
    [...Array(count).fill("product"), "saved", "end"],
  );
  assert.equal([adapter.event, adapter.name], ["adapter", gpu.adapter.name]);
  const [{ path }, end] = events.slice(count);
  assert.equal([end.products, end.complete], [count, true]);
  const measured: Measured[] = events.slice(0, count);
  for (const { wrong, usual, best } of measured) {
    assert.equal(wrong, []);
    assert.ok(usual.seconds > 0 && best.seconds > 0);
  }
  assert.ok(path.startsWith(folder), path);
  const saved = decodeTuning(readFileSync(path, "utf8"), path);
  assert.is(Object.keys(saved.choices).length, end.faster);

  // Another choice than the usual one, whatever was found: the kernel's name tells that it is taken.
  const sizes = { rows: 3, columns: 32, depth: 784, batches: 1, isFused: true, wantsSums: false };
  const dtypes = ["float32", "float32", "float32"] as const;
  const encoder: Product = { kind: "matmul", transposeA: false, transposeB: true, dtypes, ...sizes };
  const asked = describeProduct(encoder);
  assert.ok(measured.some(({ product }) => product === asked));
  const [before, after] = kernelShapes(gpu, encoder).map(nameOfShape);
  saveTuning(gpu.adapter, await tuningWith(after, asked));
  const firstKernel = ([device, { dispatches }]: ReturnType<typeof parseLines>) => [
    device.tuned,
    dispatches[0].kernel.split(" + ")[0],
  ];
  assert.equal(firstKernel(parseLines(succeeded(await profile()))), [true, `matmul, ${after}`]);

  // A damaged file stops nothing, nor does one that does not fit, but is told.
  const tiling = gpu.tiling === "registers" ? "workgroup" : "registers";
  const unfit: [string, RegExp][] = [
    ["{", /^warning: .*\.json: not a tuning, or cut off.*\n {2}help: tune anew: wgrad tune\n$/],
    [
      encodeTuning({ ...(await tuningWith(after, asked)), tiling }),
      /^warning: the tuning is for the tiling .*\n {2}help: tune anew: wgrad tune\n$/,
    ],
  ];
  for (const [text, warning] of unfit) {
    writeFileSync(path, text);
    const { code, stdout, stderr } = await profile();
    assert.is(code, 0, stderr);
    assert.match(stderr, warning);
    assert.equal(firstKernel(parseLines(stdout)), [undefined, `matmul, ${before}`]);
  }
});

test("wgrad tune --list and --clear, and what is refused", async () => {
  const tuning = await tuningWith(other);
  const path = saveTuning(gpu.adapter, tuning);
  saveTuning({ name: "another", kind: "gpu" }, { ...tuning, adapter: "another", kernels: "0" });
  writeFileSync(join(folder, "damaged.json"), "{");
  const told = parseLines(succeeded(await wgrad("tune --list --json")));
  const current = told.find((file) => file.path === path);
  assert.equal([told.length, current.isCurrent, current.choices], [3, true, tuning.choices]);
  assert.is(told.find(({ adapter }) => adapter === "another").isCurrent, false);
  assert.match(told.find(({ problem }) => problem).problem, /damaged\.json: not a tuning/);
  const text = succeeded(await wgrad("tune --list"));
  assert.ok(text.includes(`  2.00×  ${key}: ${other}\n`), text);
  assert.match(text, /not used: it was made with other kernels/);
  assert.is(parseLines(succeeded(await wgrad("tune --clear --json"))).length, 3);
  assert.match(succeeded(await wgrad("tune --list")), /^nothing is tuned yet/);

  const refusals: [string, RegExp][] = [
    ["--list lenet5", /--list and --clear stand alone/],
    ["lenet6", /there is no model "lenet6"/],
    ["vae lenet5 --set beta=2", /--set and --input are for one model/],
    ["graph-autoencoder --batch 2", /takes the whole graph in every step/],
  ];
  for (const [line, problem] of refusals) assertRefused(await wgrad(`tune ${line}`), 2, problem);
});

test.run();
