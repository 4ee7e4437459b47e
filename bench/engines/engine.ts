/** What a benchmark asks of an engine. Each lives in a process of its own. */
import type { Work } from "../workloads.ts";

export interface Engine {
  /** The adapter's name, the same for all engines on it. */
  readonly adapter: string;
  /** Makes the inputs and the parameters (`numbers.ts`). */
  prepare(work: Work): Promise<Task>;
  /** Waits for what is under way and gives the device back. */
  close(): Promise<void>;
}

export interface Task {
  /**
   * Does the work once and reads a number of its result, after which the device is done: the loss of a step, the first
   * number of anything else.
   */
  run(): Promise<number>;
  /**
   * What all engines have to agree on, images as NCHW: results and gradients; of a training the losses of the first
   * `checkedSteps`, without dropout and with given noise. To be asked before the first run.
   */
  results(): Promise<ArrayLike<number>[]>;
  /** How long the device computes for a run, by its own clock; undefined where it does not tell. */
  deviceMilliseconds?(): Promise<number | undefined>;
}

/** Of a training: the later ones tell whether the gradients and the optimiser agree. */
const checkedSteps = 3;

/** The losses of the first steps. @param step with the number of the step, from 1 */
export async function firstLosses(step: (number: number) => Promise<number>): Promise<number[][]> {
  const losses: number[] = [];
  for (let number = 1; number <= checkedSteps; number++) losses.push(await step(number));
  return [losses];
}
