/**
 * Learning rates that change over the training, with the formulas of `torch.optim.lr_scheduler`. A schedule is a
 * function from the number of the step (or of the epoch: whatever you count), from 0, to the learning rate. It remembers
 * nothing, so a training that goes on from a checkpoint needs only its number:
 *
 *     const schedule = warmUp(cosineSchedule(0.1, { steps: 950 }), { steps: 50 });
 *     for (let step = 0; step < 1000; step++) {
 *       optimizer.learningRate = schedule(step);
 *       …
 *     }
 *
 * The learning rate on a plateau depends on how the training goes; `reduceOnPlateau` therefore is an object with a state.
 */
import { requireCount, requirePositive, requireRange } from "../arguments.ts";
import { ArgumentError } from "../errors.ts";
import type { Optimizer } from "./optimizer.ts";

/** The learning rate of a step. */
export type Schedule = (step: number) => number;

export interface StepScheduleOptions {
  /** After so many steps … */
  readonly stepSize: number;
  /** … the learning rate is multiplied by this. Default: 0.1. */
  readonly gamma?: number;
}

/** learningRate · gamma^⌊step / stepSize⌋. (`StepLR`) @throws ArgumentError */
export function stepSchedule(learningRate: number, { stepSize, gamma = 0.1 }: StepScheduleOptions): Schedule {
  requirePositive("stepSchedule", { learningRate, gamma });
  requireCount("stepSchedule", { stepSize });
  return (step) => learningRate * gamma ** Math.floor(step / stepSize);
}

export interface CosineScheduleOptions {
  /** From the learning rate down to the minimum; after twice as many steps it is up again. */
  readonly steps: number;
  /** Default: 0. */
  readonly minimum?: number;
}

/**
 * Half a cosine from the learning rate to the minimum. (`CosineAnnealingLR`, after Loshchilov, Hutter: SGDR, ICLR 2017)
 * @throws ArgumentError
 */
export function cosineSchedule(
  learningRate: number,
  { steps, minimum = 0 }: CosineScheduleOptions,
): Schedule {
  requirePositive("cosineSchedule", { learningRate });
  requireCount("cosineSchedule", { steps });
  requireRange("cosineSchedule", { minimum }, 0, learningRate);
  return (step) => alongCosine(learningRate, minimum, step / steps);
}

export interface OneCycleScheduleOptions {
  /** Of the whole training. */
  readonly steps: number;
  /** The share of the steps, between 0 and 1, in which the learning rate rises. Default: 0.3. */
  readonly pctStart?: number;
  /** The first learning rate is the largest one divided by this. Default: 25. */
  readonly divFactor?: number;
  /** The last learning rate is the first one divided by this. Default: 10,000. */
  readonly finalDivFactor?: number;
  /** The way between them. Default: "cosine". */
  readonly annealStrategy?: "cosine" | "linear";
}

/**
 * Up from maximum / divFactor to the maximum, then down to a small fraction of where it began. (`OneCycleLR` of two
 * phases, without its cycle of the momentum; after Smith, Topin: Super-convergence, 2018)
 * @param maximum the largest learning rate
 * @throws ArgumentError; the schedule also throws it for steps after the last one
 */
export function oneCycleSchedule(maximum: number, options: OneCycleScheduleOptions): Schedule {
  const { steps, pctStart = 0.3, divFactor = 25, finalDivFactor = 1e4, annealStrategy = "cosine" } = options;
  requirePositive("oneCycleSchedule", { maximum, divFactor, finalDivFactor });
  requireCount("oneCycleSchedule", { steps });
  requireRange("oneCycleSchedule", { pctStart }, 0, 1);
  const along = { cosine: alongCosine, linear: alongLine }[annealStrategy];
  if (!along)
    throw new ArgumentError(
      `oneCycleSchedule: annealStrategy must be "cosine" or "linear", got "${annealStrategy}"`,
    );
  const first = maximum / divFactor;
  const last = first / finalDivFactor;
  const top = pctStart * steps - 1;
  return (step) => {
    if (!(step >= 0 && step < steps)) {
      throw new ArgumentError(
        `oneCycleSchedule: step ${step} lies outside of its ${steps} steps`,
        "steps must be those of the whole training, counted from 0",
      );
    }
    if (step <= top && top > 0) return along(first, maximum, step / top);
    return along(maximum, last, top < steps - 1 ? (step - top) / (steps - 1 - top) : 1);
  };
}

export interface WarmUpOptions {
  /** How many steps the learning rate rises. */
  readonly steps: number;
  /** The share of it, above 0, with which it begins. Default: 1/3. */
  readonly startFactor?: number;
}

