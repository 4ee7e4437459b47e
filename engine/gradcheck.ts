/**
 * Checks gradients against central differences, on the adapter itself, as torch.autograd.gradcheck does: with v a
 * random direction among the outputs, the gradient of v · f by an element of an input must be
 * v · (f(x + h) - f(x - h)) / 2h. The projection on v is done in float64 on the host, so that the only noise is what
 * float32 leaves in f itself; h is about the cube root of float32's precision, where that noise and the error of the
 * difference formula balance.
 */

import { AutogradError, DtypeError, GradcheckError } from "./errors.ts";
import { inferenceMode } from "./gradMode.ts";
import { hostRandom } from "./hostRandom.ts";
import { concat, reshape } from "./ops/layout.ts";
import { type Shape, showShape, sizeOf } from "./shape.ts";
import { Tensor, tensor } from "./tensor.ts";

export { GradcheckError } from "./errors.ts";

export interface GradcheckOptions {
  /** The largest relative error that passes. Default 0.01. */
  readonly tolerance?: number;
  /** How far an element is moved, relative to its size where that is more than 1. Default 1/128. */
  readonly step?: number;
  /** Of an input with more elements so many random ones are checked, and one random direction. Default 100. */
  readonly maxElements?: number;
  /** Chooses the directions and the elements. Default 0. */
  readonly seed?: number | string;
}

/** One derivative, by both ways. */
export interface GradcheckComparison {
  /** Which argument of the function. */
  readonly input: number;
  /** The index of the element; undefined for the derivative along a random direction through all elements. */
  readonly index: readonly number[] | undefined;
  readonly analytic: number;
  readonly numeric: number;
  /** |analytic - numeric|, relative to |numeric| and the mean |numeric| over the input. */
  readonly error: number;
}

export interface GradcheckReport {
  readonly worstError: number;
  /** Undefined where the inputs have no elements. */
  readonly worst: GradcheckComparison | undefined;
  /** Over all inputs, without the random directions. */
  readonly checkedElements: number;
}

/** About the cube root of float32's precision, and a power of two: adding it loses little. */
const defaultStep = 1 / 128;
const precision = 2 ** -24;
/** How many units of it a result may be off, or too small a change of it may be lost. */
const unitsOff = 4;
/** What is off is looked at again with a step this much smaller: a kink is then out of reach, a mistake is not. */
const closer = 8;
/** Outputs that are computed and read together, in elements. */
const elementsTogether = 2 ** 21;

/**
 * Compares the gradients of `fn` by every input that requires one with central differences. The inputs keep their
 * values and their `grad`.
 * @param fn takes as many float32 or whole-numbered tensors as there are inputs and returns a float32 tensor. It must
 * give the same numbers for the same inputs, and be smooth within a step around them: keep away from kinks.
 * @throws GradcheckError that names the element that is furthest off; AutogradError when no input requires a gradient
 */
export async function gradcheck(
  fn: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  options: GradcheckOptions = {},
): Promise<GradcheckReport> {
  const { tolerance = 0.01, step = defaultStep, maxElements = 100, seed = 0 } = options;
  const random = hostRandom(`gradcheck/${seed}`);
  if (!inputs.some((input) => input.requiresGrad)) {
    throw new AutogradError(
      "gradcheck: none of the inputs requires a gradient",
      "make them with tensor(…, { requiresGrad: true })",
    );
  }
  const subject = await analyticGradients(fn, inputs, random);
  const comparisons: GradcheckComparison[] = [];
  for (const [position, input] of inputs.entries()) {
    if (!input.requiresGrad) continue;
    const moves = planMoves((await input.data()) as Float32Array, maxElements, random);
    const found = await derivatives(subject, position, moves, step);
    const typical = meanMagnitude(found.map(({ numeric }) => numeric));
    const compare = ({ element, analytic, numeric, noise }: Derivative): GradcheckComparison => {
      const index = element === undefined ? undefined : indexOf(element, input.shape);
      const error = relativeError(analytic, numeric, typical + noise / tolerance);
      return { input: position, index, analytic, numeric, error };
    };
    const firstLook = found.map(compare);
    const suspects = moves.filter((_, i) => firstLook[i].error > tolerance);
    const secondLook = (await derivatives(subject, position, suspects, step / closer)).map(compare);
    comparisons.push(...firstLook.map((look) => (look.error > tolerance ? secondLook.shift()! : look)));
  }
  const failed = comparisons.filter(({ error }) => error > tolerance);
  if (failed.length > 0) throw disagreement(failed, comparisons.length, subject, step / closer);
  const worst = worstOf(comparisons);
  return {
    worstError: worst?.error ?? 0,
    worst,
    checkedElements: comparisons.filter(({ index }) => index !== undefined).length,
  };
}

/**
 * The difference of two numbers relative to the size of the second and to what is typical around it: an element that
 * happens to be near zero is measured by its neighbours. Infinity where a number is not one.
 */
