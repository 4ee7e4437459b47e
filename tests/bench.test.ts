/** `npm run bench` on its smallest workload, without the peers: they are the long part. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { firstSteps } from "../bench/engines/engine.ts";
import { fitLine } from "../bench/fitLine.ts";
import { quick } from "../bench/measure.ts";
import type { Layer } from "../bench/models.ts";
import { ask, findPython } from "../bench/process.ts";
import { type BenchRecord, record } from "../bench/record.ts";
import { spread } from "../bench/spread.ts";
import { targetLines } from "../bench/targets.ts";
import { workloads } from "../bench/workloads.ts";
import { temporaryFolder } from "./data-helpers.ts";
import { projectRoot, run } from "./process-helpers.ts";

const loaders = ["--import", "./engine/gpu/wgslLoader.mjs", "--import", "tsx"];
const runScript = (...words: string[]) => run(process.execPath, [...loaders, ...words], { cwd: projectRoot });
const matmul256 = workloads.find(({ name }) => name === "matmul-256")!;
const askOptions = {
  timing: { ...quick, least: 1, most: 1 },
  onCard: false,
  python: undefined,
  secondsAtMost: 100,
};

function trainingNamed(name: string) {
  const workload = workloads.find((one) => one.name === name)!;
  if (workload.work.kind !== "training") throw new Error(`${name} is no training`);
  return { workload, work: workload.work };
}

const bench = (...words: string[]) => runScript("bench/main.ts", ...words);

test("it measures, prints a table and writes records", async () => {
  const file = join(temporaryFolder(), "bench.json");
  const { code, stdout, stderr } = await bench("additions", "--quick", "--peers", "none", "--json", file);
  assert.equal({ code, stderr }, { code: 0, stderr: "" });
  const records = JSON.parse(readFileSync(file, "utf8")) as BenchRecord[];
  assert.is(records.length, 1);
  const [{ milliseconds, hostMilliseconds, deviceMilliseconds, peakBytes, adapter, ...rest }] = records;
  assert.ok(milliseconds! > 0 && hostMilliseconds! > 0 && hostMilliseconds! <= milliseconds!);
  assert.ok(deviceMilliseconds! > 0);
  assert.ok(peakBytes! > 0);
  assert.type(adapter, "string");
  // 200 additions, and one to take the number that is read
  assert.equal(rest, { engine: "wgrad", workload: "additions", gflops: null, dispatches: 201, submits: 1 });
  assert.ok(stdout.startsWith(`adapter  ${adapter} (`), stdout);
  assert.match(stdout, /chain of 200 additions of 16 elements +[\d.]+/);
  assert.ok(stdout.includes(`wgrad on ${adapter}`));
});

test("unknown words are refused", async () => {
  for (const words of [["nothing-like-it"], ["additions", "--peers", "nobody"]]) {
    const { code, stdout, stderr } = await bench(...words);
    assert.is(code, 2);
    assert.is(stdout, "");
    assert.ok(stderr.includes(words.at(-1) === "nobody" ? "none, or some of" : "nothing-like-it"), stderr);
  }
});

test("workloads come in the order of their names; limited in time, peers come last, and nothing after it", async () => {
  const words = ["additions", "matmul-256", "--quick", "--peers", "tfjs,tfjs", "--seconds", "0.0123"];
  const { code, stdout } = await bench(...words);
  const heads = [...stdout.matchAll(/^ +(wgrad ms.*)\nchain.*\nmatmul.*\n$/gm)];
  assert.equal(
    heads.map(([, head]) => head.replace(/ +/g, " ")),
    ["wgrad ms GFLOP/s peer/wgrad", "wgrad ms GFLOP/s tfjs ms peer/wgrad"],
    "peers after all of wgrad, each once",
  );
  assert.is(code, 1);
  const failed = [...stdout.matchAll(/^wgrad fails at (\w+) .*: (killed after 0 s|no time was left)$/gm)];
  assert.equal(
    failed.map(([, first]) => first),
    ["chain", "matmul"],
    stdout,
  );
});

test("a file that cannot be written is refused before anything is measured", async () => {
  const { code, stdout, stderr } = await bench(
    "additions",
    "--peers",
    "none",
    "--json",
    "/proc/no/bench.json",
  );
  assert.equal({ code, stdout }, { code: 1, stdout: "" });
  assert.match(stderr, /^error: cannot create the output folder \/proc\/no.*\n {2}help: /);
});

test("without an adapter there is nothing to time", async () => {
  const { code, stdout, stderr } = await run(process.execPath, [...loaders, "bench/main.ts"], {
    cwd: projectRoot,
    env: { ...process.env, VK_DRIVER_FILES: "/no/such/driver.json" },
  });
  assert.equal({ code, stdout }, { code: 1, stdout: "" });
  assert.match(stderr, /^error: WebGPU is here, but it has no adapter\n {2}help: run `npx wgrad setup`/);
});

test("what is to be reached on a card is told for the largest product and for large batches", () => {
  const measured = (name: string, milliseconds: number, others: Partial<BenchRecord> = {}) => {
    const workload = workloads.find((one) => one.name === name)!;
    const answer = { adapter: "some", milliseconds, values: [[1]] };
    const own = record("wgrad", workload, [answer], answer);
    return {
      workload,
      records: [{ ...own, ...others }, { ...own, engine: "torch", milliseconds: 2 } as const],
    };
  };
  const all = [
    measured("step-alexnet28", 8),
    measured("step-alexnet28-128", 4),
    measured("step-alexnet28-512", 5),
    measured("cold-lenet5", 5),
    measured("max-pool", 5),
    measured("matmul-1024", 1),
    measured("matmul-4096", 9, { deviceMilliseconds: 4.6 }),
    measured("matmul-2048", 1, { milliseconds: null }),
  ];
  const [batch32, batch128, batch512, ...products] = targetLines(all, 67);
  assert.match(batch32, /batch 32: 25 % of PyTorch's speed$/);
  assert.match(batch128, /batch 128: 50 % of PyTorch's speed \(reached: 50 %\)$/);
  assert.match(batch512, /batch 512: 40 % of PyTorch's speed \(missed: 50 %\)$/);
  assert.equal(products, [
    "matmul 1024 × 1024 × 1024: 2.15 TFLOP/s, 3 % of 67",
    "matmul 4096 × 4096 × 4096: 29.9 TFLOP/s, 45 % of 67 (reached: 40 %)",
  ]);
  assert.is(targetLines(all, undefined).length, 3, "no product without the peak");
});

test("a peer with another result has no time", () => {
  const workload = matmul256;
  const answer = (...values: number[]) => [{ adapter: "some", milliseconds: 2, values: [values] }];
  const [reference] = answer(1, -4);
  const near = record("tfjs", workload, answer(1.003, -4), reference);
  assert.equal([near.milliseconds, near.failure], [2, undefined]);
  assert.is(near.gflops, (2 * 256 ** 3) / 2e6);
  for (const far of [answer(1.005, -4), answer(1, Number.NaN), answer(1)]) {
    const { milliseconds, gflops, failure } = record("tfjs", workload, far, reference);
    assert.equal([milliseconds, gflops], [null, null]);
    assert.match(failure!, /off from wgrad's/);
  }
});

test("a training that goes otherwise has no time", async () => {
  const { workload, work } = trainingNamed("step-alexnet28");
  const { model, optimizer } = work;
  const small = { ...work, batch: 8 };
  const reference = await ask("wgrad", { ...workload, work: small }, askOptions);
  const failureOf = async (change: Partial<typeof work>) => {
    const answer = await ask("tfjs", { ...workload, work: { ...small, ...change } }, askOptions);
    return record("tfjs", workload, [answer], reference).failure;
  };
  assert.is(await failureOf({}), undefined);
  const averaging = model.chains[0].map(
    (layer): Layer => (layer.type === "maxPool2d" ? { ...layer, type: "avgPool2d" } : layer),
  );
  const others = [
    { optimizer: { ...optimizer, learningRate: 0 } },
    { optimizer: { name: "sgd", learningRate: optimizer.learningRate, momentum: 0 } },
    { model: { ...model, chains: [averaging] } },
  ] as const;
  for (const other of others) assert.match((await failureOf(other)) ?? "none", /off from wgrad's/);
});

test("the steps of a training are compared by their losses and by how far each parameter moves", async () => {
  const losses = [3, 2, 1];
  const parameters = [
    [
      [1, 2],
      [4, 6],
    ],
    [[7], [7]],
  ];
  let asked = 0;
  const compared = await firstSteps(
    async (number) => losses[number - 1],
    async () => {
      const time = asked++;
      return parameters.map((values) => values[time]);
    },
  );
  assert.equal(compared, [
    [3, 2, 1],
    [3, 5, 0],
  ]);
});

test("the values that are compared come from all columns and all rows", () => {
  for (const [rows, columns] of [
    [1024, 1024],
    [8 * 256, 27 * 27],
    [256, 96 * 25],
  ]) {
    const places = spread(
      Uint32Array.from({ length: rows * columns }, (_, index) => index),
      4096,
    );
    assert.ok(places.length > 3800 && places.length <= 4096, `${places.length}`);
    assert.is(new Set(places.map((place) => place % columns)).size, columns);
    assert.is(new Set(places.map((place) => Math.floor(place / columns))).size, rows);
  }
  assert.equal(spread([3, 1, 2], 4096), [3, 1, 2]);
});

test("a result that is not finite is a failure", async () => {
  const { workload, work } = trainingNamed("step-lenet5");
  const optimizer = { name: "sgd", learningRate: 1e38, momentum: 0 } as const;
  const diverging = { ...workload, work: { ...work, batch: 2, optimizer } };
  const python = findPython();
  for (const engine of python ? (["wgrad", "torch"] as const) : (["wgrad"] as const)) {
    const answer = await ask(engine, diverging, { ...askOptions, python });
    assert.ok("failure" in answer, engine);
    assert.is(answer.failure, "its result has NaN or infinity");
  }
});

test("of what a process prints the answer counts, and of its complaints the error", async () => {
  const python = join(temporaryFolder(), "python");
  const asked = (...lines: string[]) => {
    writeFileSync(python, ["#!/bin/sh", ...lines, ""].join("\n"), { mode: 0o755 });
    return ask("torch", matmul256, { ...askOptions, python });
  };
  const answer = { adapter: "some", milliseconds: 1, values: [[1]] };
  const printed = ["{ not an answer", "{}", JSON.stringify(answer), "{ nor this"];
  assert.equal(await asked(...printed.map((line) => `echo '${line}'`)), answer);
  const failureOf = async (...lines: string[]) => {
    const answer = await asked(...lines);
    return "failure" in answer ? answer.failure : "none";
  };
  assert.is(
    await failureOf(`exec '${process.execPath}' -e 'throw new TypeError("too large")'`),
    "ended with 1: TypeError: too large",
  );
  assert.is(await failureOf("echo first >&2", "echo last >&2", "exit 3"), "ended with 3: last");
});

test("of several answers the middle one counts, and a failure is passed on", () => {
  const workload = matmul256;
  const answers = [5, 1, 3].map((milliseconds) => ({ adapter: "some", milliseconds, values: [[1]] }));
  assert.is(record("wgrad", workload, answers, answers[0]).milliseconds, 3);
  const failed = { adapter: "some", failure: "too large\n - while binding" };
  assert.is(record("tfjs", workload, [failed], answers[0]).failure, "too large");
});

test("a training step counts no gradient by the images", () => {
  const { workload, work } = trainingNamed("step-autoencoder");
  const [first, ...others] = [784 * 128, 128 * 64, 64 * 32, 32 * 64, 64 * 128, 128 * 784];
  const multiplyAdds = 2 * first + 3 * others.reduce((sum, count) => sum + count, 0);
  assert.is(workload.flops, 2 * work.batch * multiplyAdds);
});

test("growth: a table and a plot with every point", async () => {
  const file = join(temporaryFolder(), "growth.svg");
  const { code, stdout } = await runScript("bench/growth.ts", "--quick", "--out", file);
  assert.is(code, 0, stdout);
  const times = [...stdout.matchAll(/^ +(\d+) +([\d.,]+) +[\d.,]+ +[+−]\d+ %$/gm)].map(([, size]) =>
    Number(size),
  );
  const upTo64 = [1, 2, 4, 8, 16, 32, 64];
  assert.equal(times, [...upTo64, ...upTo64, 16, 32, 64]);
  assert.is(stdout.match(/^the line: [\d.]+ ms \+ [\d.]+ ms × (batch|width)$/gm)!.length, 3);
  const svg = readFileSync(file, "utf8");
  const count = (mark: RegExp) => svg.match(mark)!.length;
  const marks = count(/<circle /g) + count(/<rect [^>]*width="7"/g);
  assert.is(marks, 3 + 2 * times.length, "in the legend, on even axes and on logarithmic ones");
  assert.not.match(svg, /NaN|Infinity|undefined/);
});

test("growth: the line through points on a line, and none that starts below zero", () => {
  const points = (start: number, slope: number) =>
    [1, 4, 64, 1024].map((size) => [size, start + slope * size] as const);
  const near = (actual: number, expected: number) =>
    assert.ok(Math.abs(actual - expected) < 1e-9, `${actual}`);
  const found = fitLine(points(5, 0.25));
  near(found.start, 5);
  near(found.slope, 0.25);
  near(found.at(100), 30);
  const through = fitLine(points(-0.1, 0.25));
  assert.is(through.start, 0);
  assert.ok(through.slope > 0.15 && through.slope < 0.25);
});

test.run();
