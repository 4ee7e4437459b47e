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
   * What all engines have to agree on, images as NCHW: results and gradients; of a training what its first steps do
   * (`firstSteps`), without dropout and with given noise. To be asked before the first run.
   */
  results(): Promise<ArrayLike<number>[]>;
  /** How long the device computes for a run, by its own clock; undefined where it does not tell. */
  deviceMilliseconds?(): Promise<number | undefined>;
}

const checkedSteps = 3;

/**
 * The losses of a training's first steps, and how far these move each parameter: what is wrong in a gradient or in the
 * optimiser may show in the losses only later. Beside the moves stands the first loss: a number that is nearly 0 before a
 * ReLU may fall on either side of it, and small moves be off by a thousandth for that alone.
 * @param step with its number, from 1
 * @param parameters their values, in the order of the layers, weights first
 */
export async function firstSteps(
  step: (number: number) => Promise<number>,
  parameters: () => Promise<ArrayLike<number>[]>,
): Promise<number[][]> {
  const before = await parameters();
  const losses: number[] = [];
  for (let number = 1; number <= checkedSteps; number++) losses.push(await step(number));
  const after = await parameters();
  return [losses, [losses[0], ...after.map((values, index) => distance(values, before[index]))]];
}

/** The Euclidean one. */
function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let index = 0; index < a.length; index++) sum += (a[index] - b[index]) ** 2;
  return Math.sqrt(sum);
}