export function relativeError(got: number, expected: number, typical: number): number {
  const difference = Math.abs(got - expected);
  if (difference === 0) return 0;
  const error = difference / (Math.abs(expected) + typical);
  return Number.isNaN(error) ? Number.POSITIVE_INFINITY : error;
}

export function meanMagnitude(values: ArrayLike<number>): number {
  return Array.from(values).reduce((sum, value) => sum + Math.abs(value), 0) / Math.max(1, values.length);
}

/** Numbers between 0.5 and 1.5 of either sign: every element counts, and none counts for much more than others. */
export function randomDirection(size: number, random: () => number): Float32Array {
  return Float32Array.from({ length: size }, () => (0.5 + random()) * (random() < 0.5 ? -1 : 1));
}

/** Up to `count` different whole numbers below `size`, in order. */
export function chooseElements(size: number, count: number, random: () => number): number[] {
  if (size <= count) return Array.from({ length: size }, (_, element) => element);
  const chosen = new Set<number>();
  while (chosen.size < count) chosen.add(Math.floor(random() * size));
  return [...chosen].sort((a, b) => a - b);
}

export function indexOf(flat: number, shape: Shape): number[] {
  return shape.map((size, axis) => Math.floor(flat / sizeOf(shape.slice(axis + 1))) % size);
}

interface Analytic {
  readonly output: Float32Array;
  readonly shape: Shape;
  /** Undefined for inputs that got none. */
  readonly gradients: readonly (Float32Array | undefined)[];
}

/** A function at a point, and the gradients of direction · fn(…inputs) there. */
interface Subject extends Analytic {
  readonly fn: (...inputs: Tensor[]) => Tensor;
  readonly inputs: readonly Tensor[];
  readonly direction: Float32Array;
}

/** @throws GradcheckError, DtypeError */
async function analyticGradients(
  fn: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  random: () => number,
): Promise<Subject> {
  let direction: Float32Array = new Float32Array();
  async function once(): Promise<Analytic> {
    const leaves = await Promise.all(inputs.map(copyOf));
    const output = fn(...leaves);
    checkOutput(output);
    if (direction.length === 0) direction = randomDirection(output.size, random);
    output.backward(tensor(direction, { shape: output.shape, gpu: output.gpu }));
    const [values, ...gradients] = await Promise.all(
      [output, ...leaves.map((leaf) => leaf.grad)].map((result) => result?.data()),
    );
    return {
      output: values as Float32Array,
      shape: output.shape,
      gradients: gradients as (Float32Array | undefined)[],
    };
  }
  const first = await once();
  const second = await once();
  const differs = !sameBits(first.output, second.output);
  if (differs || !first.gradients.every((gradient, i) => sameBits(gradient, second.gradients[i]))) {
    throw new GradcheckError(
      `gradcheck: the function gives other ${differs ? "numbers" : "gradients"} when it is called again with the same inputs`,
      "fix the seed of whatever is random in it; without that, differences mean nothing",
      Number.POSITIVE_INFINITY,
    );
  }
  requireFinite("the result of the function is", first.output, first.shape);
  for (const [position, gradient] of first.gradients.entries())
    if (gradient) requireFinite(`backward gives input ${position}`, gradient, inputs[position].shape);
  return { fn, inputs, direction, ...first };
}

/** A leaf of its own with the input's numbers. */
async function copyOf(input: Tensor): Promise<Tensor> {
  const { shape, gpu, requiresGrad } = input;
  return tensor(await input.data(), { shape, gpu, requiresGrad });
}

function checkOutput(output: Tensor): void {
  if (!(output instanceof Tensor) || output.dtype !== "float32")
    throw new DtypeError(
      `gradcheck: the function must return a float32 tensor, not ${output instanceof Tensor ? output : typeof output}`,
    );
  if (!output.requiresGrad) {
    throw new GradcheckError(
      `gradcheck: the function's result, ${output}, does not depend on any input that requires a gradient`,
      "an operation without a gradient, detach() or noGrad() cuts the graph off",
      Number.POSITIVE_INFINITY,
    );
  }
}

function sameBits(a: Float32Array | undefined, b: Float32Array | undefined): boolean {
  return a === b || (a?.every((value, i) => Object.is(value, b?.[i])) ?? false);
}

/** A move of an input's numbers along one element, or (undefined) along a random direction through all of them. */
interface Move {
  readonly element: number | undefined;
  /** The numbers after so many steps; one step is 1, or the size of the numbers where that is more. */
  readonly moved: (steps: number) => Float32Array;
}

function planMoves(values: Float32Array, maxElements: number, random: () => number): Move[] {
  const moves = chooseElements(values.length, maxElements, random).map((element): Move => {
    const unit = Math.max(1, Math.abs(values[element]));
    return { element, moved: (steps) => values.with(element, values[element] + steps * unit) };
  });
  if (values.length === 0) return [];
  const direction = randomDirection(values.length, random);
  const unit = Math.max(1, norm(values) / Math.sqrt(values.length)) / norm(direction);
  const moved = (steps: number) => values.map((value, i) => value + steps * unit * direction[i]);
  return [...moves, { element: undefined, moved }];
}

