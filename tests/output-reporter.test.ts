/**
 * What a run shows: the JSON lines exactly, the plain lines, and the terminal as a terminal emulator
 * (xterm.js without a screen) sees it.
 */
import { Writable } from "node:stream";
import { setTimeout as wait } from "node:timers/promises";
import { WriteStream } from "node:tty";
import { stripVTControlCharacters } from "node:util";
import xterm from "@xterm/headless";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { StepEvent, TrainingEvent } from "../cli/output/events.ts";
import { progressLine } from "../cli/output/progressBar.ts";
import { chooseMode, createReporter } from "../cli/output/reporter.ts";
import { styleFor } from "../cli/output/style.ts";
import { summaryTable } from "../cli/output/summaryTable.ts";

const escapeCode = "\u001b";
const adapter: TrainingEvent = { event: "adapter", name: "llvmpipe (LLVM 15.0.6, 256 bits)", kind: "cpu" };
const data: TrainingEvent = {
  event: "data",
  name: "mnist",
  trainCount: 60_000,
  testCount: 10_000,
  shape: [1, 28, 28],
};
const summary = {
  event: "summary",
  rows: [
    { path: "encoder.0", layer: "Linear(784, 128)", outputShape: [128], parameters: 100_480, flops: 200_832 },
    { path: "encoder.1", layer: "ReLU()", outputShape: [128], parameters: 0, flops: 128 },
    {
      path: "decoder.unflatten.reshape",
      layer: "ConvTranspose2d(64, 64, kernelSize=11, stride=4, padding=2)",
      outputShape: [64, 14, 14],
      parameters: 495_680,
      flops: 1_430_000_000,
    },
  ],
  parameters: 596_160,
  flops: 1_430_200_960,
} satisfies TrainingEvent;
const step = (number: number, more: Partial<StepEvent> = {}): StepEvent => ({
  event: "step",
  epoch: 1,
  epochs: 5,
  step: number,
  steps: 469,
  loss: 0.123456789 / number,
  samplesPerSecond: 12_345.678,
  secondsLeft: 42.123,
  ...more,
});
const epoch: TrainingEvent = {
  event: "epoch",
  epoch: 1,
  epochs: 5,
  trainLoss: 0.0421,
  test: { mse: 0.0312345678901234, psnr: 15.054 },
  seconds: 12.34,
};
const interrupted: TrainingEvent = { event: "interrupted", epoch: 2, epochs: 5, step: 117, steps: 469 };
const end: TrainingEvent = {
  event: "end",
  seconds: 72.1,
  test: { mse: 0.0123, psnr: 19.1 },
  folder: "out/first",
};

/** A stream that keeps what is written; with `columns`, one that says it is a terminal of that width. */
function recording(columns?: number) {
  const chunks: string[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      chunks.push(String(chunk));
      done();
    },
  });
  const { hasColors, getColorDepth } = WriteStream.prototype;
  const terminal = columns === undefined ? {} : { isTTY: true, columns, rows: 24, hasColors, getColorDepth };
  return { stream: Object.assign(stream, terminal), chunks, text: () => chunks.join("") };
}

/** The lines that a terminal shows after `text`, those above the screen too, without the empty ones at the end. */
async function screen(text: string, columns: number) {
  const terminal = new xterm.Terminal({ cols: columns, rows: 24, convertEol: true, allowProposedApi: true });
  await new Promise<void>((done) => terminal.write(text, done));
  const buffer = terminal.buffer.active;
  const lines = Array.from({ length: buffer.length }, (_, y) => buffer.getLine(y)!);
  const shown = lines.map((line) => line.translateToString(true));
  const wrapped = lines.some((line) => line.isWrapped);
  const cursor = { x: buffer.cursorX, y: buffer.baseY + buffer.cursorY };
  terminal.dispose();
  while (shown.at(-1) === "") shown.pop();
  return { lines: shown, wrapped, cursor };
}

