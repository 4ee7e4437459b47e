/** A training step, timed on the device: which kernel takes how long, and for which layer. */
import { currentDevice } from "../engine/currentDevice.ts";
import type { DispatchTime, Origin } from "../engine/gpu/gpu.ts";
import { type RecordOptions, recordStep } from "../engine/recordedStep.ts";
import type { ModelAtWork } from "./kinds/kind.ts";
import { median } from "./median.ts";
import type { Recipe } from "./recipe.ts";
import type { Batch } from "./training.ts";

export interface ProfiledDispatch {
  readonly kernel: string;
  /** The layer's path, "features.3"; "" is the model itself, undefined what belongs to no layer (loss, optimiser). */
  readonly layer: string | undefined;
  /** "Linear(784, 256)" */
  readonly module: string | undefined;
  readonly phase: Origin["phase"];
  readonly workgroups: number;
  readonly flops: number;
  /** Of all that it binds, each once. */
  readonly bytes: number;
  /** The median over the steps. */
  readonly seconds: number;
}

/** A dispatch of one of the steps, in seconds since that step's first one began. */
export interface TimedDispatch extends ProfiledDispatch {
  readonly start: number;
}

export interface StepProfile {
  /** The median of the steps as they usually run, from the first line of JavaScript to the loss. */
  readonly seconds: number;
  /** How long JavaScript was busy with it before it could only wait: the median. */
  readonly hostSeconds: number;
  readonly dispatches: readonly ProfiledDispatch[];
  /** The step that took the median of all times, as it ran. */
  readonly timeline: readonly TimedDispatch[];
}

/** The first ones of a recording compile the kernels, and make what the optimiser remembers. */
const warmUps = 2;

/**
 * Trains on example data: `steps` steps as they are, then as many with every dispatch timed.
 * @throws AdapterError when the adapter has no timestamps
 */
export async function profileStep<Data, B extends Batch>(
  atWork: ModelAtWork<Data, B>,
  recipe: Recipe,
  steps: number,
): Promise<StepProfile> {
  const gpu = currentDevice();
  const { update } = atWork.trainer(recipe, 2 * (warmUps + steps));
  const batch = atWork.example(recipe.batchSize);
  let done = 0;
  async function warmedUp(options: RecordOptions) {
    const step = recordStep(() => update(batch, () => done), options);
    const run = async () => {
      const losses = await step.run({});
      done++;
      return losses;
    };
    for (let i = 0; i < warmUps; i++) await (await run()).loss.item();
    return { run, release: step.release };
  }
  const usual = await warmedUp({});
  const [whole, host]: number[][] = [[], []];
  for (let i = 0; i < steps; i++) {
    const start = performance.now();
    const running = usual.run();
    host.push((performance.now() - start) / 1000);
    await (await running).loss.item();
    whole.push((performance.now() - start) / 1000);
  }
  usual.release();
  const apart = await warmedUp({ apart: true }); // each command is one layer's
  const profiled: (readonly DispatchTime[])[] = [];
  for (let i = 0; i < steps; i++) profiled.push(await gpu.profile(apart.run));
  apart.release();
  const describe = layersOf(atWork.model);
  const alike = profiled.filter((step) => haveSameKernels(step, profiled.at(-1)!));
  const totals = alike.map((step) => step.reduce((sum, time) => sum + secondsOf(time), 0));
  const typical = alike[totals.indexOf([...totals].sort((a, b) => a - b)[alike.length >> 1])];
  return {
    seconds: median(whole),
    hostSeconds: median(host),
    dispatches: typical.map((time, index) => ({
      ...described(time, describe),
      seconds: median(alike.map((step) => secondsOf(step[index]))),
    })),
    timeline: typical.map((time) => ({
      ...described(time, describe),
      seconds: secondsOf(time),
      start: time.start / 1e9,
    })),
  };
}

type Layer = Pick<ProfiledDispatch, "layer" | "module">;

/** From a module to where it is and what it is. */
function layersOf(model: ModelAtWork<never, never>["model"]): ReadonlyMap<object, Layer> {
  return new Map(
    [...model.namedModules()].map(([layer, module]) => [module, { layer, module: module.describe() }]),
  );
}

function described(
  time: DispatchTime,
  layers: ReadonlyMap<object, Layer>,
): Omit<ProfiledDispatch, "seconds"> {
  const { kernel, origin, workgroups, flops, bytes } = time;
  const none: Layer = { layer: undefined, module: undefined };
  const layer = (origin?.module && layers.get(origin.module)) ?? none;
  return { kernel, ...layer, phase: origin?.phase ?? "forward", workgroups, flops, bytes };
}

function secondsOf({ start, end }: DispatchTime): number {
  return (end - start) / 1e9;
}

/** Steps whose medians can be taken dispatch by dispatch. */
function haveSameKernels(a: readonly DispatchTime[], b: readonly DispatchTime[]): boolean {
  return a.length === b.length && a.every(({ kernel }, index) => kernel === b[index].kernel);
}