/**
 * A straight line up to where `schedule` begins, then `schedule`. (`LinearLR` followed by another schedule in a
 * `SequentialLR`)
 * @throws ArgumentError
 */
export function warmUp(schedule: Schedule, { steps, startFactor = 1 / 3 }: WarmUpOptions): Schedule {
  requireCount("warmUp", { steps });
  requireRange("warmUp", { startFactor }, 0, 1);
  const goal = schedule(0);
  return (step) =>
    step < steps ? alongLine(startFactor * goal, goal, step / steps) : schedule(step - steps);
}

export interface PlateauOptions {
  /** Whether the metric is to fall or to rise. Default: "min". */
  readonly mode?: "min" | "max";
  /** What the learning rates are multiplied by. Default: 0.1. */
  readonly factor?: number;
  /** How many steps without improvement are borne. Default: 10. */
  readonly patience?: number;
  /** By how much the metric must be better than the best one to be an improvement. Default: 0.0001. */
  readonly threshold?: number;
  /** Whether the threshold is a share of the best metric ("rel") or a difference ("abs"). Default: "rel". */
  readonly thresholdMode?: "rel" | "abs";
  /** After a reduction so many steps do not count. Default: 0. */
  readonly cooldown?: number;
  /** No learning rate gets smaller than this. Default: 0. */
  readonly minimum?: number;
}

/** What a plateau's schedule remembers: all that a checkpoint needs. */
export interface PlateauState {
  /** null before the first step. */
  readonly best: number | null;
  readonly badSteps: number;
  readonly cooldownLeft: number;
}

export interface PlateauSchedule {
  /** Takes the metric after an epoch; true if it has reduced the learning rates. A NaN is no improvement. */
  step(metric: number): boolean;
  state(): PlateauState;
  loadState(state: PlateauState): void;
}

/** A smaller change of a learning rate is not worth making. */
const smallestChange = 1e-8;

/**
 * Multiplies the learning rate of every group of the optimiser by `factor` when a metric has not improved for more than
 * `patience` steps. (`ReduceLROnPlateau`)
 * @throws ArgumentError
 */
export function reduceOnPlateau(
  optimizer: Pick<Optimizer, "groups">,
  options: PlateauOptions = {},
): PlateauSchedule {
  const { mode = "min", factor = 0.1, patience = 10, cooldown = 0, minimum = 0 } = options;
  const { threshold = 1e-4, thresholdMode = "rel" } = options;
  if (mode !== "min" && mode !== "max")
    throw new ArgumentError(`reduceOnPlateau: mode must be "min" or "max", got "${mode}"`);
  if (thresholdMode !== "rel" && thresholdMode !== "abs") {
    throw new ArgumentError(`reduceOnPlateau: thresholdMode must be "rel" or "abs", got "${thresholdMode}"`);
  }
  if (!(factor > 0 && factor < 1))
    throw new ArgumentError(`reduceOnPlateau: factor must lie between 0 and 1, got ${factor}`);
  requireRange("reduceOnPlateau", { patience, cooldown }, 0, Number.MAX_SAFE_INTEGER);
  requireRange("reduceOnPlateau", { threshold, minimum }, 0, Number.MAX_VALUE);
  const sign = mode === "min" ? -1 : 1;
  const worst = -sign * Number.POSITIVE_INFINITY;
  let best = worst;
  let badSteps = 0;
  let cooldownLeft = 0;

  function isBetter(metric: number): boolean {
    const wanted = thresholdMode === "rel" ? best * (1 + sign * threshold) : best + sign * threshold;
    return mode === "min" ? metric < wanted : metric > wanted;
  }

  return {
    step(metric) {
      if (isBetter(metric)) {
        best = metric;
        badSteps = 0;
      } else {
        badSteps++;
      }
      if (cooldownLeft > 0) {
        cooldownLeft--;
        badSteps = 0;
      }
      if (badSteps <= patience) return false;
      cooldownLeft = cooldown;
      badSteps = 0;
      let reduced = false;
      for (const group of optimizer.groups) {
        const rate = Math.max(group.learningRate * factor, minimum);
        if (group.learningRate - rate <= smallestChange) continue;
        group.learningRate = rate;
        reduced = true;
      }
      return reduced;
    },
    state: () => ({ best: best === worst ? null : best, badSteps, cooldownLeft }),
    loadState(state) {
      best = state.best ?? worst;
      ({ badSteps, cooldownLeft } = state);
    },
  };
}

/** From one number to another, `share` of the way along half a cosine. */
function alongCosine(from: number, to: number, share: number): number {
  return to + ((from - to) / 2) * (1 + Math.cos(Math.PI * share));
}

function alongLine(from: number, to: number, share: number): number {
  return from + (to - from) * share;
}
