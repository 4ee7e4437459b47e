/** How a task is timed. */
import { performance } from "node:perf_hooks";
import { median } from "../models/median.ts";
import type { Task } from "./engines/engine.ts";
import type { Reading } from "./meter.ts";

export interface Measurement {
  /** The median of the runs. */
  readonly milliseconds: number;
  /** How long JavaScript was busy before it could only wait: the median. */
  readonly hostMilliseconds: number;
  /** Of one run. */
  readonly dispatches: number;
  readonly submits: number;
}

/** How often a task is run. */
export interface Timing {
  readonly warmUps: number;
  /** For so many milliseconds at least, the first warm-up not counted, which compiles. */
  readonly warmUpTime: number;
  /** As many timed runs as fit into `budget` milliseconds, between these two. */
  readonly least: number;
  readonly most: number;
  readonly budget: number;
  /** For the first run of a process. */
  readonly processes: number;
}

export const thorough: Timing = {
  warmUps: 2,
  warmUpTime: 0,
  least: 3,
  most: 50,
  budget: 5000,
  processes: 3,
};
/** Graphics cards are slow until they have had something to do for a while, and then quick. */
export const onCard: Timing = {
  warmUps: 3,
  warmUpTime: 300,
  least: 3,
  most: 1000,
  budget: 1000,
  processes: 1,
};
export const quick: Timing = { warmUps: 1, warmUpTime: 0, least: 3, most: 3, budget: 0, processes: 1 };

/** The median of several runs, after the warm-up. */
export async function measure(
  task: Task,
  read: () => Reading,
  { warmUps, warmUpTime, least, most, budget }: Timing,
): Promise<Measurement> {
  let expected = (await timed(task)).milliseconds;
  const compiled = performance.now();
  for (let run = 1; run < warmUps || performance.now() - compiled < warmUpTime; run++)
    expected = (await timed(task)).milliseconds;
  const count = Math.max(least, Math.min(most, Math.round(budget / expected)));
  const before = read();
  const times: Times[] = [];
  for (let run = 0; run < count; run++) times.push(await timed(task));
  const after = read();
  return {
    milliseconds: median(times.map(({ milliseconds }) => milliseconds)),
    hostMilliseconds: median(times.map(({ hostMilliseconds }) => hostMilliseconds)),
    dispatches: Math.round((after.dispatches - before.dispatches) / count),
    submits: Math.round((after.submits - before.submits) / count),
  };
}

/** The very first run, with everything that has to be compiled for it. */
export async function measureCold(
  task: Task,
  read: () => Reading,
): Promise<Measurement & { readonly number: number }> {
  const before = read();
  const { number, ...times } = await timed(task);
  const after = read();
  return {
    ...times,
    number,
    dispatches: after.dispatches - before.dispatches,
    submits: after.submits - before.submits,
  };
}

interface Times {
  readonly milliseconds: number;
  readonly hostMilliseconds: number;
  readonly number: number;
}

async function timed(task: Task): Promise<Times> {
  const start = performance.now();
  const pending = task.run();
  const waiting = performance.now();
  const number = await pending;
  return { milliseconds: performance.now() - start, hostMilliseconds: waiting - start, number };
}
