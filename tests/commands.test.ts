/** The commands around a training, on one small training of each kind of model: real processes, real files. */
import { existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { decode as decodePng, encode as encodePng } from "fast-png";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { resultNames } from "../cli/training/results.ts";
import { fitImage } from "../data/resize.ts";
import { syntheticDigits } from "../data/syntheticDigits.ts";
import { openDevice } from "../engine/currentDevice.ts";
import { inferenceMode } from "../engine/gradMode.ts";
import { decodeSafetensors, encodeSafetensors, type SafetensorsTensor } from "../engine/io/safetensors.ts";
import { tensor } from "../engine/tensor.ts";
import { decodeWeights } from "../models/checkpoint.ts";
import { topClasses } from "../models/classification.ts";
import { footprint } from "../models/footprint.ts";
import { findModel, models } from "../models/registry.ts";
import { chooseSettings } from "../models/settings.ts";
import { train } from "../models/training.ts";
import {
  assertRefused,
  digitFiles,
  here,
  outputOf,
  parseLines,
  succeeded,
  wgrad,
  writeFolder,
} from "./cli-helpers.ts";
import { cifar10Records, plainJpeg } from "./data-helpers.ts";

const images = "--data digits-on-disk --batch 20 --epochs 1";
/** One of each kind. */
const trainings: Record<string, string> = {
  autoencoder: `${images} --set codeSize=4`,
  vae: `${images} --set codeSize=2 hidden=16`,
  "adversarial-autoencoder": images,
  lenet5: images,
  "graph-autoencoder": "--data karate --epochs 1 --seed 7", // which takes other edges out
};

writeFolder("digits-on-disk", await digitFiles(60, 20));
/** What each training told, by model. */
const told: Record<string, ReturnType<typeof parseLines>> = {};
await Promise.all(
  Object.entries(trainings).map(async ([model, options]) => {
    told[model] = parseLines(succeeded(await wgrad(`train ${model} ${options} --json`)));
  }),
);
for (const [index, model] of Object.keys(trainings).entries())
  utimesSync(join(here, "out", model, "model.safetensors"), 1e9 + index, 1e9 + index);

/** Drawn digits on disk, and pictures of other sizes. */
const { test: digits } = syntheticDigits({ seed: 9, trainCount: 1, testCount: 3 });
const bytes: Uint8Array[] = [0, 1, 2].map((index) => {
  const pixels = new Float32Array(784);
  void digits.readImage(index, pixels);
  return Uint8Array.from(pixels, (value) => Math.round(255 * value));
});
for (const [index, data] of bytes.entries()) {
  const grey = { width: 28, height: 28, channels: 1, depth: 8 } as const;
  writeFileSync(join(here, `digit${index}.png`), encodePng({ ...grey, data }));
  writeFileSync(
    join(here, `dark${index}.png`),
    encodePng({ ...grey, data: data.map((value) => 255 - value) }),
  );
}
const waves = Uint8Array.from({ length: 3 * 13 * 57 }, (_, i) => 127 + 120 * Math.sin(i / 9));
writeFileSync(
  join(here, "narrow.png"),
  encodePng({ width: 13, height: 57, channels: 3, depth: 8, data: waves }),
);
writeFileSync(join(here, "wide.jpg"), plainJpeg(301, 17, [200, 100, 50]));
const allPictures = "digit0.png narrow.png wide.jpg";

/** A cell of a grid of enlarged 28 × 28 images, and the lines between them. */
const [cell, line] = [84, 2];

/** The picture has this size in pixels, is grey, and shows something. */
function assertDrawn(file: string, width: number, height: number) {
  const picture = decodePng(readFileSync(join(here, file)), { checkCrc: true });
  assert.equal([picture.width, picture.height, picture.channels], [width, height, 1], file);
  assert.ok(new Set(picture.data).size > 20, `${file} has shades`);
  return picture;
}

/** The 28 × 28 pixels of an image in a grid, by its place. */
function imageIn({ data, width }: ReturnType<typeof decodePng>, column: number, top: number): number[] {
  const left = line + column * (cell + line);
  return Array.from({ length: 784 }, (_, i) => {
    const [x, y] = [left + 3 * (i % 28), top + 3 * Math.floor(i / 28)];
    return data[y * width + x]!;
  });
}

const within = (most: number, one: ArrayLike<number>, other: ArrayLike<number>) =>
  Array.from(one).every((value, i) => Math.abs(value - other[i]!) <= most);

const saved = (file: string) => `saved    ${file}\n`;

// ---- models, summary ----

test("models: each with its line, and its settings below", async () => {
  const lines = succeeded(await wgrad("models")).split("\n");
  for (const { name, about } of models)
    assert.ok(lines.some((text) => text.startsWith(name) && text.endsWith(about)));
  assert.ok(
    lines.some((text) =>
      /^ +--set codeSize=20 \(from 1\), hidden=400 \(from 1\), beta=1 \(from 0\), /.test(text),
    ),
  );
  const events = parseLines(succeeded(await wgrad("models --json")));
  assert.equal(
    events.map(({ event, name }) => [event, name]),
    models.map(({ name }) => ["model", name]),
  );
  const { about, dataset, settings, recipe } = findModel("lenet5");
  assert.equal(
    events.find(({ name }) => name === "lenet5"),
    JSON.parse(JSON.stringify({ event: "model", name: "lenet5", about, dataset, settings, recipe })),
  );
});

test("summary: layers, what a step takes, and whether this machine can do it", async () => {
  const [text, json, large, graph] = await Promise.all([
    wgrad("summary lenet5"),
    wgrad("summary lenet5 --batch 20 --json"),
    wgrad("summary alexnet --batch 1000000"),
    wgrad("summary graph-autoencoder --input 34"),
  ]);
  const lines = succeeded(text).split("\n");
  const { parameters, rows, flops } = told.lenet5!.find(({ event }) => event === "summary");
  assert.is(parameters, 61_706);
  assert.ok(
    lines.some((row) => /^total +61,706 +\d+ [KM]$/.test(row) || /^total +61,706 +[\d.]+ [KM]$/.test(row)),
  );
  for (const row of rows)
    assert.ok(lines.some((shown) => shown.startsWith(row.path) && shown.includes(row.layer)));
  for (const row of [
    /^A training step of 64 samples$/,
    /^ {2}weights {7}241 KiB$/,
    /^ {2}optimiser {5}482 KiB$/,
    /^ {2}activations {3}[\d.]+ [KM]iB with gradients and the batch, at most at once$/,
    /^ {2}at its peak {3}[\d.]+ MiB$/,
    /^ {2}computes {6}[\d.]+ [MG]FLOPs in \d+ dispatches$/,
    /^\S.* can train it with batches of 64\.$/,
  ])
    assert.ok(
      lines.some((shown) => row.test(shown)),
      `${row} in\n${text.stdout}`,
    );

  const [summary, ...rest] = parseLines(succeeded(json));
  assert.equal(rest, []);
  assert.equal([summary.event, summary.model, summary.batchSize], ["summary", "lenet5", 20]);
  assert.equal([summary.rows, summary.parameters, summary.flops], [rows, parameters, flops]);
  assert.is(summary.modelBytes, 4 * parameters);
  assert.is(summary.optimizerBytes, 8 * parameters);
  assert.is(summary.peakBytes, summary.modelBytes + summary.optimizerBytes + summary.activationBytes);
  assert.ok(summary.stepFlops > 3 * 20 * flops * 0.8, "forward, and twice as much backward");
  assert.equal([summary.fits, summary.problems], [true, []]);

  const verdict = succeeded(large).trimEnd().split("\n").slice(-3);
  assert.match(verdict[0]!, /^\S.* cannot train it with batches of 1,000,000:$/);
  assert.match(
    verdict[1]!,
    /^ {2}its largest activation takes [\d,.]+ [TG]iB, and a kernel here binds at most [\d.,]+ [MG]iB: choose a smaller batch$/,
  );
  assert.match(succeeded(graph), /\n {2}weights .*\n[\s\S]* can train it with batches of 1\.\n$/);
});

test("the summary keeps its word: a real step takes as many bytes and FLOPs", async () => {
  const gpu = await openDevice();
  try {
    const registered = findModel("autoencoder");
    if (registered.data !== "images") throw new Error("a model of images");
    const { recipe, open } = registered;
    const shape = { inputShape: [1, 28, 28], classes: digits.classes };
    const small = { ...recipe, batchSize: 20, epochs: 1 };
    const begin = () => open(shape, chooseSettings(registered.settings, []));
    const planned = footprint(begin, small, gpu.adapter);
    const { bytesInUse } = gpu.memory();
    const atWork = begin();
    await gpu.flush(); // the commands that draw its weights
    const data = syntheticDigits({ seed: 1, trainCount: 20, testCount: 1 });
    const source = atWork.batches(data, small, 1);
    const { update } = atWork.trainer(small, 2 * source.steps);
    const counted = [];
    for await (const epoch of train({ source, epochs: 2, update })) {
      for await (const _ of epoch) counted.push(gpu.counters());
    }
    const [first, second] = counted; // the first one prepares what the optimiser remembers
    assert.is(second!.flops - first!.flops, planned.stepFlops);
    assert.is(second!.dispatches - first!.dispatches, planned.stepDispatches);
    const peak = gpu.memory().peakBytesInUse - bytesInUse;
    assert.ok(
      Math.abs(peak - planned.peakBytes) < 0.02 * peak,
      `${planned.peakBytes} planned, ${peak} taken`,
    );
  } finally {
    await gpu.close();
  }
});

// ---- evaluate, predict ----

for (const model of Object.keys(trainings)) {
  test(`evaluate, ${model}: the figures and pictures that the training ended with, exactly`, async () => {
    const ended = await wgrad(`evaluate --from out/${model} --out pictures-of-${model} --json`);
    const events = parseLines(succeeded(ended));
    const { test: figures } = told[model]!.at(-1);
    assert.equal(events.at(-1).test, figures);
    assert.is(events.at(-1).folder, undefined);
    assert.ok(Object.values<number>(figures).every(Number.isFinite));
    const names = readdirSync(join(here, "out", model)).filter((name) => /\.png$|^confusion/.test(name));
    assert.equal(readdirSync(join(here, `pictures-of-${model}`)).sort(), names.sort());
    assert.is(events.filter(({ event }) => event === "saved").length, names.length);
    for (const name of readdirSync(join(here, "out", model)))
      assert.ok(resultNames.includes(name), `a new training would leave ${name}`);
    for (const name of names)
      assert.ok(outputOf(`pictures-of-${model}`, name).equals(outputOf(`out/${model}`, name)), name);
  });
}

test("evaluate, for people: the newest training, its classes in a table", async () => {
  utimesSync(join(here, "out", "lenet5", "model.safetensors"), 2e9, 2e9);
  const stdout = succeeded(await wgrad("evaluate"));
  assert.match(
    stdout,
    /^adapter .*\ndata {5}\/.*\/digits-on-disk: 60 training and 20 test images of 1×28×28\n/,
  );
  const lines = stdout.split("\n");
  const head = lines.findIndex((text) => /^true class +0 +1 .* 9 +right$/.test(text));
  assert.ok(head > 0, stdout);
  const counts = lines.slice(head + 1, head + 11).map((row) => row.trim().split(/ +/));
  assert.equal(
    counts.map(([name]) => name),
    [..."0123456789"],
  );
  const shown = counts.flatMap((row) => row.slice(1, 11)).reduce((sum, text) => sum + (Number(text) || 0), 0);
  assert.is(shown, 20);
  const { accuracy } = told.lenet5!.at(-1).test;
  assert.match(
    lines.at(-2)!,
    new RegExp(`^done {5}test loss .* {2}accuracy ${(100 * accuracy).toFixed(2)} % {2}top-5 `),
  );
});

test("evaluate --iwae: a tighter bound for a variational autoencoder", async () => {
  const [, , end] = parseLines(succeeded(await wgrad("evaluate --from out/vae --iwae 3 --json")));
  const { importanceWeightedBound, ...others } = end.test;
  assert.equal(others, told.vae!.at(-1).test);
  const { negativeElbo } = others;
  assert.ok(Math.abs(Math.abs(importanceWeightedBound) - negativeElbo) < 0.05 * negativeElbo);
});

test("predict: PNG and JPEG of any size, the same probabilities that the model gives", async () => {
  const [json, text, dark] = await Promise.all([
    wgrad(`predict ${allPictures} --from out/lenet5 --top 10 --json`),
    wgrad(`predict wide.jpg digit1.png --from out/lenet5/model.safetensors --top 2`),
    wgrad("predict dark0.png --invert --from out/lenet5 --top 10 --json"),
  ]);
  const predictions = parseLines(succeeded(json));
  assert.equal(
    predictions.map(({ event, image }) => [event, image]),
    allPictures.split(" ").map((name) => ["prediction", name]),
  );
  for (const { classes } of predictions) {
    const chances: number[] = classes.map(({ probability }: { probability: number }) => probability);
    assert.equal(classes.map((found: { class: string }) => found.class).sort(), [..."0123456789"]);
    assert.ok(Math.abs(chances.reduce((sum, chance) => sum + chance, 0) - 1) < 1e-9);
    assert.ok(chances.every((chance, i) => chance <= (chances[i - 1] ?? 1)));
  }

  const gpu = await openDevice();
  const { description, loadInto } = decodeWeights(outputOf("out/lenet5", "model.safetensors"), "lenet5");
  const registered = findModel(description.model);
  if (registered.data !== "images") throw new Error("a model of images");
  const atWork = registered.open(description, description.settings);
  loadInto(atWork.model);
  atWork.model.eval();
  const size = { channels: 1, height: 28, width: 28 };
  const inputs = [
    fitImage({ width: 28, height: 28, channels: 1, pixels: bytes[0]! }, size),
    fitImage({ width: 13, height: 57, channels: 3, pixels: waves }, size),
  ];
  for (const [index, pixels] of inputs.entries()) {
    const batch = tensor(pixels, { shape: [1, 1, 28, 28] });
    const logits = await inferenceMode(() => atWork.classify!(batch)).data();
    const expected = topClasses(logits, 10).map(({ index, probability }) => [String(index), probability]);
    const found = predictions[index].classes.map((guess: { class: string; probability: number }) => [
      guess.class,
      guess.probability,
    ]);
    for (const [place, [name, probability]] of expected.entries()) {
      assert.is(found[place][0], name);
      assert.ok(Math.abs(found[place][1] - (probability as number)) < 1e-6);
    }
  }
  await gpu.close();

  const [{ classes: inverted }] = parseLines(succeeded(dark));
  for (const [place, guess] of inverted.entries()) {
    assert.is(guess.class, predictions[0].classes[place].class);
    assert.ok(Math.abs(guess.probability - predictions[0].classes[place].probability) < 1e-4);
  }
  const lines = succeeded(text).split("\n");
  assert.equal([lines[0], lines[3], lines.length], ["wide.jpg", "digit1.png", 7]);
  for (const row of [1, 2, 4, 5]) assert.match(lines[row]!, /^ +\d+\.\d\d % {2}\d$/);
});

// ---- What autoencoders draw ----

test("reconstruct: pictures over what the model makes of them", async () => {
  const [ended, dark] = await Promise.all([
    wgrad(`reconstruct ${allPictures} --from out/autoencoder --out drawn/here/r.png`),
    wgrad("reconstruct dark0.png --from out/autoencoder --invert --json --out dark.png"),
  ]);
  assert.is(succeeded(ended), saved("drawn/here/r.png"));
  const picture = assertDrawn("drawn/here/r.png", 3 * (cell + line) + line, 2 * (cell + line) + line);
  assert.equal(imageIn(picture, 0, line), [...bytes[0]!]);
  assert.equal(new Set(imageIn(picture, 2, line)).size, 1, "the JPEG is of one colour");
  assert.not.equal(imageIn(picture, 0, line + cell + line), imageIn(picture, 0, line));
  assert.equal(parseLines(succeeded(dark)), [{ event: "saved", path: "dark.png" }]);
  const inverted = assertDrawn("dark.png", cell + 2 * line, 2 * (cell + line) + line);
  assert.equal(imageIn(inverted, 0, line), [...bytes[0]!]);
});

test("sample: as many as asked, others for another seed, the same for the same", async () => {
  const [one, same, other, adversarial] = await Promise.all([
    wgrad("sample --from out/vae --count 5 --out one.png"),
    wgrad("sample --from out/vae --count 5 --seed 1 --out same.png"),
    wgrad("sample --from out/vae --count 5 --seed 2 --out other.png"),
    wgrad("sample --from out/adversarial-autoencoder"),
  ]);
  assert.is(succeeded(one), saved("one.png"));
  for (const ended of [same, other]) succeeded(ended);
  assertDrawn("one.png", 5 * (cell + line) + line, cell + 2 * line);
  const [first, again, changed] = ["one", "same", "other"].map((name) => outputOf("", `${name}.png`));
  assert.ok(first!.equals(again!));
  assert.not.ok(first!.equals(changed!));
  assert.is(succeeded(adversarial), saved("samples.png"));
  assertDrawn("samples.png", 12 * (cell + line) + line, 6 * (cell + line) + line);
});

test("interpolate: a row from each picture to the next, whose ends are the reconstructions", async () => {
  const pictures = "digit0.png digit1.png digit2.png";
  const [ended, reconstructed] = await Promise.all([
    wgrad(`interpolate ${pictures} --from out/autoencoder --steps 5`),
    wgrad(`reconstruct ${pictures} --from out/autoencoder --out ends.png`),
  ]);
  assert.is(succeeded(ended), saved("interpolation.png"));
  succeeded(reconstructed);
  const way = assertDrawn("interpolation.png", 5 * (cell + line) + line, 2 * (cell + line) + line);
  const ends = assertDrawn("ends.png", 3 * (cell + line) + line, 2 * (cell + line) + line);
  const below = line + cell + line;
  const end = (index: number) => imageIn(ends, index, below);
  assert.ok(within(1, imageIn(way, 0, line), end(0)));
  assert.ok(within(1, imageIn(way, 4, line), end(1)));
  assert.ok(within(1, imageIn(way, 0, below), end(1)));
  assert.ok(within(1, imageIn(way, 4, below), end(2)));
  assert.not.equal(imageIn(way, 2, line), imageIn(way, 0, line));
});

test("latent-map: a square of what a code of two dimensions means", async () => {
  assert.is(succeeded(await wgrad("latent-map --from out/vae --side 4")), saved("latent-map.png"));
  const side = 4 * (cell + line) + line;
  const map = assertDrawn("latent-map.png", side, side);
  assert.not.equal(imageIn(map, 0, line), imageIn(map, 3, line));
});

test("more images than are drawn at a time: each in its place", async () => {
  const [ended, sampled, sixtyFour, reconstructed, mapped, coarselyMapped] = await Promise.all([
    wgrad("interpolate digit0.png digit1.png --from out/autoencoder --steps 130 --out long.png"),
    wgrad("sample --from out/vae --count 132 --out many.png"),
    wgrad("sample --from out/vae --count 64 --out first.png"),
    wgrad("reconstruct digit0.png digit1.png --from out/autoencoder --out two.png"),
    wgrad("latent-map --from out/vae --side 9 --out fine.png"),
    wgrad("latent-map --from out/vae --side 3 --out coarse.png"),
  ]);
  for (const { code, stderr } of [ended, sampled, sixtyFour, reconstructed, mapped, coarselyMapped])
    assert.equal([code, stderr], [0, ""]);
  const way = assertDrawn("long.png", 130 * (cell + line) + line, cell + 2 * line);
  const ends = decodePng(outputOf("", "two.png"));
  const end = (index: number) => imageIn(ends, index, line + cell + line);
  assert.ok(within(1, imageIn(way, 0, line), end(0)));
  assert.ok(within(1, imageIn(way, 129, line), end(1)));
  for (const column of [63, 127])
    assert.ok(within(9, imageIn(way, column, line), imageIn(way, column + 1, line)));

  const many = assertDrawn("many.png", 12 * (cell + line) + line, 11 * (cell + line) + line);
  const first = decodePng(outputOf("", "first.png"));
  const at = (picture: typeof many, place: number) =>
    imageIn(picture, place % 12, line + Math.floor(place / 12) * (cell + line));
  assert.equal(at(many, 63), at(first, 63));
  for (const place of [64, 128, 131]) assert.not.equal(at(many, place), at(many, place % 64));

  // The middle of each ninth of N(0, 1) that is in the middle of a third.
  const fine = decodePng(outputOf("", "fine.png"));
  const coarse = decodePng(outputOf("", "coarse.png"));
  const inRow = (row: number) => line + row * (cell + line);
  for (const row of [0, 1, 2])
    for (const column of [0, 1, 2]) {
      const ofNinths = imageIn(fine, 3 * column + 1, inRow(3 * row + 1));
      assert.ok(within(1, ofNinths, imageIn(coarse, column, inRow(row))), `row ${row}, column ${column}`);
    }
});

// ---- export, import ----

/** The tensors' own bytes. */
const bitsOf = (tensors: ReadonlyMap<string, SafetensorsTensor>) =>
  [...tensors].map(([name, { shape, data }]) => [name, shape, Buffer.from(data.buffer).toString("base64")]);

test("export, then import: the same weights, figures and description", async () => {
  assert.is(
    succeeded(await wgrad("export below/weights.safetensors --from out/vae")),
    saved("below/weights.safetensors"),
  );
  const exported = decodeSafetensors(outputOf("below", "weights.safetensors"), "exported");
  const own = decodeSafetensors(outputOf("out/vae", "model.safetensors"), "own");
  assert.equal([...exported.metadata], [["format", "pt"]]);
  assert.equal(bitsOf(exported.tensors), bitsOf(own.tensors));

  const settings = "--set codeSize=2 hidden=16";
  const [fromData, fromShape] = await Promise.all([
    wgrad(
      `import vae below/weights.safetensors ${settings} --data ${join(here, "digits-on-disk")} --out imported`,
    ),
    (() => {
      writeFileSync(join(here, "names.txt"), "zero\r\none\n\n  two  \n");
      return wgrad(
        `import vae below/weights.safetensors ${settings} --input 1x28x28 --classes names.txt --out named`,
      );
    })(),
  ]);
  assert.match(
    succeeded(fromData),
    /^data {5}\/.*\/digits-on-disk: .*\nsaved {4}imported\/model\.safetensors\n$/,
  );
  assert.is(succeeded(fromShape), saved("named/model.safetensors"));
  const weightsIn = (folder: string) => decodeWeights(outputOf(folder, "model.safetensors"), folder);
  const [trained, imported] = [weightsIn("out/vae"), weightsIn("imported")];
  const { seed, ...description } = trained.description;
  assert.equal(imported.description, description);
  assert.equal(bitsOf(imported.tensors), bitsOf(trained.tensors));
  assert.equal(weightsIn("named").description, {
    model: "vae",
    settings: description.settings,
    ...{ inputShape: [1, 28, 28], classes: ["zero", "one", "two"], data: "digits" },
  });
  const end = parseLines(succeeded(await wgrad("evaluate --from imported --json"))).at(-1);
  assert.equal(end.test, told.vae!.at(-1).test);
});

test("evaluate, data of other classes: refused, but plain numbers stand for any names", async () => {
  const batches = [1, 2, 3, 4, 5].map((index) => `data_batch_${index}.bin`);
  writeFolder("pictures", new Map([...batches, "test_batch.bin"].map((name) => [name, cifar10Records(4)])));
  const names = "airplane automobile bird cat deer dog frog horse ship truck".split(" ");
  const turned = ["lorry", ...names.slice(1)];
  writeFileSync(join(here, "turned.txt"), turned.join("\n"));
  succeeded(await wgrad("train lenet5 --data pictures --epochs 1 --out of-pictures"));
  succeeded(await wgrad("export pictures.safetensors --from of-pictures"));
  const bring = "import lenet5 pictures.safetensors --input 3x32x32";
  succeeded(await wgrad(`${bring} --classes turned.txt --out of-turned`));
  succeeded(await wgrad(`${bring} --out of-numbers`));
  assertRefused(
    await wgrad("evaluate --from of-turned --data pictures"),
    2,
    new RegExp(
      `^error: the model tells these classes apart: ${turned.join(", ")}\n` +
        ` {7}and the classes of this data are: ${names.join(", ")}\n {2}help: name data of the same classes`,
    ),
  );
  const figures = [];
  for (const from of ["of-pictures", "of-numbers"])
    figures.push(
      parseLines(succeeded(await wgrad(`evaluate --from ${from} --data pictures --json`))).at(-1).test,
    );
  assert.equal(figures[0], figures[1]);
});

test("import of what does not fit: every tensor is named, nothing is written", async () => {
  const { tensors } = decodeSafetensors(outputOf("out/lenet5", "model.safetensors"), "lenet5");
  const names = [...tensors.keys()];
  const [missing, misfit] = [names[1]!, names[2]!];
  const { shape } = tensors.get(misfit)!;
  tensors.delete(missing);
  tensors.set(misfit, { dtype: "float32", shape: [3, 1], data: new Float32Array(3) });
  tensors.set("fc9.weight", { dtype: "float32", shape: [2], data: new Float32Array(2) });
  writeFileSync(join(here, "strange.safetensors"), encodeSafetensors(tensors));
  const ended = await wgrad("import lenet5 strange.safetensors --out strange");
  assert.equal(
    [ended.code, ended.stdout, ended.stderr],
    [
      1,
      "",
      [
        "error: strange.safetensors: the state dict does not fit LeNet5:",
        `         missing: ${missing}`,
        "         unexpected: fc9.weight",
        `         misfit: ${misfit} is float32 [3, 1], expected float32 [${shape.join(", ")}]`,
        "  help: give weights of this model, saved with the same settings and for the same data",
        "",
      ].join("\n"),
    ],
  );
  assert.not.ok(existsSync(join(here, "strange")));
});

test("weights that are not numbers: import refuses them by name, predict does not pass them off as a guess", async () => {
  const own = decodeSafetensors(outputOf("out/lenet5", "model.safetensors"), "lenet5");
  const names = [...own.tensors.keys()];
  const [first, second] = names;
  const breakTensor = (name: string, value: number) => (own.tensors.get(name)!.data[0] = value);
  const write = (folder: string) =>
    writeFolder(folder, new Map([["model.safetensors", encodeSafetensors(own.tensors, own.metadata)]]));
  breakTensor(first!, Number.NaN);
  write("one-is-nan");
  breakTensor(second!, Number.NEGATIVE_INFINITY);
  write("two-are-not-finite");
  const importOf = (folder: string) => wgrad(`import lenet5 ${folder}/model.safetensors --out not-finite`);
  assertRefused(await importOf("one-is-nan"), 1, new RegExp(`: ${first} holds NaN or infinite numbers\n`));
  assertRefused(
    await importOf("two-are-not-finite"),
    1,
    new RegExp(`: ${first}, ${second} hold NaN or infinite numbers\n`),
  );
  assert.not.ok(existsSync(join(here, "not-finite")));

  for (const flag of ["", "--json"]) {
    const ended = await wgrad(`predict digit0.png --from one-is-nan ${flag}`);
    assert.is(ended.code, 1);
    assert.match(ended.stdout + ended.stderr, /digit0\.png: the model's probabilities are not numbers/);
    assert.not.match(ended.stdout, /NaN %|null/);
  }
});

// ---- Wrong use ----

test("what a model cannot do, and files that are not there: in words", async () => {
  const other = "choose another training with --from";
  const cannot = (model: string, what: string): [RegExp, number] => [
    new RegExp(`^error: ${model} cannot ${what}\n {2}help: ${other}\n$`),
    2,
  ];
  const graphs: [RegExp, number] = [
    new RegExp(
      `^error: graph-autoencoder is a model of graphs, and this command is for images\n {2}help: ${other}\n$`,
    ),
    2,
  ];
  const tooLarge = (option: string, size: string): [RegExp, number] => [
    new RegExp(
      `^error: ${option}: the picture would have ${size} pixels, and at most 50 million are drawn\n {2}help: `,
    ),
    2,
  ];
  const cases: [line: string, expected: [RegExp, number]][] = [
    ["sample --from out/autoencoder", cannot("autoencoder", "draw new images")],
    [
      "latent-map --from out/adversarial-autoencoder",
      cannot("adversarial-autoencoder", "draw a map of its code"),
    ],
    ["reconstruct digit0.png --from out/lenet5", cannot("lenet5", "rebuild images")],
    ["predict digit0.png --from out/vae", cannot("vae", "tell classes apart")],
    ["predict digit0.png", cannot("out/vae is the newest training, and vae", "tell classes apart")],
    ["sample --from out/graph-autoencoder", graphs],
    [
      "interpolate digit0.png --from out/autoencoder",
      [/^error: interpolate: one image leads nowhere\n {2}help: name two images or more\n$/, 2],
    ],
    ["sample --from out/vae --count 1e8", tooLarge("--count 100000000", "1,034 × 716,666,726")],
    ["latent-map --from out/vae --side 1000", tooLarge("--side 1000", "86,002 × 86,002")],
    [
      "interpolate digit0.png digit1.png --from out/autoencoder --steps 1e6",
      tooLarge("--steps 1000000", "86,000,002 × 88"),
    ],
    [
      "predict nothing.png --from out/lenet5",
      [/^error: cannot read nothing\.png: there is no such file\n {2}help: check the path\n$/, 1],
    ],
    [
      "predict out --from out/lenet5",
      [/^error: cannot read out: it is a folder, not a file\n {2}help: check the path\n$/, 1],
    ],
    [
      "predict names.html --from out/lenet5",
      [
        /^error: names\.html: this is an HTML page.*, expected a JPEG or PNG picture\n {2}help: convert it/,
        1,
      ],
    ],
    [
      "evaluate --from nowhere",
      [/^error: there is no file or folder nowhere\n {2}help: train a model first, with `wgrad train`\n$/, 1],
    ],
    [
      "evaluate --from digits-on-disk",
      [/^error: the folder digits-on-disk has no model\.safetensors in it\n {2}help: train a model first/, 1],
    ],
    [
      "evaluate --from below/weights.safetensors",
      [
        /^error: below\/weights\.safetensors: these weights do not say which model they belong to\n {2}help: bring/,
        1,
      ],
    ],
    [
      "evaluate --from out/graph-autoencoder --data blocks",
      [
        /^error: the model was trained on a graph of 34 nodes, and this data is a graph of 1000 nodes\n {2}help: name data/,
        2,
      ],
    ],
    [
      "evaluate --from named",
      [
        /^error: the model was trained on images of 1×28×28 in 3 classes, and this data is images of 1×28×28 in 10 classes\n/,
        2,
      ],
    ],
    [
      "evaluate --from out/autoencoder --iwae 5",
      [/^error: --iwae is for variational autoencoders\n {2}help: leave it out\n$/, 2],
    ],
    [
      "summary vae --set depth=3",
      [/^error: there is no setting "depth=3"\n {2}help: choose from: codeSize=20 \(from 1\), /, 2],
    ],
    [
      "summary lenet5 --input 28",
      [/^error: lenet5 does not take input of the shape 28\n {2}help: write it like --input 1x28x28\n$/, 2],
    ],
    [
      "summary lenet5 --input 1x30x30",
      [/^error: LeNet-5: imageShape must be .*got \[1, 30, 30\]\n {2}help: /, 2],
    ],
    ["export out --from out/vae", [/^error: cannot write out: a folder has that name\n {2}help: /, 1]],
    [
      "import vae below/weights.safetensors --classes blank.txt --out x",
      [/^error: blank\.txt: there is no class in it\n {2}help: write the name of a class in each line\n$/, 1],
    ],
    ["import vae digit0.png --out x", [/^error: digit0\.png: this is no safetensors file: /, 1]],
  ];
  writeFileSync(join(here, "blank.txt"), " \n\n");
  utimesSync(join(here, "out", "vae", "model.safetensors"), 3e9, 3e9);
  writeFileSync(join(here, "names.html"), "<!DOCTYPE html><p>404");
  const pending = [...cases];
  const work = async () => {
    for (let next = pending.shift(); next; next = pending.shift()) {
      const [command, [problem, code]] = next;
      assertRefused(await wgrad(command), code, problem);
    }
  };
  await Promise.all([work(), work()]);
  assert.not.ok(existsSync(join(here, "x")));
});

test.run();
