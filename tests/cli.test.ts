/** The command line, end to end: real processes, real files, the real adapter. */
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { decode as decodePng } from "fast-png";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { decodeSafetensors } from "../engine/io/safetensors.ts";
import { decodeCheckpoint } from "../models/checkpoint.ts";
import { models } from "../models/registry.ts";
import {
  assertRefused,
  digitFiles,
  here,
  outputOf,
  parseLines,
  script,
  startWgrad,
  succeeded,
  wgrad,
  writeFolder,
} from "./cli-helpers.ts";
import { idxFile, mnistFiles, pngFile } from "./data-helpers.ts";
import { projectRoot, run } from "./process-helpers.ts";

const resultNames = [
  "checkpoint.safetensors",
  "loss.svg",
  "metrics.jsonl",
  "model.safetensors",
  "reconstructions.png",
];
const modelNames = models.map(({ name }) => name).join(", ");
/** 300 digits to train on and 60 for the test. */
writeFolder("digits-on-disk", await digitFiles(300, 60));
const training = "train autoencoder --data digits-on-disk";

/** The five files are there, nothing else, and each is whole. */
function assertResults(folder: string, { steps, parameters }: { steps: number; parameters: number }): void {
  assert.equal(readdirSync(join(here, folder)).sort(), resultNames);
  const metrics = parseLines(outputOf(folder, "metrics.jsonl").toString());
  assert.is(metrics.filter(({ event }) => event === "step").length, steps);

  const { tensors } = decodeSafetensors(outputOf(folder, "model.safetensors"), "model.safetensors");
  let weights = 0;
  for (const { data } of tensors.values()) {
    assert.ok(data.every(Number.isFinite));
    weights += data.length;
  }
  assert.is(weights, parameters);
  const checkpoint = outputOf(folder, "checkpoint.safetensors");
  assert.is(decodeCheckpoint(checkpoint, "checkpoint.safetensors").stepsDone, steps);
  const saved = decodeSafetensors(checkpoint, "checkpoint.safetensors").tensors;
  for (const [name, { data }] of tensors) assert.equal(saved.get(`model.${name}`)!.data, data);

  const picture = decodePng(outputOf(folder, "reconstructions.png"));
  assert.is(picture.channels, 1);
  assert.ok(picture.width > 12 * 28 && picture.height > 4 * 28, `${picture.width}×${picture.height}`);
  assert.ok(new Set(picture.data).size > 50, "the picture has shades");

  const curve = outputOf(folder, "loss.svg").toString();
  assert.match(curve, /^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
  assert.match(curve, /<\/svg>\s*$/);
  const count = (pattern: RegExp) => [...curve.matchAll(pattern)].length;
  assert.is(count(/<\w/g), count(/<\//g) + count(/\/>/g), "every element is closed");
}

test("train --json: every event in its order, then the files", async () => {
  const stdout = succeeded(await wgrad(`${training} --epochs 1 --json --out json/run`));
  const events = parseLines(stdout);
  assert.equal(
    events.map(({ event }) => event),
    [
      ...["adapter", "data", "summary"],
      ...["step", "step", "step", "step", "step", "epoch"],
      ...["saved", "saved", "saved", "end"],
    ],
  );
  const [adapter, data, summary, ...rest] = events;
  assert.ok(adapter.name.length > 0 && ["cpu", "gpu"].includes(adapter.kind));
  assert.equal(data, {
    ...{ event: "data", name: "digits-on-disk" },
    ...{ trainCount: 300, testCount: 60, shape: [1, 28, 28] },
  });
  assert.is(summary.parameters, 476_720);
  const steps = rest.filter(({ event }) => event === "step");
  for (const [index, step] of steps.entries()) {
    const { epoch, epochs, step: number, steps: count } = step;
    assert.equal([epoch, epochs, number, count], [1, 1, index + 1, 5]);
    assert.ok(step.samplesPerSecond > 0 && step.secondsLeft >= 0);
  }
  assert.ok(steps[4].loss < 0.8 * steps[0].loss, "it learns");
  const epoch = rest.find(({ event }) => event === "epoch");
  // Of the batches, four have 64 images and the last has 44.
  const mean = steps.reduce((sum, { loss }, index) => sum + loss * (index < 4 ? 64 : 44), 0) / 300;
  assert.ok(Math.abs(epoch.trainLoss - mean) < 1e-9);
  const end = events.at(-1);
  assert.ok(end.seconds > 0);
  assert.is(end.folder, "json/run");
  assert.ok(end.test.mse > 0 && end.test.mse < 0.2);
  assert.ok(Math.abs(end.test.psnr - 10 * Math.log10(1 / end.test.mse)) < 1e-9);
  assert.ok(end.test.ssim > 0 && end.test.ssim < 1);
  assert.is(end.test.loss, end.test.mse);
  assert.equal(epoch.test, end.test);

  assertResults("json/run", { steps: 5, parameters: summary.parameters });
  assert.equal(
    rest.filter(({ event }) => event === "saved").map(({ path }) => path),
    ["model.safetensors", "loss.svg", "reconstructions.png"].map((name) => `json/run/${name}`),
  );
  const metrics = parseLines(outputOf("json/run", "metrics.jsonl").toString());
  assert.equal(
    metrics.filter(({ event }) => event === "step"),
    steps.map(({ secondsLeft, ...others }, index) => ({ ...others, samples: index < 4 ? 64 : 44 })),
  );
  assert.equal(metrics.at(-1), epoch);
  const { tensors } = decodeSafetensors(outputOf("json/run", "model.safetensors"), "model.safetensors");
  const layers = summary.rows.filter(({ parameters }: { parameters: number }) => parameters > 0);
  assert.equal(
    [...tensors.keys()].sort(),
    layers.flatMap(({ path }: { path: string }) => [`${path}.bias`, `${path}.weight`]).sort(),
  );
});

test("train, for people: plain lines, and the same seed gives the same bits", async () => {
  const stdout = succeeded(await wgrad(`${training} --epochs 1 --out plain`));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: none of them may be there
  assert.not.match(stdout, /[\u0000-\u0009\u000b-\u001f]/, "no colours, nothing redrawn");
  const expected = [
    /^adapter {2}\S.* \([CG]PU\)$/,
    /^data {5}digits-on-disk: 300 training and 60 test images of 1×28×28$/,
    /^encoder\.1 +Linear\(784, 256\) +256 +200,960/,
    /^total +476,720/,
    /^epoch 1\/1 {2}step 1\/5 {2}loss 0\.\d+ {2}\S+ samples\/s {2}ETA \d+:\d\d$/,
    /^epoch 1\/1 {2}loss 0\.\d+ {2}test MSE 0\.\d+ {2}PSNR \d+\.\d\d dB {2}SSIM 0\.\d+ {2}\S+ s$/,
    /^saved {4}plain\/model\.safetensors$/,
    /^done {5}test MSE 0\.\d+ {2}PSNR \d+\.\d\d dB {2}SSIM 0\.\d+ {2}in \S+ s$/,
    /^results {2}plain$/,
  ];
  const lines = stdout.split("\n");
  for (const pattern of expected) {
    const found = lines.findIndex((line) => pattern.test(line));
    assert.ok(found >= 0, `${pattern} in its place in:\n${stdout}`);
    lines.splice(0, found + 1);
  }
  assertResults("plain", { steps: 5, parameters: 476_720 });
  assert.ok(outputOf("plain", "model.safetensors").equals(outputOf("json/run", "model.safetensors")));
});

test("the recipe's options are heard, and so is the other model", async () => {
  const options = "--epochs 2 --batch 150 --set loss=bce codeSize=16 --lr 0.001 --seed 7 --json --out other";
  const stdout = succeeded(await wgrad(`train convolutional-autoencoder --data digits-on-disk ${options}`));
  const events = parseLines(stdout);
  const steps = events.filter(({ event }) => event === "step");
  assert.equal(
    steps.map(({ epoch, step }) => [epoch, step]),
    [
      [1, 1],
      [1, 2],
      [2, 1],
      [2, 2],
    ],
  );
  assert.ok(Math.abs(steps[0].loss - Math.log(2)) < 0.1, "binary cross-entropy of an untrained model");
  assertResults("other", { steps: 4, parameters: events[2].parameters });
});

test("a wrong command line: what is wrong and what to do, exit code 2, nothing written", async () => {
  const cases: [line: string, problem: RegExp][] = [
    ["train --epochz 3", /unknown option '--epochz'\n.*Did you mean --epochs/],
    ["train --epochs 0", /'--epochs <count>' argument '0' is invalid.*whole number, 1 or more/],
    ["train --epochs 1.5", /argument '1\.5' is invalid/],
    ["train --batch 0", /'--batch <count>' argument '0' is invalid.*whole number, 1 or more/],
    ["train --batch many", /argument 'many' is invalid/],
    ["train --lr -1", /argument '-1' is invalid.*a number above 0/],
    ["train --lr NaN", /argument 'NaN' is invalid/],
    ["train --checkpoint-every 0", /argument '0' is invalid.*whole number, 1 or more/],
    ["train --out=", /'--out <folder>' argument '' is invalid.*It must be a path, and this is empty/],
    ["train --resume=", /'--resume \[folder\]' argument '' is invalid/],
    ["evaluate --out=", /'--out <folder>' argument '' is invalid/],
    ["predict digit.png --from=", /'--from <training>' argument '' is invalid/],
    ["sample --out=", /'--out <file>' argument '' is invalid/],
    ["profile lenet5 --trace=", /'--trace <file>' argument '' is invalid/],
    ["import lenet5 some.safetensors --out=", /'--out <folder>' argument '' is invalid/],
    ["import lenet5 some.safetensors --classes=", /'--classes <file>' argument '' is invalid/],
    ["train --seed -3", /argument '-3' is invalid.*whole number, 0 or more/],
    ["train --set loss=mae", /the setting loss is one of mse, bce; got "mae"\n {2}help: /],
    ["train --set codeSize=many", /the setting codeSize is a whole number from 1, got "many"\n {2}help: /],
    ["train vae --set std=0", /the setting std is a number above 0, got 0\n {2}help: /],
    ["train alexnet --set groups=3", /the setting groups is one of 2, 1; got "3"\n {2}help: /],
    [
      "train --set size=3",
      /no setting "size=3"\n {2}help: choose from: codeSize=32 \(from 1\), loss=mse\|bce, weightL1=0 \(from 0\), weightL2=0 \(/m,
    ],
    ["train lenet5 --set codeSize=2", /no setting "codeSize=2"\n {2}help: this model has no settings$/m],
    ["train --data", /'--data <source>' argument missing/],
    ["train autoencoder twice", /too many arguments/],
    ["train gpt", new RegExp(`there is no model "gpt"\n {2}help: choose one of: ${modelNames}$`, "m")],
    [
      "train --data mnits",
      /neither a dataset nor a folder "mnits"\n {2}help: .*digits, mnist, fashion-mnist, cifar-10;/,
    ],
    ["train graph-autoencoder --data mnist", /no graph "mnist"\n {2}help: choose one of: karate, blocks$/m],
    ["tarin", /unknown command 'tarin'\n.*Did you mean train/],
    ["gradcheck conw", /no operation has "conw" in its name\n {2}help: .*conv2d/],
  ];
  for (const [line, problem] of cases) assertRefused(await wgrad(line), 2, problem);
  for (const command of [["export"], ["import", "lenet5"], ["predict", "digit.png"]]) {
    const ended = await run(process.execPath, [script, ...command, ""], { cwd: here });
    assertRefused(
      ended,
      2,
      /value '' is invalid for argument '(file|image)'\. It must be a path, and this is empty/,
    );
  }
  assert.not.ok(existsSync(join(here, "out")));
});

test("--json tells a program what is wrong; --verbose shows where", async () => {
  const json = await wgrad("train gpt --json");
  assert.equal([json.code, json.stderr], [2, ""]);
  assert.equal(parseLines(json.stdout), [
    {
      event: "error",
      kind: "ArgumentError",
      message: 'there is no model "gpt"',
      help: `choose one of: ${modelNames}`,
    },
  ]);
  const verbose = await wgrad("train gpt --verbose");
  assert.match(
    verbose.stderr,
    /^error: there is no model "gpt"\n {2}help: .*\n\n[\s\S]*^\s+at .*registry\.ts/m,
  );
});

test("data that is not what it should be: which file, what it is, what was expected", async () => {
  const good = mnistFiles(2, 2);
  const images = "train-images-idx3-ubyte";
  const wholeGzip = gzipSync(good.get(images)!);
  const cases: [name: string, files: Map<string, Uint8Array>, problem: RegExp][] = [
    ["empty", new Map(), /empty: no dataset that is known here[\s\S]*the folder is empty/i],
    [
      "cut-off",
      new Map(good).set(images, good.get(images)!.subarray(0, 1000)),
      /cut off: .*found 1 whole ones/,
    ],
    [
      "cut-gzip",
      new Map(good).set(images, wholeGzip.subarray(0, wholeGzip.length - 9)),
      /gzip data is cut off/,
    ],
    [
      "not-idx",
      new Map(good).set(images, Buffer.from("<!DOCTYPE html><p>404")),
      /an HTML page.*expected IDX/,
    ],
    [
      "labels-as-images",
      new Map(good).set(images, idxFile([2], [1, 2])),
      /IDX file of labels, expected images/,
    ],
    [
      "too-large",
      new Map(good).set(images, idxFile([2, 32, 32], new Uint8Array(2048))),
      /32×32.*expected 28×28/,
    ],
    [
      "label-77",
      new Map(good).set("t10k-labels-idx1-ubyte", idxFile([2], [1, 77])),
      /label 77, expected 0 to 9/,
    ],
    ["counts", new Map(good).set("train-labels-idx1-ubyte", idxFile([3], [1, 2, 3])), /2 images .* 3 labels/],
  ];
  for (const [name, files, problem] of cases) {
    writeFolder(name, files);
    const ended = await wgrad(`train --data ${name} --out of-${name}`);
    assertRefused(ended, 1, problem);
    assert.match(ended.stderr, new RegExp(name === "empty" ? name : "(images-idx3|labels-idx1)-ubyte"));
    assert.equal(readdirSync(join(here, `of-${name}`)), [], "nothing was written");
  }
  assertRefused(await wgrad(`train --data ${join("cut-off", images)}`), 1, /cut-off.*: it is not a folder/);
});

/** Four photographs of each class, in one colour each and of several sizes. */
function writePhotographs(folder: string, classes: readonly string[]): void {
  for (const [label, name] of classes.entries()) {
    const files = [0, 1, 2, 3].map((index): [string, Uint8Array] => {
      const [width, height, depth] = [40 + index, 33, 8];
      const row = Array(width)
        .fill([200 - 150 * label, 40, 50 + 150 * label])
        .flat();
      return [`${index}.png`, pngFile({ width, height, depth, colourType: 2 }, Array(height).fill(row))];
    });
    writeFolder(join(folder, name), new Map(files));
  }
}

test("a folder of photographs for each class: models of small images take it in their own size", async () => {
  writePhotographs("photographs", ["cat", "dog"]);
  for (const model of ["lenet5", "alexnet28", "alexnet-cifar", "vae"]) {
    const line = `train ${model} --data photographs --epochs 1 --batch 3 --out of-photographs/${model} --json`;
    const data = parseLines(succeeded(await wgrad(line))).find(({ event }) => event === "data");
    assert.equal([data.trainCount, data.testCount], [6, 2], model);
    assert.equal(data.shape, model === "alexnet-cifar" ? [3, 32, 32] : [1, 28, 28], model);
  }
  const evaluated = succeeded(await wgrad("evaluate --from of-photographs/lenet5"));
  assert.match(evaluated, /^data {5}.*photographs: 6 training and 2 test images of 1×28×28$/m);
});

test("one class is enough for an autoencoder, not for a classifier", async () => {
  writePhotographs("one-class", ["cat"]);
  const options = "--data one-class --epochs 1 --batch 3";
  const ended = await wgrad(`train lenet5 ${options} --out of-one-class`);
  assertRefused(ended, 1, /one-class\/train: there is one class only, "cat", and a classifier needs two\n/);
  assert.equal(readdirSync(join(here, "of-one-class")), [], "nothing was written");
  succeeded(await wgrad(`train autoencoder ${options} --out of-one-class`));
});

test("a log file of both outputs has every line, in order", async () => {
  const line = `{ "${process.execPath}" "${script}" train --data empty --out of-empty; echo after; } > log 2>&1`;
  assert.is((await run("sh", ["-c", line], { cwd: here })).code, 0);
  const log = readFileSync(join(here, "log"), "utf8");
  assert.match(
    log,
    /^adapter {2}.*\nerror: empty: no dataset that is known here[\s\S]*\n {2}help: .*\nafter\n$/m,
  );
});

for (const [what, goesTo, told] of [
  ["nobody reads: 141, without a word", "| true", /^exit code 141\n$/],
  [
    "takes no more: it is told, and 1",
    ">/dev/full",
    /^error: cannot write to standard output: no space left on the disk\n {2}help: .*\nexit code 1\n$/,
  ],
] as const) {
  test(`an output that ${what}`, async () => {
    for (const line of ["models", "models --json", "--help", "gradcheck relu", `${training} --out unread`]) {
      const command = `{ "${process.execPath}" "${script}" ${line}; echo "exit code $?" >&2; } ${goesTo}`;
      assert.match((await run("sh", ["-c", command], { cwd: here })).stderr, told, line);
    }
  });
}

test("an output folder that cannot be written is refused before the training", async () => {
  writeFileSync(join(here, "in-the-way"), "mine");
  for (const out of ["in-the-way", "in-the-way/below"]) {
    const ended = await wgrad(`${training} --out ${out}`);
    assertRefused(ended, 1, /cannot create the output folder.*in-the-way is a file, not a folder/);
    assert.is(ended.stdout, "");
  }
  assert.is(readFileSync(join(here, "in-the-way"), "utf8"), "mine");
  mkdirSync(join(here, "full"));
  symlinkSync("/dev/full", join(here, "full", ".writable"));
  assertRefused(await wgrad(`${training} --out full`), 1, /no space left on the disk/);
  assert.equal(readdirSync(join(here, "full")), []);
});

test("a disk that is full at the end: what can be gone on with stays, nothing half-written is left", async () => {
  mkdirSync(join(here, "nearly-full"));
  writeFileSync(join(here, "nearly-full", "model.safetensors"), "old");
  symlinkSync("/dev/full", join(here, "nearly-full", ".model.safetensors.partial"));
  const ended = await wgrad(`${training} --epochs 1 --out nearly-full`);
  assertRefused(ended, 1, /cannot write nearly-full\/model\.safetensors: no space left on the disk/);
  assert.equal(readdirSync(join(here, "nearly-full")).sort(), ["checkpoint.safetensors", "metrics.jsonl"]);
  succeeded(await wgrad("train --resume nearly-full"));
  assertResults("nearly-full", { steps: 5, parameters: 476_720 });
});

test("a loss that is no longer a number ends the training", async () => {
  const ended = await wgrad(`${training} --lr 1e9 --out diverged`);
  assertRefused(ended, 1, /the training has diverged: the loss in epoch 1, step \d+ is (NaN|Infinity)/);
  assert.match(ended.stderr, /smaller learning rate, such as --lr 0\.001\n/);
  assert.equal(readdirSync(join(here, "diverged")).sort(), ["checkpoint.safetensors", "metrics.jsonl"]);
  for (const { loss } of parseLines(outputOf("diverged", "metrics.jsonl").toString())) {
    assert.ok(Number.isFinite(loss));
  }
});

test("Ctrl-C: the step is finished, all is saved, exit code 130", async () => {
  const running = startWgrad(`${training} --epochs 100000 --json --out interrupted`);
  await running.saw('"step":3');
  process.kill(running.pid, "SIGINT");
  const stdout = succeeded(await running.ended, 130);
  const events = parseLines(stdout);
  const afterSteps = events.slice(events.findLastIndex(({ event }) => event === "step") + 1);
  assert.equal(
    afterSteps.map(({ event }) => event).filter((event) => event !== "note"),
    ["interrupted", "saved", "saved", "saved", "end"],
  );
  const steps = events.filter(({ event }) => event === "step");
  const { epoch, step } = events.find(({ event }) => event === "interrupted");
  assert.equal([epoch, step], [steps.at(-1).epoch, steps.at(-1).step]);
  assert.ok(
    events.some(({ event, message }) => event === "note" && message.startsWith("stopping after this step")),
  );
  assert.ok(events.at(-1).test.psnr > 0);
  assertResults("interrupted", { steps: steps.length, parameters: events[2].parameters });
});

test("Ctrl-C before the first step: nothing is written", async () => {
  writeFolder("slow", await digitFiles(300, 60));
  const pipe = join(here, "slow", "train-labels-idx1-ubyte.gz");
  const labels = readFileSync(pipe);
  rmSync(pipe);
  execFileSync("mkfifo", [pipe]);
  const running = startWgrad("train --data slow --out never");
  await running.saw("adapter");
  process.kill(running.pid, "SIGINT");
  await wait(300);
  writeFileSync(pipe, labels); // only now can it go on
  const stdout = succeeded(await running.ended, 130);
  assert.match(stdout, /\ninterrupted before the training began\n$/);
  assert.equal(readdirSync(join(here, "never")), []);
});

test("gradcheck: a line for each operation, or an event for each check", async () => {
  const lines = succeeded(await wgrad("gradcheck relu EXP")).split("\n");
  assert.match(lines[0]!, /^adapter {2}\S/);
  const table = lines.slice(2).filter((line) => /^\w+ +[\d,]+ +\d\.\de-?\+?\d+/.test(line));
  const names = table.map((line) => line.split(" ")[0]!);
  for (const name of ["exp", "relu", "leakyRelu"]) assert.ok(names.includes(name), names.join(" "));
  assert.match(lines.at(-2)!, /^\d+ checks: all passed in \d/);

  const events = parseLines(succeeded(await wgrad("gradcheck leakyrelu --json")));
  const checks = events.slice(1, -1);
  assert.ok(checks.length > 3);
  for (const { event, op, ok, forwardError, gradientError } of checks) {
    assert.equal([event, op, ok], ["check", "leakyRelu", true]);
    assert.ok(forwardError < 1e-5 && gradientError < 1e-5);
  }
  const { seconds, ...end } = events.at(-1);
  assert.ok(seconds > 0);
  assert.equal(end, { event: "end", checks: checks.length, failures: 0, complete: true });
});

test("help: every command and option, the models, the datasets; 80 columns", async () => {
  const help = async (line: string) => {
    const stdout = succeeded(await wgrad(line));
    for (const text of stdout.split("\n")) assert.ok(text.length <= 86, text);
    return stdout;
  };
  const train = await help("train --help");
  for (const word of ["wgrad models", "digits", "mnist", "fashion-mnist", "cifar-10", "karate", "blocks"]) {
    assert.match(train, new RegExp(`[ "\`]${word}[ ,"\`\n]`), word);
  }
  for (const option of [
    "data",
    "epochs",
    "batch",
    "lr",
    "set",
    "plain",
    "seed",
    "out",
    "resume",
    "checkpoint-every",
    "json",
    "verbose",
  ]) {
    assert.match(train, new RegExp(`^ {2}--${option}\\b`, "m"));
  }
  const overview = await help("--help");
  const commands = [
    ...["train", "evaluate", "predict", "reconstruct", "sample", "interpolate", "latent-map", "models"],
    ...["summary", "export", "import", "gradcheck", "setup"],
  ];
  for (const command of commands) {
    assert.match(overview, new RegExp(`^ {2}${command} `, "m"));
    if (command !== "setup") assert.match(await help(`${command} --help`), /^ {2}--json\b/m);
  }
  const here = await run("npx", ["wgrad", "gradcheck", "--help"], { cwd: projectRoot });
  assert.is(here.code, 0, here.stderr);
  assert.is(here.stdout, await help("help gradcheck"));
  const nothing = await wgrad("");
  assert.is(nothing.code, 2);
  assert.match(nothing.stderr, /^Usage: wgrad/);
});

test.run();
