/**
 * Checks every operation of the table on a real adapter, a row for each of its samples: what it computes against its
 * reference in float64; the gradient of every input against central differences of that reference, which are good to
 * ten digits; and, as a user would, against central differences on the adapter itself (`gradcheck`). The gradients
 * are those of v · output with v a random direction. The command line, the tests and the
 * browser page all run these rows.
 */

import { AutogradError, DeviceLostError, GradcheckError } from "./errors.ts";
import type { Gpu, Tiling } from "./gpu/gpu.ts";
import {
  chooseElements,
  gradcheck,
  indexOf,
  meanMagnitude,
  randomDirection,
  relativeError,
} from "./gradcheck.ts";
import { hostRandom } from "./hostRandom.ts";
import { to } from "./ops/convert.ts";
import type { InputValues, Sample, SampleInput } from "./ops/define.ts";
import { type AnyChecks, opChecks } from "./ops/table.ts";
import { type NdArray, ndarray } from "./reference.ts";
import { type Shape, sameShape, showShape, sizeOf } from "./shape.ts";
import { type Tensor, type TypedArray, tensor } from "./tensor.ts";

export interface CheckOptions {
  /** Default: all of the table. */
  readonly operations?: readonly AnyChecks[];
  /** For operations whose kernels depend on it. Default: the device's own. */
  readonly tilings?: readonly Tiling[];
  /** Of operations that take float16, with float16 (on an adapter that has it), and no others. Default: false. */
  readonly float16?: boolean;
}

/** What came of one sample of one operation. Errors are relative (see `relativeError`). */
export interface RowResult {
  readonly op: string;
  /** The inputs' shapes and the options: "[2, 3] [3], axis: 1". */
  readonly sample: string;
  readonly tiling: Tiling;
  readonly forwardError: number;
  /** Against the reference; null for an operation without gradient. */
  readonly gradientError: number | null;
  /** Against central differences on the adapter; null for an operation without gradient, and of float16, which is too coarse. */
  readonly gradcheckError: number | null;
  readonly ok: boolean;
  /** What is wrong, and where. */
  readonly problem?: string;
}

/**
 * float32 has a precision of 6e-8, sums of some thousand numbers lose one to two digits, and WGSL lets exp and pow
 * lose one or two more: 1e-5 leaves room for adapters that were not measured (the worst seen is 2e-6). A wrong formula
 * is off by 1e-2 and more.
 */
const tolerance = 1e-5;
/**
 * With float16: WGSL lets an adapter round to either neighbour, 2^-10 away at most. A result is rounded once, or twice
 * with an activation fused; a gradient besides, and what the activation's gradient hands on.
 */
const float16Tolerance = 4 * 2 ** -10;
/** Where all numbers of an array are smaller than this, their errors are measured against it: their terms are not small. */
const smallest = 1e-3;
/** Central differences of a float64 function: the cube root of its precision. */
const referenceStep = 1e-5;
/** Of a larger input so many random elements are moved, and all of them together along a random direction. */
const referenceElements = 16;
const gradcheckElements = 8;

/** Checks the samples of all operations, or of some, on `gpu`. */
export async function* checkOps(gpu: Gpu, options: CheckOptions = {}): AsyncGenerator<RowResult> {
  const { operations = opChecks, tilings = [gpu.tiling], float16 = false } = options;
  for (const checks of operations) {
    if (float16 && checks.op.halves === 0) continue;
    for (const [index, sample] of checks.samples().entries()) {
      for (const tiling of tilings) {
        const random = hostRandom(`${checks.op.name}/${index}`);
        const watched = watchTiling({ ...gpu, tiling });
        const row = float16 ? inFloat16(checks, sample) : { checks, sample, float16 };
        yield { ...(await checkRow(watched.gpu, row, random)), tiling };
        if (!watched.isUsed()) break; // another tiling would run the same kernels
      }
    }
  }
}

