/** What a benchmark leaves behind: one record for each engine and workload. */
import { median } from "../models/median.ts";
import type { Answer, EngineName, Success } from "./process.ts";
import type { Workload } from "./workloads.ts";

/** Numbers are null where the engine failed, and where it does not tell. */
export interface BenchRecord {
  readonly engine: EngineName;
  readonly workload: string;
  readonly milliseconds: number | null;
  readonly gflops: number | null;
  /** Of one run, as the submits are. */
  readonly dispatches: number | null;
  readonly submits: number | null;
  /** In all buffers of the process at once. */
  readonly peakBytes: number | null;
  readonly adapter: string | null;
  /** How long JavaScript was busy in a run; only of wgrad. */
  readonly hostMilliseconds: number | null;
  /** How long the device computed, by its own clock; only of wgrad. */
  readonly deviceMilliseconds: number | null;
  /** Why there are no numbers. */
  readonly failure?: string;
}

/** How far results may lie from wgrad's, by the largest of them. */
const tolerance = 1e-3;

/**
 * The median of several answers of an engine.
 * @param reference wgrad's answer; nothing is compared where it failed
 */
export function record(
  engine: EngineName,
  { name, flops }: Workload,
  answers: readonly Answer[],
  reference: Answer,
): BenchRecord {
  const empty = {
    engine,
    workload: name,
    milliseconds: null,
    gflops: null,
    dispatches: null,
    submits: null,
    peakBytes: null,
    adapter: answers[0].adapter,
    hostMilliseconds: null,
    deviceMilliseconds: null,
  };
  const successes: Success[] = [];
  for (const answer of answers) {
    if ("failure" in answer) return { ...empty, failure: shortened(answer.failure) };
    successes.push(answer);
  }
  const [{ values, dispatches = null, submits = null, peakBytes = null, deviceMilliseconds = null }] =
    successes;
  const distance = "values" in reference ? distanceOf(values, reference.values) : 0;
  if (!(distance <= tolerance))
    return { ...empty, failure: `its result is off from wgrad's by ${distance.toExponential(1)}` };
  const milliseconds = median(successes.map((success) => success.milliseconds));
  const host = median(successes.map(({ hostMilliseconds = 0 }) => hostMilliseconds));
  return {
    ...empty,
    milliseconds,
    gflops: flops === null ? null : flops / milliseconds / 1e6,
    dispatches,
    submits,
    peakBytes,
    hostMilliseconds: engine === "wgrad" ? host : null,
    deviceMilliseconds,
  };
}

/** The largest difference in any of the results, by that result's largest number; NaN where one is not a number. */
function distanceOf(
  results: readonly (readonly number[])[],
  reference: readonly (readonly number[])[],
): number {
  if (results.length !== reference.length) return Number.NaN;
  return Math.max(
    ...results.map((values, index) => {
      const expected = reference[index];
      if (values.length !== expected.length) return Number.NaN;
      const largest = Math.max(...expected.map(Math.abs));
      return Math.max(...values.map((value, at) => Math.abs(value - expected[at]))) / largest;
    }),
  );
}

/** A device's complaint goes on for many lines, the first of which says it. */
function shortened(failure: string): string {
  return failure.split("\n")[0].trim();
}
