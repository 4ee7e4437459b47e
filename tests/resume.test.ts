/**
 * A training that is killed and resumed, as often as one likes, leaves the same bytes as one that ran through. First
 * the real command line and real kills; then every single step of a training as the place where it stops.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Writable } from "node:stream";
import { gunzipSync, gzipSync } from "node:zlib";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openOutputFolder } from "../cli/output/folder.ts";
import { createReporter } from "../cli/output/reporter.ts";
import { fit } from "../cli/training/fit.ts";
import { resultFiles, writeResults } from "../cli/training/results.ts";
import { syntheticDigits } from "../data/syntheticDigits.ts";
import { openDevice } from "../engine/currentDevice.ts";
import { decodeSafetensors, encodeSafetensors } from "../engine/io/safetensors.ts";
import { manualSeed } from "../engine/random.ts";
import { decodeCheckpoint, encodeCheckpoint } from "../models/checkpoint.ts";
import { findModel } from "../models/registry.ts";
import { chooseSettings } from "../models/settings.ts";
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
import { temporaryFolder } from "./data-helpers.ts";
import { run } from "./process-helpers.ts";

const count = 42;
writeFolder("digits-on-disk", await digitFiles(count, 8));
/** In batches of 4: 11 steps an epoch, the last one of 2 images. */
const recipe = "--data digits-on-disk --batch 4 --epochs 2 --json";
const stepsAnEpoch = Math.ceil(count / 4);

/** metrics.jsonl without what the clock says. */
function figuresOf(bytes: Buffer): unknown[] {
  return parseLines(bytes.toString()).map(({ samplesPerSecond, seconds, ...figures }) => figures);
}

/** The files of both folders are the same, byte for byte, but for the times in metrics.jsonl. */
function assertSame(one: string, other: string, where: string): void {
  const names = readdirSync(one).sort();
  assert.equal(readdirSync(other).sort(), names, where);
  for (const name of names) {
    const [first, second] = [readFileSync(join(one, name)), readFileSync(join(other, name))];
    if (name === resultFiles.metrics) assert.equal(figuresOf(second), figuresOf(first), where);
    else assert.ok(second.equals(first), `${where}: ${name} has other bytes`);
  }
  for (const name of Object.values(resultFiles)) assert.ok(names.includes(name), name);
}

interface Stop {
  readonly epoch: number;
  /** From 1: the process is stopped when it tells of this step. */
  readonly step: number;
  readonly by?: NodeJS.Signals;
}

/** Runs the command until it tells of the step; what it had told by its end. */
async function stopped(line: string, { epoch, step, by = "SIGKILL" }: Stop) {
  const running = startWgrad(line);
  await running.saw(`"epoch":${epoch},"epochs":2,"step":${step},`);
  process.kill(running.pid, by);
  const { code, stdout } = await running.ended;
  assert.is(code, by === "SIGINT" ? 130 : null, stdout.slice(-500));
  return stdout
    .split("\n")
    .slice(0, -1)
    .map((text) => JSON.parse(text));
}

/** Where it began or went on: the number of its first step over the whole training, from 0. */
function firstStep(events: readonly { event: string; epoch: number; step: number; steps: number }[]): number {
  const { epoch, step, steps } = events.find(({ event }) => event === "step")!;
  return (epoch - 1) * steps + step - 1;
}

/** Trains through, and also with stops, each of which is resumed; the same must come of both. */
async function assertResumes(model: string, stops: readonly Stop[], batch = 4): Promise<void> {
  const begin = `train ${model} --data digits-on-disk --batch ${batch} --epochs 2 --json`;
  const steps = Math.ceil(count / batch);
  const folder = `${model}-stopped`;
  const every = " --checkpoint-every 5";
  const through = wgrad(`${begin} --out ${model}-through`);
  let line = `${begin}${every} --out ${folder}`;
  let reached = 0;
  for (const stop of stops) {
    const first = firstStep(await stopped(line, stop));
    assert.ok(first >= reached && (first % 5 === 0 || first % steps === 0), `it went on from ${first}`);
    const done = (stop.epoch - 1) * steps + stop.step;
    const sure = Math.floor((done - 1) / 5) * 5; // a step is told of when the one after it has been given
    reached = Math.max(sure, (stop.epoch - 1) * steps);
    line = `train --resume ${folder} --json${every}`;
  }
  const events = parseLines(succeeded(await wgrad(line)));
  assert.ok(firstStep(events) >= reached, "what was saved was not trained again");
  assert.is(events.at(-1).event, "end");
  succeeded(await through);
  assertSame(join(here, `${model}-through`), join(here, folder), model);
}

