/** `npm run bench:growth`: how the time of a training step grows with the batch and with the width of a layer. */
import { Command } from "commander";
import { writeWhole } from "../cli/output/folder.ts";
import { formatCount } from "../cli/output/format.ts";
import type { Engine } from "./engines/engine.ts";
import { fitLine, type Line, type Point } from "./fitLine.ts";
import { type Growth, growthPlot } from "./growthPlot.ts";
import { type Reading, startMeter } from "./meter.ts";
import { autoencoderOfWidth, benchModels } from "./models.ts";
import { runProgram } from "./program.ts";
import { adam, type Work } from "./workloads.ts";

interface Series {
  readonly title: string;
  /** What grows. */
  readonly axis: Growth["axis"];
  readonly sizes: readonly number[];
  readonly workOf: (size: number) => Work;
}

/** All sizes take turns, so that what else the machine does meanwhile meets all of them. */
const turns = 12;
/** A short step is run again and again, in milliseconds. */
const turnAtLeast = 50;
const quickMost = 64;

const series: readonly Series[] = [
  {
    title: "autoencoder 784-128-64-32-64-128-784",
    axis: "batch",
    sizes: powersOfTwo(1, 1024),
    workOf: (batch) => ({
      kind: "training",
      name: "autoencoder",
      model: benchModels.autoencoder,
      batch,
      optimizer: adam,
    }),
  },
  {
    title: "LeNet-5",
    axis: "batch",
    sizes: powersOfTwo(1, 1024),
    workOf: (batch) => ({
      kind: "training",
      name: "lenet5",
      model: benchModels.lenet5,
      batch,
      optimizer: adam,
    }),
  },
  {
    title: "autoencoder 784-width-784, batch 128",
    axis: "width",
    sizes: powersOfTwo(16, 4096),
    workOf: (width) => ({
      kind: "training",
      name: "autoencoder",
      model: autoencoderOfWidth(width),
      batch: 128,
      optimizer: adam,
    }),
  },
];

const program = new Command("npm run bench:growth --")
  .description(
    "Times training steps of wgrad on this machine's adapter against the batch, from 1 to 1,024, and against the " +
      "width of a layer, and draws them: what grows as the work does lies on a straight line.",
  )
  .option("--out <file>", "the SVG file to write", "out/growth.svg")
  .option("--quick", `one turn, and nothing above ${quickMost}: to see that everything works`)
  .action(growth);

await runProgram(program);

async function growth({ out, quick: isQuick = false }: { out: string; quick?: boolean }): Promise<void> {
  const readMeter = startMeter(); // before the engine can open a device
  const { openEngine } = await import("./engines/wgrad.ts");
  const engine = await openEngine();
  try {
    console.log(`wgrad on ${engine.adapter}`);
    const drawn: Growth[] = [];
    for (const { title, axis, sizes, workOf } of series) {
      console.log(`\n${title}\n${tableLine([axis, "ms", `ms / ${axis}`, "off the line"])}`);
      const chosen = sizes.filter((size) => !isQuick || size <= quickMost);
      const times = await timesOf(engine, chosen.map(workOf), isQuick ? 1 : turns);
      const points = chosen.map((size, index): Point => [size, times[index]]);
      throwComplaint(readMeter());
      const line = fitLine(points);
      for (const point of points) console.log(pointLine(point, line));
      console.log(`the line: ${number(line.start)} ms + ${number(line.slope)} ms × ${axis}`);
      drawn.push({ title, axis, points, line });
    }
    writeWhole(out, growthPlot(drawn, engine.adapter));
    console.log(`\nsaved ${out}`);
  } finally {
    await engine.close();
  }
}

/** Of each work the best of all its runs, after the first, which compiles: what else the machine does only adds to it. */
async function timesOf(engine: Engine, works: readonly Work[], turns: number): Promise<number[]> {
  const tasks = await Promise.all(works.map((work) => engine.prepare(work)));
  for (const task of tasks) await task.run();
  const best = tasks.map(() => Number.POSITIVE_INFINITY);
  for (let turn = 0; turn < turns; turn++) {
    for (const [index, task] of tasks.entries()) {
      const began = performance.now();
      do {
        const start = performance.now();
        await task.run();
        best[index] = Math.min(best[index], performance.now() - start);
      } while (performance.now() < began + turnAtLeast);
    }
  }
  return best;
}

/** Whatever the device has refused. */
function throwComplaint({ complaint }: Reading): void {
  if (complaint !== undefined) throw new Error(complaint);
}

function pointLine([size, milliseconds]: Point, line: Line): string {
  const off = milliseconds / line.at(size) - 1;
  const percent = `${off < 0 ? "−" : "+"}${Math.abs(100 * off).toFixed(0)} %`;
  return tableLine([formatCount(size), number(milliseconds), number(milliseconds / size), percent]);
}

function tableLine(cells: readonly string[]): string {
  return cells.map((text, column) => text.padStart(column === 0 ? 8 : 18)).join(" ");
}

/** Three significant digits, and all of a whole number. */
function number(value: number): string {
  return Math.abs(value) < 100 ? value.toPrecision(3) : formatCount(Math.round(value));
}

function powersOfTwo(first: number, last: number): number[] {
  return first > last ? [] : [first, ...powersOfTwo(2 * first, last)];
}