async function withEnvironment(changes: Record<string, string | undefined>, action: () => unknown) {
  const before = { ...process.env };
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
  try {
    await action();
  } finally {
    process.env = before;
  }
}
const colourful = {
  TERM: "xterm-256color",
  CI: undefined, // Node shows no colours there
  NO_COLOR: undefined,
  FORCE_COLOR: undefined,
  NODE_DISABLE_COLORS: undefined,
};

test("json: one object a line, `event` first, numbers as they are", () => {
  const { stream, text } = recording();
  const reporter = createReporter({ mode: "json", stream });
  const events = [adapter, data, summary, step(1), step(2), epoch, interrupted, end];
  for (const event of events) reporter.report(event);
  const lines = text().split("\n");
  assert.is(lines.pop(), "", "the last line is finished");
  assert.equal(
    lines.map((line) => JSON.parse(line)),
    events,
  );
  for (const line of lines) assert.match(line, /^\{"event":"/);
  assert.is(
    lines.at(-1),
    '{"event":"end","seconds":72.1,"test":{"mse":0.0123,"psnr":19.1},"folder":"out/first"}',
  );
});

test("a graph, classifier's figures, and an end without a folder", () => {
  const graph: TrainingEvent = {
    event: "graph",
    name: "blocks",
    nodes: 1000,
    trainEdges: 4521,
    testEdges: 531,
  };
  const told = { ...epoch, test: { loss: 0.5, accuracy: 0.97318, top5: 1 } };
  const known = { ...epoch, test: { mse: 0.25, loss: 0.25 } };
  const over: TrainingEvent = { event: "end", seconds: 1.25, test: { loss: 0.25, auc: 0.95 } };
  const { stream, text } = recording();
  const reporter = createReporter({ mode: "plain", stream });
  for (const event of [graph, told, known, over]) reporter.report(event);
  assert.equal(text().split("\n"), [
    "graph    blocks: 1,000 nodes, 4,521 training and 531 test edges",
    "epoch 1/5  loss 0.04210  test loss 0.5000  accuracy 97.32 %  top-5 100.00 %  12.3 s",
    "epoch 1/5  loss 0.04210  test MSE 0.2500  12.3 s",
    "done     test loss 0.2500  AUC 0.9500  in 1.3 s",
    "",
  ]);
  const json = recording();
  createReporter({ mode: "json", stream: json.stream }).report(over);
  assert.is(json.text(), '{"event":"end","seconds":1.25,"test":{"loss":0.25,"auc":0.95}}\n');
});

test("json: a loss that is no number is null, and the line stays JSON", () => {
  const { stream, text } = recording();
  createReporter({ mode: "json", stream }).report(step(1, { loss: Number.NaN }));
  assert.is(JSON.parse(text()).loss, null);
});

test("plain: lines without escapeCode codes, and few of them", async () => {
  const { stream, text } = recording();
  const reporter = createReporter({ mode: "plain", stream });
  for (const event of [adapter, data, summary]) reporter.report(event);
  for (let number = 1; number <= 468; number++) reporter.report(step(number));
  await wait(2050);
  reporter.report(step(469));
  for (const event of [epoch, interrupted, end]) reporter.report(event);
  assert.is(stripVTControlCharacters(text()), text());
  assert.equal(
    text()
      .split("\n")
      .filter((line) => line.startsWith("epoch")),
    [
      "epoch 1/5  step 1/469  loss 0.1235  12,346 samples/s  ETA 0:42",
      "epoch 1/5  step 469/469  loss 0.0002632  12,346 samples/s  ETA 0:42",
      "epoch 1/5  loss 0.04210  test MSE 0.03123  PSNR 15.05 dB  12.3 s",
    ],
  );
  assert.ok(
    text().startsWith(
      "adapter  llvmpipe (LLVM 15.0.6, 256 bits) (CPU)\n" +
        "data     mnist: 60,000 training and 10,000 test images of 1×28×28\n",
    ),
  );
  assert.ok(
    text().endsWith(
      "interrupted in epoch 2 of 5, after step 117 of 469\n" +
        "done     test MSE 0.01230  PSNR 19.10 dB  in 1 min 12 s\nresults  out/first\n",
    ),
  );
});

for (const columns of [80, 40, 20]) {
  test(`terminal of ${columns} columns: one line that moves, then the epoch's line in its place`, async () => {
    await withEnvironment(colourful, async () => {
      const { stream, chunks, text } = recording(columns);
      const reporter = createReporter({ mode: "terminal", stream });
      for (const number of [1, 100, 300]) {
        reporter.report(step(number));
        await wait(110);
      }
      const during = await screen(text(), columns);
      assert.is(during.lines.length, 1, during.lines.join("\n"));
      assert.not(during.wrapped);
      assert.ok(during.lines[0]!.length < columns);
      assert.ok(during.lines[0]!.includes("0.0004115"), during.lines[0]);
      assert.match(during.lines[0]!, columns >= 40 ? / 0:42$/ : /^1\/5 +63% /);
      if (columns >= 40) assert.match(during.lines[0]!, /█+░+/);
      if (columns >= 80) assert.ok(during.lines[0]!.includes("12,346 samples/s  ETA 0:42"));
      assert.equal(during.cursor, { x: 0, y: 1 }, "whoever writes next starts on a fresh line");
      assert.is(chunks.length, 3, "a frame is one write");
      for (const chunk of chunks) {
        assert.ok(
          chunk.startsWith(`${escapeCode}[?2026h`) && chunk.endsWith(`${escapeCode}[?2026l`),
          "drawn all at once",
        );
      }

      reporter.report(step(468));
      reporter.report(step(469));
      const last = (await screen(text(), columns)).lines;
      assert.ok(last.length === 1 && last[0]!.includes("0.0002632"), "the last step is always drawn");
      reporter.report(epoch);
      const after = await screen(text(), columns);
      assert.is(after.lines.join(""), "epoch 1/5  loss 0.04210  test MSE 0.03123  PSNR 15.05 dB  12.3 s");
      assert.not.ok(text().includes(`${escapeCode}[?25l`), "the cursor is never hidden");
    });
  });
}

test("terminal: a thousand steps in no time are drawn once", () => {
  const { stream, chunks } = recording(80);
  const reporter = createReporter({ mode: "terminal", stream });
  for (let number = 1; number <= 1000; number++) reporter.report(step(1, { step: number, steps: 2000 }));
  assert.is(chunks.length, 1);
});

test("terminal: the bar follows a change of width", async () => {
  const { stream, text } = recording(40);
  const reporter = createReporter({ mode: "terminal", stream });
  reporter.report(step(100));
  const narrow = (await screen(text(), 40)).lines[0]!;
  stream.columns = 80;
  await wait(110);
  reporter.report(step(200));
  const wide = (await screen(text(), 80)).lines;
  assert.is(wide.length, 1);
  assert.ok(narrow.length < 40 && wide[0]!.length > 60);
});

test("terminal: a note goes above the bar; after an interruption the bar stands as it was", async () => {
  const { stream, text } = recording(80);
  const reporter = createReporter({ mode: "terminal", stream });
  reporter.report(step(116));
  reporter.report({ event: "note", message: "stopping after this step" });
  reporter.report(step(117)); // too soon for another frame
  const bar = (loss: string) => new RegExp(`^epoch 1/5 .* loss ${loss} .* ETA 0:42$`);
  const before = await screen(text(), 80);
  assert.is(before.lines.length, 2);
  assert.is(before.lines[0], "stopping after this step");
  assert.match(before.lines[1]!, bar("0.001064"));
  reporter.report(interrupted);
  reporter.report({ event: "saved", path: "out/first/loss.svg" });
  const { lines } = await screen(text(), 80);
  assert.is(lines.length, 4, lines.join("\n"));
  assert.match(lines[1]!, bar("0.001055"));
  assert.is(lines[2], "interrupted in epoch 2 of 5, after step 117 of 469");
  assert.is(lines[3], "saved    out/first/loss.svg");
});

test("terminal: what others write after a frame starts on a fresh line", async () => {
  const { stream, text } = recording(80);
  createReporter({ mode: "terminal", stream }).report(step(117));
  stream.write("error: something\n");
  const { lines } = await screen(text(), 80);
  assert.is(lines.length, 2);
  assert.is(lines[1], "error: something");
});

test("terminal: a whole run on a small screen loses none of its lines", async () => {
  const { stream, text } = recording(120);
  stream.rows = 5;
  const reporter = createReporter({ mode: "terminal", stream });
  for (const event of [adapter, data, summary, step(469), epoch, step(469), end]) reporter.report(event);
  const { lines } = await screen(text(), 120);
  for (const start of [
    "adapter",
    "data",
    "path",
    "encoder.0",
    "total",
    "epoch 1/5  loss",
    "done",
    "results",
  ]) {
    assert.is(lines.filter((line) => line.startsWith(start)).length, 1, `${start}\n${lines.join("\n")}`);
  }
});

test("colours: on a terminal, and not when NO_COLOR asks for none", async () => {
  const shown = () => {
    const { stream, text } = recording(80);
    const reporter = createReporter({ mode: "terminal", stream });
    for (const event of [summary, step(100), end]) reporter.report(event);
    return text();
  };
  const colour = new RegExp(`${escapeCode}\\[[0-9;]*m`);
  await withEnvironment(colourful, () => assert.match(shown(), colour));
  await withEnvironment({ ...colourful, NO_COLOR: "1" }, () => assert.not.match(shown(), colour));
});

test("a progress line fits every width and says what it can", () => {
  const plain = styleFor(recording().stream);
  const worst = step(469, {
    epoch: 10,
    epochs: 100,
    loss: 1.234e-7,
    samplesPerSecond: 123_456,
    secondsLeft: 45_296,
  });
  for (const event of [
    step(1),
    step(469),
    worst,
    step(3, { loss: Number.NaN, secondsLeft: Number.POSITIVE_INFINITY }),
  ]) {
    for (let columns = 1; columns <= 200; columns++) {
      const line = progressLine(event, columns, plain);
      assert.ok(line.length < columns || line === "", `${columns}: ${line}`);
      if (columns >= 40) assert.match(line, /[█░]{4}.*\/s/);
    }
  }
});

test("the summary: columns line up, and a narrow terminal cuts names but no numbers", () => {
  const plain = styleFor(recording().stream);
  const lines = summaryTable(summary, Number.POSITIVE_INFINITY, plain);
  assert.is(new Set(lines.map((line) => line.length)).size, 1, lines.join("\n"));
  const numbers = lines
    .filter((line) => !line.startsWith("─"))
    .map((line) => line.trim().split(/ {2,}/).slice(-2));
  assert.equal(numbers, [
    ["parameters", "FLOPs/sample"],
    ["100,480", "201 K"],
    ["0", "128"],
    ["495,680", "1.43 G"],
    ["596,160", "1.43 G"],
  ]);
  for (const columns of [120, 80, 64, 60, 40]) {
    const cut = summaryTable(summary, columns, plain);
    for (const line of cut) assert.ok(line.length <= columns, `${columns}: ${line}`);
    assert.match(cut[4]!, /64×14×14 +495,680 +1\.43 G$/);
  }
});

test("the way to show a run follows from the stream", async () => {
  await withEnvironment({ TERM: "xterm" }, () => {
    assert.is(chooseMode(true, recording(80).stream), "json");
    assert.is(chooseMode(false, recording(80).stream), "terminal");
    assert.is(chooseMode(false, recording().stream), "plain");
    assert.is(chooseMode(false, recording(0).stream), "plain");
  });
  await withEnvironment({ TERM: "dumb" }, () => assert.is(chooseMode(false, recording(80).stream), "plain"));
});

test.run();