test("an autoencoder with Adam: killed soon after its start, in both epochs, and once after a resumption", () =>
  assertResumes("autoencoder", [
    { epoch: 1, step: 3 },
    { epoch: 1, step: 8 },
    { epoch: 2, step: 7 },
  ]));

test("a denoising autoencoder: noise from the device", () =>
  assertResumes("denoising-autoencoder", [{ epoch: 2, step: 4 }]));

test("an adversarial autoencoder: three optimisers, codes drawn from a prior", () =>
  assertResumes("adversarial-autoencoder", [{ epoch: 1, step: 9 }]));

test("a classifier with dropout, augmentation and a schedule", () =>
  assertResumes("alexnet28", [{ epoch: 2, step: 2 }], 8));

test("Ctrl-C, then resume: it begins where it stopped; then once more, with nothing left to do", async () => {
  const events = await stopped(`train autoencoder ${recipe} --out out/autoencoder`, {
    ...{ epoch: 1, step: 4 },
    by: "SIGINT",
  });
  const { epoch, step } = events.find(({ event }) => event === "interrupted");
  const early = outputOf("out/autoencoder", "model.safetensors");
  const resumed = parseLines(succeeded(await wgrad("train --resume --json")));
  assert.is(firstStep(resumed), (epoch - 1) * stepsAnEpoch + step, "not a step is lost");
  assertSame(join(here, "autoencoder-through"), join(here, "out/autoencoder"), "after Ctrl-C");
  assert.not.ok(early.equals(outputOf("out/autoencoder", "model.safetensors")));

  const again = parseLines(succeeded(await wgrad("train autoencoder --resume --json")));
  assert.equal(
    again.map(({ event }) => event),
    ["adapter", "data", "summary", "saved", "saved", "saved", "end"],
  );
  assert.equal(again.at(-1).test, resumed.at(-1).test);
  assertSame(join(here, "autoencoder-through"), join(here, "out/autoencoder"), "after its end");
});

test("from another working folder, by the name of the checkpoint", async () => {
  await stopped(`train autoencoder ${recipe} --checkpoint-every 5 --out elsewhere`, { epoch: 1, step: 8 });
  const early = await wgrad("evaluate --from elsewhere");
  assert.equal(
    [early.code, early.stderr],
    [
      1,
      "error: the folder elsewhere has no model.safetensors in it\n" +
        "  help: the training in elsewhere has not ended yet: go on with it, wgrad train --resume elsewhere\n",
    ],
  );
  const unfinished = temporaryFolder();
  cpSync(join(here, "elsewhere"), join(unfinished, "out/mine"), { recursive: true });
  const none = await run(process.execPath, [script, "evaluate"], { cwd: unfinished });
  assert.equal(
    [none.code, none.stderr],
    [
      1,
      "error: there is no trained model in out/\n" +
        "  help: the training in out/mine has not ended yet: go on with it, wgrad train --resume out/mine\n",
    ],
  );
  const cwd = temporaryFolder();
  const file = join(here, "elsewhere", resultFiles.checkpoint);
  succeeded(await run(process.execPath, [script, "train", "--resume", file], { cwd }));
  assert.equal(readdirSync(cwd), []);
  assertSame(join(here, "autoencoder-through"), join(here, "elsewhere"), "from elsewhere");
  cpSync(file, join(here, "elsewhere", "mine.safetensors"));
  assertRefused(
    await wgrad("train --resume elsewhere/mine.safetensors"),
    1,
    /^error: elsewhere\/mine\.safetensors: a training goes on in a folder of its own, from the file checkpoint\./,
  );
});