/** The derivative of direction · fn along a move, by both ways. */
interface Derivative {
  readonly element: number | undefined;
  readonly analytic: number;
  readonly numeric: number;
  /** How far `numeric` may be off for the rounding of float32 in the outputs. */
  readonly noise: number;
}

async function derivatives(
  { fn, inputs, direction, gradients }: Subject,
  position: number,
  moves: readonly Move[],
  step: number,
): Promise<Derivative[]> {
  const size = direction.length;
  const gradient = gradients[position];
  const together = Math.max(1, Math.floor(elementsTogether / (2 * Math.max(size, inputs[position].size))));
  const found: Derivative[] = [];
  for (let start = 0; start < moves.length; start += together) {
    const part = moves.slice(start, start + together);
    const variants = part.flatMap(({ moved }) => [moved(step), moved(-step)]);
    const outputs = await outputsAt(fn, inputs, position, variants);
    part.forEach(({ element }, i) => {
      // By how much the move really moved each element, rounding included.
      const displacement = Float64Array.from(variants[2 * i], (up, j) => up - variants[2 * i + 1][j]);
      const distance = norm(displacement);
      const up = outputs.subarray(2 * i * size, (2 * i + 1) * size);
      const down = outputs.subarray((2 * i + 1) * size, (2 * i + 2) * size);
      const { change, noise } = project(up, down, direction);
      found.push({
        element,
        analytic: gradient ? dot(displacement, gradient) / distance : 0,
        numeric: change / distance,
        noise: noise / distance,
      });
    });
  }
  return found;
}

/** fn's outputs, one after the other, with each of `variants` in the place of one input: one read for all of them. */
async function outputsAt(
  fn: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  position: number,
  variants: readonly Float32Array[],
): Promise<Float32Array> {
  const { shape, gpu } = inputs[position];
  const moved = variants.map((values) => tensor(values, { shape, gpu }));
  const outputs = inferenceMode(() =>
    concat(moved.map((variant) => reshape(fn(...inputs.with(position, variant)), [-1]))),
  );
  const data = await outputs.data();
  for (const { storage } of [...moved, outputs]) storage.release("gradcheck has read what it was for");
  return data as Float32Array;
}

/** direction · (up - down), and how far float32's rounding may have put it off. */
function project(up: Float32Array, down: Float32Array, direction: Float32Array) {
  let change = 0;
  let squares = 0;
  direction.forEach((weight, i) => {
    change += weight * (up[i] - down[i]);
    squares += (weight * up[i]) ** 2;
  });
  return { change, noise: unitsOff * precision * Math.sqrt(squares) };
}

function dot(a: Float64Array, b: Float32Array): number {
  return a.reduce((sum, value, i) => sum + value * b[i], 0);
}

function norm(values: Iterable<number>): number {
  let squares = 0;
  for (const value of values) squares += value * value;
  return Math.sqrt(squares);
}

/** @throws GradcheckError */
function requireFinite(said: string, values: Float32Array, shape: Shape): void {
  const element = values.findIndex((value) => !Number.isFinite(value));
  if (element < 0) return;
  throw new GradcheckError(
    `gradcheck: ${said} ${values[element]} at element ${showShape(indexOf(element, shape))}`,
    "look for a division by zero, a logarithm or a root of zero, or an overflow",
    Number.POSITIVE_INFINITY,
  );
}

function worstOf(comparisons: readonly GradcheckComparison[]): GradcheckComparison | undefined {
  return comparisons.reduce<GradcheckComparison | undefined>(
    (a, b) => (a && a.error >= b.error ? a : b),
    undefined,
  );
}

function disagreement(
  failed: readonly GradcheckComparison[],
  compared: number,
  { gradients }: Subject,
  step: number,
): GradcheckError {
  const elements = failed.filter(({ index }) => index !== undefined);
  const { input, index, analytic, numeric, error } = worstOf(elements.length > 0 ? elements : failed)!;
  const where = index ? `element ${showShape(index)}` : "along a random direction through all elements";
  const got = gradients[input] ? `backward gives ${show(analytic)}` : "backward gives no gradient at all";
  return new GradcheckError(
    `gradcheck: input ${input}, ${where}: ${got}, central differences give ${show(numeric)}; ` +
      `the relative error is ${show(error)}, and ${failed.length} of ${compared} derivatives are off`,
    "look at the backward of the operations in the function; if it has a kink within " +
      `${show(step)} of the inputs, move them away from it`,
    worstOf(failed)!.error,
  );
}

function show(value: number): string {
  return `${Number(value.toPrecision(5))}`;
}
