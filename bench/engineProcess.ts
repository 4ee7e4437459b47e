/** One engine on one workload, in a process of its own: reads a request from its argument and prints the answer. */
import type { Engine } from "./engines/engine.ts";
import { type Measurement, measure, measureCold } from "./measure.ts";
import { startMeter } from "./meter.ts";
import type { Answer, JavaScriptEngine, Request } from "./process.ts";
import { spread } from "./spread.ts";

const engines: Readonly<Record<JavaScriptEngine, () => Promise<{ openEngine(): Promise<Engine> }>>> = {
  wgrad: () => import("./engines/wgrad.ts"),
  tfjs: () => import("./engines/tfjs.ts"),
  "jax-js": () => import("./engines/jax.ts"),
};

const [name, request] = process.argv.slice(2);
const readMeter = startMeter(); // before the engine can open a device
let engine: Engine | undefined;
let answer: Answer;
try {
  const { openEngine } = await engines[name as JavaScriptEngine]();
  engine = await openEngine();
  answer = await answerOf(engine, JSON.parse(request));
} catch (error) {
  answer = { adapter: engine?.adapter ?? null, failure: (error as Error).message };
}
process.stdout.write(`${JSON.stringify(answer)}\n`);
await engine?.close();

/** @throws whatever the engine throws, and what the device complains of */
async function answerOf(engine: Engine, { work, cold, timing, values: most }: Request): Promise<Answer> {
  const task = await engine.prepare(work);
  let measurement: Measurement;
  let values: number[][];
  let deviceMilliseconds: number | undefined;
  if (cold) {
    const { number, ...times } = await measureCold(task, readMeter);
    measurement = times;
    requireFinite([[number]]);
    values = [[number]];
  } else {
    const results = await task.results();
    throwComplaint(); // time is not wasted on nonsense
    requireFinite(results);
    values = results.map((result) => spread(result, most));
    measurement = await measure(task, readMeter, timing);
    deviceMilliseconds = await task.deviceMilliseconds?.();
  }
  throwComplaint();
  const { peakBytes } = readMeter();
  return { adapter: engine.adapter, ...measurement, deviceMilliseconds, peakBytes, values };
}

function throwComplaint(): void {
  const { complaint } = readMeter();
  if (complaint !== undefined) throw new Error(complaint);
}

/** JSON has no such numbers. */
function requireFinite(results: readonly ArrayLike<number>[]): void {
  const areFinite = (values: ArrayLike<number>) => Array.prototype.every.call(values, Number.isFinite);
  if (!results.every(areFinite)) throw new Error("its result has NaN or infinity");
}