test("a checkpoint that comes alone, as the page in a browser gives it: it goes on, bit for bit", async () => {
  for (const stop of [6, stepsAnEpoch]) {
    const whole = `alone-${stop}`;
    await stopped(`train autoencoder ${recipe} --checkpoint-every ${stop} --out ${whole}`, {
      epoch: stop === 6 ? 1 : 2,
      step: stop === 6 ? 9 : 2,
    });
    const folder = join(here, `${whole}-moved`);
    mkdirSync(folder);
    cpSync(join(here, whole, resultFiles.checkpoint), join(folder, resultFiles.checkpoint));
    const events = parseLines(succeeded(await wgrad(`train --resume ${whole}-moved --json`)));
    assert.is(firstStep(events), stop);
    for (const name of [resultFiles.weights, resultFiles.checkpoint]) {
      const through = readFileSync(join(here, "autoencoder-through", name));
      assert.ok(readFileSync(join(folder, name)).equals(through), `${name} after step ${stop}`);
    }
    succeeded(await wgrad(`train --resume ${whole}-moved`)); // and once more from what that left
  }
});

test("a new training in an old one's folder, killed at once: what is resumed is the new one", async () => {
  cpSync(join(here, "alexnet28-through"), join(here, "reused"), { recursive: true });
  assert.ok(readdirSync(join(here, "reused")).includes("confusion.svg"));
  writeFileSync(join(here, "reused", "notes.png"), "mine");
  await stopped(`train autoencoder ${recipe} --out reused`, { epoch: 1, step: 1 });
  assert.equal(readdirSync(join(here, "reused")).sort(), [
    ...["checkpoint.safetensors", "metrics.jsonl", "notes.png"],
  ]);
  rmSync(join(here, "reused", "notes.png"));
  succeeded(await wgrad("train --resume reused"));
  assertSame(join(here, "autoencoder-through"), join(here, "reused"), "in the old folder");
});

test("a training whose first step fails: the one that was there is as it was", async () => {
  cpSync(join(here, "autoencoder-through"), join(here, "kept"), { recursive: true });
  const before = snapshot("kept");
  const ended = await wgrad("train autoencoder --data digits-on-disk --set weightL1=1e39 --out kept");
  assertRefused(ended, 1, /the training has diverged: the loss in epoch 1, step 1 is Infinity/);
  assert.equal(snapshot("kept"), before);
});

test("what cannot be resumed: said in words, and the folder is as it was", async () => {
  mkdirSync(join(here, "empty"));
  cpSync(join(here, "autoencoder-through"), join(here, "finished"), { recursive: true });
  const before = snapshot("finished");
  const changes = ["--epochs 3", "--set loss=bce", "--plain"].map(async (change) => {
    const option = change.split(" ")[0];
    assertRefused(
      await wgrad(`train --resume finished ${change}`),
      2,
      new RegExp(`^error: ${option} cannot be changed when a training is resumed: it goes on as it began\n`),
    );
  });
  await Promise.all(changes);
  const cases: [line: string, code: number, message: string][] = [
    [
      "train vae --resume finished",
      2,
      "finished holds a training of autoencoder, not of vae\n  help: leave the model out: wgrad train --resume finished",
    ],
    [
      "train --resume nowhere",
      1,
      "there is no file or folder nowhere\n  help: begin a training with `wgrad train`",
    ],
    [
      "train --resume empty",
      1,
      "the folder empty has no checkpoint.safetensors in it\n  help: begin a training with `wgrad train`",
    ],
    [
      "train --resume finished/model.safetensors",
      1,
      "finished/model.safetensors: this is no checkpoint: it does not say how the training was begun\n" +
        "  help: go on from the file checkpoint.safetensors that `wgrad train` writes",
    ],
  ];
  const refusals = cases.map(async ([line, code, message]) => {
    const ended = await wgrad(line);
    assert.equal([ended.code, ended.stdout, ended.stderr], [code, "", `error: ${message}\n`], line);
  });
  await Promise.all(refusals);
  assert.equal(readdirSync(join(here, "empty")), []);
  assert.equal(snapshot("finished"), before);
});

