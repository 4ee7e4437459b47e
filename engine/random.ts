/**
 * Random numbers, drawn on the device. The generator is counter-based (Philox, see `shaders/philox.wgsl`): a number
 * depends on the seed, the number of the draw and the element alone, not on numbers drawn before it. So every thread
 * draws for itself, and whoever knows a draw's number can draw it again.
 *
 * Every device has one generator, with the seed 0 until `manualSeed`.
 */
import philoxSource from "../shaders/philox.wgsl";
import randomSource from "../shaders/random.wgsl";
import { requireRange } from "./arguments.ts";
import { currentDevice } from "./currentDevice.ts";
import { ArgumentError } from "./errors.ts";
import type { Gpu } from "./gpu/gpu.ts";
import { kernel } from "./gpu/kernel.ts";
import { dispatchElements } from "./ops/slices.ts";
import { type Draw, drawWords } from "./philox.ts";
import { checkShape, type Shape } from "./shape.ts";
import { emptyTensor, type Tensor } from "./tensor.ts";

/** All that a checkpoint needs to go on with the same random numbers. */
export interface GeneratorState {
  readonly seed: number;
  /** How many draws were made: the number of the next one. */
  readonly draws: number;
}

const generators = new WeakMap<Gpu, GeneratorState>();

/** The state of the current device's generator. */
export function generatorState(): GeneratorState {
  return stateOf(currentDevice());
}

/** Goes on from a state that `generatorState` returned. @throws ArgumentError; RecordingError in a recorded step */
export function setGeneratorState({ seed, draws }: GeneratorState): void {
  requireWhole("setGeneratorState", "seed", seed);
  requireWhole("setGeneratorState", "number of draws", draws);
  startFrom({ seed, draws });
}

/**
 * Starts the current device's random numbers over.
 * @param seed a whole number from 0 to 2^53 - 1
 * @throws ArgumentError; RecordingError in a recorded step
 */
export function manualSeed(seed: number): void {
  requireWhole("manualSeed", "seed", seed);
  startFrom({ seed, draws: 0 });
}

/** @throws RecordingError: a recorded step would do it once, and in no replay */
function startFrom(state: GeneratorState): void {
  const gpu = currentDevice();
  gpu.refuseInStep("seed the generator");
  generators.set(gpu, state);
}

/**
 * The next draw of the device's generator, for an operation with randomness of its own. Each is given out once: in a
 * recorded step the draw becomes another one with every run, so it is to be read when the uniforms are worked out.
 */
export function nextDraw(gpu: Gpu): Draw {
  const given = { seed: 0, draw: 0 };
  gpu.everyRun(() => {
    const { seed, draws } = stateOf(gpu);
    generators.set(gpu, { seed, draws: draws + 1 });
    Object.assign(given, { seed, draw: draws });
  });
  return given;
}

/** How many of the 2^24 values of a random word's upper 24 bits have to count for an event of this probability. */
export function chanceOf(probability: number): number {
  return Math.round(probability * 2 ** 24);
}

/** Evenly from [low, high): float32 on the current device. @throws ShapeError, ArgumentError unless low < high */
export function uniform(shape: Shape, { low = 0, high = 1 }: { low?: number; high?: number } = {}): Tensor {
  const isRange = Math.fround(low) < Math.fround(high) && Number.isFinite(Math.fround(high - low));
  if (!isRange) {
    throw new ArgumentError(
      `uniform: there are no float32 numbers from ${low} up to (not including) ${high}`,
      "low must be less than high, and both finite",
    );
  }
  return drawn("uniform", shape, "uniformNumbers", [low, high]);
}

/**
 * From the normal distribution: float32 on the current device.
 * @param options mean; std: the standard deviation, 0 or more
 * @throws ShapeError, ArgumentError
 */
export function normal(shape: Shape, { mean = 0, std = 1 }: { mean?: number; std?: number } = {}): Tensor {
  if (!Number.isFinite(mean) || !Number.isFinite(std) || std < 0) {
    throw new ArgumentError(
      `normal: mean ${mean} and standard deviation ${std} describe no distribution`,
      "both must be finite, and the standard deviation 0 or more",
    );
  }
  return drawn("normal", shape, "normalNumbers", [mean, std]);
}

/** 1 with the given probability, else 0: float32 on the current device. @throws ShapeError, ArgumentError */
export function bernoulli(shape: Shape, probability: number): Tensor {
  requireRange("bernoulli", { probability }, 0, 1);
  return drawn("bernoulli", shape, "bernoulliNumbers", [chanceOf(probability)]);
}

function drawn(name: string, shape: Shape, distribution: string, parameters: readonly number[]): Tensor {
  checkShape(name, shape);
  const gpu = currentDevice();
  const result = emptyTensor(gpu, shape);
  const draw = nextDraw(gpu);
  dispatchElements({
    kernel: kernel(name, [philoxSource, randomSource], {
      numbers: `fn numbers(words: vec4u) -> vec4f { return ${distribution}(words); }`,
    }),
    buffers: [result],
    uniforms: () => ({ draw: drawWords(draw), parameters }),
    flops: 0,
  });
  return result;
}

function stateOf(gpu: Gpu): GeneratorState {
  return generators.get(gpu) ?? { seed: 0, draws: 0 };
}

function requireWhole(name: string, what: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0)
    throw new ArgumentError(`${name}: the ${what} must be a whole number from 0 to 2^53 - 1, got ${value}`);
}