/** `gpu`, and whether anybody has asked it for its tiling. */
function watchTiling(gpu: Gpu): { gpu: Gpu; isUsed: () => boolean } {
  let used = false;
  const watched: Gpu = {
    ...gpu,
    get tiling() {
      used = true;
      return gpu.tiling;
    },
  };
  return { gpu: watched, isUsed: () => used };
}

/** What is checked. */
interface Row {
  readonly checks: AnyChecks;
  readonly sample: Sample<unknown>;
  readonly float16: boolean;
}

/** The operation between conversions: its inputs are made as float32, and converted on their way. */
function inFloat16(checks: AnyChecks, sample: Sample<unknown>): Row {
  const { op } = checks;
  const run: typeof op.run = (inputs, options) =>
    op.run(
      inputs.map((x, i) => (i < op.halves && x.dtype === "float32" ? to(x, "float16") : x)),
      options,
    );
  const between = { ...checks, op: { ...op, name: `${op.name}, float16`, run } };
  return { checks: between, sample, float16: true };
}

interface Filled {
  readonly shape: Shape;
  readonly data: TypedArray;
}

/** The worst error so far, and in words what it was; of one that is not too large, the words are left out. */
interface Finding {
  readonly error: number;
  readonly problem?: string;
}

async function checkRow(gpu: Gpu, subject: Row, random: () => number): Promise<Omit<RowResult, "tiling">> {
  const { checks, sample, float16 } = subject;
  const most = float16 ? float16Tolerance : tolerance;
  const inputs = sample.inputs.map((input) => {
    const filled = fillInput(input, random);
    return float16 && isFloat(filled.data) ? { ...filled, data: evenInFloat16(filled.data) } : filled;
  });
  const row = { op: checks.op.name, sample: describe(sample) };
  const forward = tolerated(most, await attempt(checkForward(gpu, checks, sample, inputs)));
  if (checks.op.noGradient || inputs.every(({ data }) => !isFloat(data)))
    return conclude(row, forward, null, null);
  const gradients = tolerated(most, await attempt(checkGradients(gpu, subject, inputs, random)));
  if (float16) return conclude(row, forward, gradients, null);
  const onAdapter = await attempt(checkOnAdapter(gpu, checks, sample, inputs));
  return conclude(row, forward, gradients, onAdapter);
}

function tolerated(most: number, finding: Finding): Finding {
  return finding.error <= most ? { error: finding.error } : finding;
}

/** A check that cannot even be made has found something, too. */
async function attempt(check: Promise<Finding>): Promise<Finding> {
  try {
    return await check;
  } catch (error) {
    if (error instanceof DeviceLostError) throw error; // what comes after it would fail for the same reason
    return { error: Number.POSITIVE_INFINITY, problem: String(error) };
  }
}

function conclude(
  row: Pick<RowResult, "op" | "sample">,
  forward: Finding,
  gradient: Finding | null,
  onAdapter: Finding | null,
): Omit<RowResult, "tiling"> {
  const problem = forward.problem ?? gradient?.problem ?? onAdapter?.problem;
  return {
    ...row,
    forwardError: forward.error,
    gradientError: gradient ? gradient.error : null,
    gradcheckError: onAdapter ? onAdapter.error : null,
    ok: problem === undefined,
    ...(problem !== undefined && { problem }),
  };
}

async function checkForward(
  gpu: Gpu,
  checks: AnyChecks,
  sample: Sample<unknown>,
  inputs: readonly Filled[],
): Promise<Finding> {
  const output = checks.op.run(
    inputs.map((input) => toTensor(gpu, input)),
    sample.options,
  );
  return compareArrays(
    "forward",
    await readArray(output),
    checks.reference(inputs.map(toArray), sample.options),
  );
}