test("other data than the training began with: what differs is listed, and the folder is as it was", async () => {
  const checkpoint = join(here, "finished", resultFiles.checkpoint);
  const whole = readFileSync(checkpoint);
  const { tensors, metadata } = decodeSafetensors(whole, resultFiles.checkpoint);
  function changed(key: string, change: (described: Record<string, unknown>) => unknown): Uint8Array {
    const text = JSON.stringify(change(JSON.parse(metadata.get(key)!)));
    return encodeSafetensors(tensors, new Map([...metadata, [key, text]]));
  }
  async function assertOther(differences: string): Promise<void> {
    const before = snapshot("finished");
    assertRefused(
      await wgrad("train --resume finished"),
      1,
      new RegExp(
        "digits-on-disk: this is not the data that the training was begun with\n" +
          `         ${differences}\n  help: make the data what it was, or begin a new training\n$`,
      ),
    );
    assert.equal(snapshot("finished"), before);
  }
  const files = await digitFiles(count, 8);
  const fewer = await digitFiles(count - 2, 8);
  const labels = "train-labels-idx1-ubyte.gz";
  const turned = gunzipSync(files.get(labels)!).map((byte, index) => (index < 8 ? byte : 9 - byte));

  writeFolder("digits-on-disk", fewer);
  await assertOther("training images: 42 then, 40 now");
  writeFolder("digits-on-disk", new Map(files).set(labels, gzipSync(turned)));
  await assertOther("labels: the training images have others now, or stand in another order");
  writeFolder("digits-on-disk", files);

  const classes = ["cat", ..."123456789"];
  writeFileSync(
    checkpoint,
    changed("wgrad", (described) => ({ ...described, classes, inputShape: [1, 32, 32] })),
  );
  await assertOther(
    "size of an image: 1×32×32 then, 1×28×28 now\n" +
      "         classes: cat, 1, 2, 3, 4, 5, 6, 7, 8, 9 then, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 now",
  );
  const many = Array.from({ length: 1000 }, (_, index) => (index === 2 ? "cat" : String(index)));
  writeFileSync(
    checkpoint,
    changed("wgrad", (described) => ({ ...described, classes: many })),
  );
  await assertOther(
    "classes: …, cat, 3, 4, 5, 6, 7, 8, 9, 10, 11, … \\(1,000 in all\\) then, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 now",
  );

  writeFileSync(
    checkpoint,
    changed("wgrad.training", ({ fingerprint, ...older }) => older),
  );
  succeeded(await wgrad("train --resume finished"));
  writeFileSync(checkpoint, whole);
});

test("a damaged checkpoint, figures of another training, data that is gone", async () => {
  const whole = readFileSync(join(here, "finished", "checkpoint.safetensors"));
  const text = whole.toString("latin1");
  const changed = (from: string, to: string) => {
    assert.ok(text.includes(from) && from.length === to.length, from);
    return Buffer.from(
      text.replace(from, () => to),
      "latin1",
    );
  };
  const damages: [content: Buffer, problem: RegExp][] = [
    [whole.subarray(0, whole.length - 1000), /checkpoint\.safetensors: cut off: the data of /],
    [
      changed('\\"model\\":\\"autoencoder\\"', '\\"model\\":\\"autoencodxr\\"'),
      /^error: finished\/checkpoint\.safetensors does not fit this version of wgrad: there is no model "autoencodxr"\n {2}help: use it with the version that wrote it, or train again\n$/,
    ],
    [
      changed('\\"loss\\":\\"mse\\"', '\\"loss\\":\\"mae\\"'),
      /finished\/checkpoint\.safetensors does not fit this version of wgrad: the setting loss is one of mse, bce; got "mae"\n/,
    ],
    [
      changed('\\"codeSize\\":32', '\\"codeSize\\":31'),
      /finished\/checkpoint\.safetensors: its state of the optimiser "optimizer" does not fit the model: Adam: .* is \[32, 128\] in the state, but the parameter is \[31, 128\]\n/,
    ],
    [
      changed('\\"stepsDone\\":22', '\\"stepsDone\\":23'),
      /^error: finished\/checkpoint\.safetensors was written after 23 steps, and the whole training has 22\n {2}help: put the file back/,
    ],
  ];
  for (const [content, problem] of damages) {
    writeFileSync(join(here, "finished", "checkpoint.safetensors"), content);
    const before = snapshot("finished");
    assertRefused(await wgrad("train --resume finished"), 1, problem);
    assert.equal(snapshot("finished"), before);
  }
  writeFileSync(join(here, "finished", "checkpoint.safetensors"), whole);
  const figures = join(here, "finished", "metrics.jsonl");
  writeFileSync(figures, readFileSync(figures, "utf8").split("\n").slice(0, 5).join("\n"));
  assertRefused(
    await wgrad("train --resume finished"),
    1,
    /^error: finished\/metrics\.jsonl has the figures of 5 steps, and checkpoint\.safetensors was written after 22: they are not of the same training\n {2}help: put both files back/,
  );
  rmSync(join(here, "digits-on-disk"), { recursive: true });
  for (const [line, file, otherwise] of [
    ["train --resume finished", resultFiles.checkpoint, "begin a new training"],
    ["evaluate --from finished", resultFiles.weights, "name other data with --data"],
  ]) {
    const { code, stderr } = await wgrad(line);
    const gone =
      `the data that finished/${file} was trained on is not here: ` +
      `there is neither a dataset nor a folder "${join(here, "digits-on-disk")}"`;
    assert.equal([code, stderr], [1, `error: ${gone}\n  help: put it back there, or ${otherwise}\n`]);
  }
});