async function checkGradients(
  gpu: Gpu,
  { checks, sample, float16 }: Row,
  inputs: readonly Filled[],
  random: () => number,
): Promise<Finding> {
  const reference = (arrays: readonly NdArray[]) => checks.reference(arrays, sample.options);
  const shape = reference(inputs.map(toArray)).shape;
  const anyDirection = randomDirection(sizeOf(shape), random);
  const direction = float16 ? evenInFloat16(anyDirection) : anyDirection;
  const asked = inputs.flatMap(({ data }, position) => (isFloat(data) ? [position] : []));
  const pullBack = (positions: readonly number[]) =>
    gradientsOf(gpu, checks, sample, inputs, positions, { shape, data: direction });
  const gradients = await pullBack(asked);
  const findings: Finding[] = [];
  for (const [i, position] of asked.entries()) {
    const name = `gradient of input ${position}`;
    findings.push(compareWithDifferences(name, gradients[i], reference, inputs, position, direction, random));
    if (asked.length > 1) {
      const [alone] = await pullBack([position]);
      findings.push(compareArrays(`${name}, asked for alone,`, alone, gradients[i]));
    }
  }
  return worst(findings);
}

/** The gradients of direction · output by the inputs at `positions`, which alone require one. */
async function gradientsOf(
  gpu: Gpu,
  checks: AnyChecks,
  sample: Sample<unknown>,
  inputs: readonly Filled[],
  positions: readonly number[],
  direction: Filled,
): Promise<NdArray[]> {
  const tensors = inputs.map((input) => toTensor(gpu, input));
  for (const position of positions) tensors[position].requiresGrad = true;
  const output = checks.op.run(tensors, sample.options);
  output.backward(to(toTensor(gpu, direction), output.dtype));
  return Promise.all(
    positions.map((position) => {
      const { grad } = tensors[position];
      if (grad) return readArray(grad);
      throw new AutogradError(`${checks.op.name}: input ${position} got no gradient`);
    }),
  );
}

function compareWithDifferences(
  name: string,
  gradient: NdArray,
  reference: (inputs: readonly NdArray[]) => NdArray,
  inputs: readonly Filled[],
  position: number,
  direction: Float32Array,
  random: () => number,
): Finding {
  const arrays = inputs.map(toArray);
  const { shape, data } = arrays[position];
  if (!sameShape(gradient.shape, shape)) return otherShape(name, gradient.shape, shape);
  /** The derivative of direction · reference along a move. */
  function differentiate(move: (element: number) => number): number {
    const along = (sign: number) => {
      const moved = data.map((value, element) => value + sign * referenceStep * move(element));
      return dotProduct(reference(arrays.with(position, ndarray(shape, moved))).data, direction);
    };
    return (along(1) - along(-1)) / (2 * referenceStep);
  }
  const elements = chooseElements(data.length, referenceElements, random);
  const derivatives = elements.map((element) => differentiate((other) => (other === element ? 1 : 0)));
  const typical = Math.max(meanMagnitude(derivatives), smallest);
  const findings = elements.map((element, i) =>
    judge(
      `${name} at ${showShape(indexOf(element, shape))}`,
      gradient.data[element],
      derivatives[i],
      typical,
    ),
  );
  if (data.length > elements.length) {
    const all = randomDirection(data.length, random);
    const length = Math.sqrt(dotProduct(all, all));
    const expected = differentiate((element) => all[element]) / length;
    const got = dotProduct(gradient.data, all) / length;
    findings.push(judge(`${name} along a random direction through all its elements`, got, expected, typical));
  }
  return worst(findings);
}

/** `gradcheck`, with the inputs of whole numbers held fast. */
async function checkOnAdapter(
  gpu: Gpu,
  checks: AnyChecks,
  sample: Sample<unknown>,
  inputs: readonly Filled[],
): Promise<Finding> {
  const tensors = inputs.map((input) => toTensor(gpu, input));
  for (const input of tensors) if (input.dtype === "float32") input.requiresGrad = true;
  try {
    const report = await gradcheck((...moved) => checks.op.run(moved, sample.options), tensors, {
      maxElements: gradcheckElements,
    });
    return { error: report.worstError };
  } catch (error) {
    if (error instanceof GradcheckError) return { error: error.worstError, problem: error.problem };
    throw error;
  }
}