function snapshot(folder: string): unknown {
  const bytes = (name: string) => readFileSync(join(here, folder, name)).toString("latin1");
  return readdirSync(join(here, folder))
    .sort()
    .map((name) => [name, bytes(name)]);
}

// ---- Every step ----

const gpu = await openDevice();
test.after(() => gpu.close());

const data = syntheticDigits({ seed: 1, trainCount: 20, testCount: 4 });
const registered = findModel("sparse-autoencoder");
if (registered.data !== "images") throw new Error("a model of images");
const { open } = registered;
const shape = { inputShape: [1, 28, 28], classes: data.train.classes };
const description = {
  ...{ model: registered.name, data: "digits", seed: 3, ...shape },
  settings: chooseSettings(registered.settings, ["codeSize=4"]),
  recipe: { ...registered.recipe, epochs: 2, batchSize: 4, schedule: "one-cycle" as const },
};

/** Trains, or goes on, until it has told of `stopAfter` steps in all; false when it came to its end. */
async function trainHere(
  path: string,
  resume: boolean,
  stopAfter = Number.POSITIVE_INFINITY,
): Promise<boolean> {
  const folder = openOutputFolder<string>(path, Object.values(resultFiles));
  const stopping = new AbortController();
  const told = createReporter({ mode: "json", stream: new Writable({ write: (_, __, done) => done() }) });
  const reporter: typeof told = {
    report(event) {
      told.report(event);
      if (event.event === "step" && (event.epoch - 1) * event.steps + event.step >= stopAfter)
        stopping.abort();
    },
  };
  manualSeed(description.seed);
  const atWork = open(shape, description.settings);
  const stored = () =>
    decodeCheckpoint(readFileSync(join(path, resultFiles.checkpoint)), resultFiles.checkpoint);
  const training = { atWork, data, description, folder, reporter };
  const { history, evaluation } = await fit({
    ...training,
    checkpoint: resume ? stored() : undefined,
    checkpointEvery: undefined,
    signal: stopping.signal,
  });
  await writeResults({ ...training, history, evaluation: evaluation ?? (await atWork.evaluate(data)) });
  return stopping.signal.aborted;
}

test("stopped after every single step in turn, the last ones of the epochs among them", async () => {
  const through = join(temporaryFolder(), "through");
  assert.is(await trainHere(through, false), false);
  const piecemeal = join(temporaryFolder(), "piecemeal");
  let pieces = 0;
  // A step is given to the device before the one before it is told of: a piece is at least two steps long.
  for (let stop = 1; await trainHere(piecemeal, pieces > 0, stop); stop += 1 + (pieces % 2)) pieces++;
  assert.ok(pieces >= 5, `${pieces} pieces`);
  assertSame(through, piecemeal, "piece by piece");
});

test("nothing of an older training stays, wherever the new one was killed or the old one came from", async () => {
  const through = join(temporaryFolder(), "through");
  await trainHere(through, false);
  const folder = join(temporaryFolder(), "reused");
  const old = join(here, "alexnet28-through");

  cpSync(old, folder, { recursive: true }); // killed when its first checkpoint was all that it had written
  manualSeed(description.seed);
  const { model, ...atWork } = open(shape, description.settings);
  const { optimizers } = atWork.trainer(description.recipe, 10);
  const begun = await encodeCheckpoint({ model, optimizers, stepsDone: 0 }, description);
  writeFileSync(join(folder, resultFiles.checkpoint), begun);
  await trainHere(folder, true);
  assertSame(through, folder, "resumed from step 0");

  writeFileSync(
    join(folder, resultFiles.metrics),
    `${JSON.stringify({ event: "continued", steps: 7, epochs: 0, samplesAStep: 4 })}\n`,
  );
  await trainHere(folder, false);
  assertSame(through, folder, "over figures that came from the page");
});

test.run();