function compareArrays(name: string, got: NdArray, expected: NdArray): Finding {
  if (!sameShape(got.shape, expected.shape)) return otherShape(name, got.shape, expected.shape);
  const typical = Math.max(meanMagnitude(expected.data), smallest);
  const errors = expected.data.map((value, element) => relativeError(got.data[element], value, typical));
  const element = errors.indexOf(errors.reduce((a, b) => Math.max(a, b), 0));
  if (element < 0) return { error: 0 }; // there are no elements
  const where = `${name} at ${showShape(indexOf(element, expected.shape))}`;
  return judge(where, got.data[element], expected.data[element], typical);
}

function otherShape(name: string, got: Shape, expected: Shape): Finding {
  const problem = `${name}: the shape is ${showShape(got)}, expected ${showShape(expected)}`;
  return { error: Number.POSITIVE_INFINITY, problem };
}

function judge(name: string, got: number, expected: number, typical: number): Finding {
  const error = relativeError(got, expected, typical);
  return { error, problem: `${name}: ${got}, expected ${expected} (relative error ${error.toPrecision(2)})` };
}

function worst(findings: readonly Finding[]): Finding {
  return findings.reduce((a, b) => (b.error > a.error ? b : a), { error: 0 });
}

/** An input as its sample wants it. */
function fillInput(input: Shape | SampleInput, random: () => number): Filled {
  const { shape, values = "normal" } = isSampleInput(input) ? input : { shape: input };
  const size = sizeOf(shape);
  if (typeof values === "object")
    return { shape, data: Int32Array.from({ length: size }, () => Math.floor(random() * values.below)) };
  return { shape, data: Float32Array.from(fillers[values](size, random)) };
}

/** So coarse that float16 says them exactly, whose eleven bits reach to 8 then; "distinct" numbers are coarser. */
function evenInFloat16(values: Float32Array): Float32Array {
  return values.map((value) => Math.round(256 * value) / 256);
}

function isSampleInput(input: Shape | SampleInput): input is SampleInput {
  return "shape" in input;
}

const fillers: Record<Exclude<InputValues, object>, (size: number, random: () => number) => number[]> = {
  normal: (size, random) => Array.from({ length: size }, () => normal(random)),
  positive: (size, random) => Array.from({ length: size }, () => 0.5 + 1.5 * random()),
  probability: (size, random) => Array.from({ length: size }, () => 0.05 + 0.9 * random()),
  awayFromZero: (size, random) =>
    Array.from({ length: size }, () => (0.25 + 1.75 * random()) * (random() < 0.5 ? -1 : 1)),
  // Every eighth, and a sixteenth away from every multiple of an eighth: where a sample's options put their bounds.
  distinct: (size, random) =>
    shuffled(
      Array.from({ length: size }, (_, i) => (i - Math.floor(size / 2) + 0.5) / 8),
      random,
    ),
};

/** Box and Muller's way from two uniform numbers to a normal one. */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

function shuffled(values: number[], random: () => number): number[] {
  for (let last = values.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [values[last], values[other]] = [values[other], values[last]];
  }
  return values;
}

function describe({ inputs, options }: Sample<unknown>): string {
  const shapes = inputs.map((input) => showShape(isSampleInput(input) ? input.shape : input)).join(" ");
  const words = Object.entries(options as object).map(([name, value]) => `${name}: ${JSON.stringify(value)}`);
  return [shapes, ...words].join(", ");
}

function isFloat(data: TypedArray): data is Float32Array {
  return data instanceof Float32Array;
}

function toTensor(gpu: Gpu, { shape, data }: Filled): Tensor {
  return tensor(data, { shape, gpu });
}

function toArray({ shape, data }: Filled): NdArray {
  return ndarray(shape, data);
}

async function readArray(x: Tensor): Promise<NdArray> {
  return ndarray(x.shape, await x.data());
}

function dotProduct(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
