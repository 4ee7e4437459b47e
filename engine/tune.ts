/**
 * Finds out in which shapes a device computes products fastest: `wgrad tune`. Every shape computes the same product and is
 * checked against the usual one. Then all take turns, timed on the device's clock, and the fastest has to beat the usual
 * one a second time, in a measurement of these two alone: the best of twenty is often only lucky.
 */
import type { Gpu } from "./gpu/gpu.ts";
import { planDevice } from "./gpu/plan.ts";
import { inferenceMode } from "./gradMode.ts";
import { hostRandom } from "./hostRandom.ts";
import { to } from "./ops/convert.ts";
import { convolutionInputGradient, convolutionWeightGradient, convolve } from "./ops/convolution.ts";
import type { ProductAndSums } from "./ops/gemm.ts";
import { type KernelShape, kernelShapes, nameOfShape } from "./ops/kernelShapes.ts";
import { productAndSums } from "./ops/matmul.ts";
import { describeProduct, gemmSizeOf, hasHalfResult, type Product } from "./ops/products.ts";
import { type Shape, sizeOf } from "./shape.ts";
import { type DType, type Tensor, tensor } from "./tensor.ts";
import { type Choice, kernelVersion, type Tuning } from "./tuning.ts";

/** What was measured for a product; times in seconds. */
export interface Measured {
  readonly product: string;
  /** How many shapes were tried. */
  readonly tried: number;
  readonly usual: TimedShape;
  /** The fastest one; the usual one where none was clearly faster. */
  readonly best: TimedShape;
  /** How much faster a shape had to be, as a share: a twentieth, or twice the noise if that is more. */
  readonly threshold: number;
  /** Shapes whose result was not that of the usual one. None is ever chosen; there should be none. */
  readonly wrong: readonly string[];
}

interface TimedShape {
  readonly shape: string;
  readonly seconds: number;
}

/**
 * The products that `work` asks for, each once, in order.
 * @param work what is done on a device like `gpu` on which nothing is computed
 */
export function productsOf(gpu: Gpu, work: (device: Gpu) => void): Product[] {
  const found = new Map<string, Product>();
  const { adapter, tiling, largestBinding } = gpu;
  const note = (product: Product) => {
    found.set(describeProduct(product), product);
    return undefined;
  };
  work({ ...planDevice(adapter), tiling, largestBinding, chosenShape: note });
  return [...found.values()];
}

/**
 * Measures one product after the other.
 * @throws AdapterError when the adapter has no timestamps; LimitError, DeviceLostError, KernelError
 */
export async function* measureProducts(gpu: Gpu, products: readonly Product[]): AsyncGenerator<Measured> {
  await gpu.profile(() => {}); // says at once if there are no timestamps
  for (const product of products) yield await measureProduct(gpu, product);
}

/**
 * What was measured, as a tuning; products of `before` that were not measured now stay as they were, where it is of the same
 * tiling: another one has other shapes.
 */
export async function tuningFrom(gpu: Gpu, measured: readonly Measured[], before?: Tuning): Promise<Tuning> {
  const kept = before?.tiling === gpu.tiling ? before.choices : {};
  const choices = new Map<string, Choice>(Object.entries(kept));
  for (const { product, usual, best } of measured) {
    choices.delete(product);
    if (best.shape !== usual.shape)
      choices.set(product, { shape: best.shape, speedup: usual.seconds / best.seconds });
  }
  return {
    adapter: gpu.adapter.name,
    tiling: gpu.tiling,
    kernels: await kernelVersion(),
    choices: Object.fromEntries([...choices].sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}

async function measureProduct(gpu: Gpu, product: Product): Promise<Measured> {
  const trial = openTrial(gpu, product);
  try {
    const shapes = kernelShapes(gpu, product);
    for (const shape of shapes) trial.give(shape); // their kernels compile concurrently
    const [usual] = shapes;
    const expected = await trial.results(usual);
    const right = [usual];
    const wrong: KernelShape[] = [];
    for (const shape of shapes.slice(1)) {
      const isRight = agree(await trial.results(shape), expected, product);
      (isRight ? right : wrong).push(shape);
    }
    const first = await trial.times(right, 1);
    const limit = hopeless * Math.min(...first);
    const rivals = right.filter((_, index) => index > 0 && first[index] <= limit);
    const repeats = Math.ceil(Math.min(mostRepeats, longTurn / first[0]));
    const all = await compare(trial, usual, rivals, repeats);
    const again = all.winner && (await compare(trial, usual, [all.winner.shape], repeats));
    const { usualSeconds, threshold } = again ?? all;
    const usualTime = { shape: nameOfShape(usual), seconds: usualSeconds };
    const winner = again?.winner;
    return {
      product: describeProduct(product),
      tried: shapes.length,
      usual: usualTime,
      best: winner ? { shape: nameOfShape(winner.shape), seconds: winner.seconds } : usualTime,
      threshold,
      wrong: wrong.map(nameOfShape),
    };
  } finally {
    trial.end();
  }
}

// ---- comparing ----

/** By less than this nothing is said to be faster. */
const leastGain = 0.05;
/** What takes so many times as long as the fastest in a first round takes part in no other. */
const hopeless = 2;
/** Rounds go on for so long, in milliseconds, as far as their number allows. */
const enough = 1000;
const [fewestRounds, mostRounds] = [5, 25];
/** In each of its turns a shape computes for so many seconds, as far as so many repetitions allow. */
const [longTurn, mostRepeats] = [0.002, 20];

interface Comparison {
  readonly usualSeconds: number;
  readonly threshold: number;
  /** The fastest of the rivals, if it beats the usual shape by more than the threshold. */
  readonly winner: { readonly shape: KernelShape; readonly seconds: number } | undefined;
}

/** Rounds in which all take turns. The usual shape has two turns in each: what they differ by is noise. */
async function compare(
  trial: Trial,
  usual: KernelShape,
  rivals: readonly KernelShape[],
  repeats: number,
): Promise<Comparison> {
  const entries = [usual, ...rivals, usual];
  const rounds: number[][] = [];
  const began = performance.now();
  while (rounds.length < fewestRounds || (rounds.length < mostRounds && performance.now() - began < enough)) {
    rounds.push(await trial.times(entries, repeats));
  }
  const timesOf = (index: number) => rounds.map((times) => times[index]);
  const seconds = entries.map((_, index) => median(timesOf(index)));
  const [one, other] = [seconds[0], seconds.at(-1)!];
  const twice = [...timesOf(0), ...timesOf(entries.length - 1)];
  const usualSeconds = median(twice);
  const noise = Math.max(Math.abs(one - other) / usualSeconds, uncertainty(twice));
  const threshold = Math.max(leastGain, 2 * noise);
  const fastest = rivals.reduce(
    (best, _, index) => (seconds[1 + index] < seconds[1 + best] ? index : best),
    0,
  );
  const isFaster = rivals.length > 0 && seconds[1 + fastest] * (1 + threshold) < usualSeconds;
  return {
    usualSeconds,
    threshold,
    winner: isFaster ? { shape: rivals[fastest], seconds: seconds[1 + fastest] } : undefined,
  };
}

function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** How far, as a share, the median of so many values may be off: a standard error, from the quartiles. */
function uncertainty(values: readonly number[]): number {
  const spread = quantile(values, 0.75) - quantile(values, 0.25);
  return spread / median(values) / Math.sqrt(values.length);
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.round(share * (sorted.length - 1))];
}

// ---- trying ----

interface Trial {
  /** Gives the commands of the product in this shape; its result is dropped. */
  give(shape: KernelShape): void;
  /** In this shape: the product, and the sums of rows if they are wanted. */
  results(shape: KernelShape): Promise<Float32Array[]>;
  /** Computes in one shape after the other, so many times each: the seconds that one run takes. */
  times(shapes: readonly KernelShape[], repeats: number): Promise<number[]>;
  end(): void;
}

function openTrial(gpu: Gpu, product: Product): Trial {
  let chosen = "";
  let dispatches = 0;
  const device: Gpu = {
    ...gpu,
    chosenShape: () => chosen,
    dispatch(dispatch) {
      dispatches++;
      gpu.dispatch(dispatch);
    },
  };
  const operands: Tensor[] = [];
  const compute = prepareProduct(product, (shape, dtype) => {
    const whole = tensor(numbers(sizeOf(shape)), { shape, gpu: device });
    const made = inferenceMode(() => to(whole, dtype).keep());
    if (made !== whole) whole.storage.release("it was only converted");
    operands.push(made);
    return made;
  });
  const computeAs = (shape: KernelShape) => {
    chosen = nameOfShape(shape);
    return compute();
  };
  const give = (shape: KernelShape) => inferenceMode(() => void computeAs(shape));
  return {
    give,
    async results(shape) {
      const made = inferenceMode(() => Object.values(computeAs(shape)).filter((part) => part !== undefined));
      const read = await Promise.all(made.map((part: Tensor) => part.data()));
      for (const { storage } of made) storage.release("it was only compared");
      return read as Float32Array[];
    },
    async times(shapes, repeats) {
      const counts: number[] = [];
      const times = await gpu.profile(() => {
        for (const shape of [shapes[0], ...shapes]) {
          dispatches = 0;
          for (let run = 0; run < repeats; run++) give(shape);
          counts.push(dispatches);
        }
      });
      const seconds = counts.map((count) =>
        times.splice(0, count).reduce((sum, { start, end }) => sum + (end - start) / 1e9, 0),
      );
      return seconds.slice(1).map((sum) => sum / repeats); // the first one wakes the device up
    },
    end() {
      for (const { storage } of operands) storage.release("it was only measured");
    },
  };
}

/** Computes the product, of operands made by `make`. */
export function prepareProduct(
  product: Product,
  make: (shape: Shape, dtype: DType) => Tensor,
): () => ProductAndSums {
  const alone = (product: Tensor) => ({ product, rowSums: undefined });
  if (product.kind === "matmul") {
    const { rows, columns, depth, batches, transposeA, transposeB, isFused, wantsSums } = product;
    const [dtypeA, dtypeB, dtype] = product.dtypes;
    const several = batches > 1 ? [batches] : [];
    const a = make([...several, ...(transposeA ? [depth, rows] : [rows, depth])], dtypeA);
    const b = make([...several, ...(transposeB ? [columns, depth] : [depth, columns])], dtypeB);
    const bias = isFused ? make([columns], "float32") : undefined;
    return () => productAndSums(a, b, bias, { transposeA, transposeB }, { dtype }, wantsSums);
  }
  const { kind, convolution, dtype, wantsSums = false } = product;
  const { images, inputChannels, outputChannels, groups, input, output, window } = convolution;
  const x = () => make([images, inputChannels, ...input], dtype);
  const dy = () => make([images, outputChannels, ...output], dtype);
  const weight = () => make([outputChannels, inputChannels / groups, ...window], "float32");
  if (kind === "conv2d") {
    const [input, filters, bias] = [x(), weight(), make([outputChannels], "float32")];
    return () => alone(convolve(input, filters, bias, convolution));
  }
  if (kind === "conv2dInputGradient") {
    const [gradient, filters] = [dy(), weight()];
    return () => alone(convolutionInputGradient(gradient, filters, undefined, convolution));
  }
  const [one, other] = [x(), dy()];
  return () => convolutionWeightGradient(one, other, convolution, wantsSums);
}

/** A prime number of different ones is enough, so that no row is like the next. */
const period = 65_521;

/** Always the same ones, from -1 to 1. */
function numbers(count: number): Float32Array {
  const random = hostRandom("tune");
  const made = new Float32Array(count);
  for (let i = 0; i < Math.min(count, period); i++) made[i] = 2 * random() - 1;
  for (let i = period; i < count; i += period) made.copyWithin(i, 0, Math.min(period, count - i));
  return made;
}

/** As a factor: half of the distance from 1 to the next number. */
const roundOff = 2 ** -24;
const roundOffOfHalf = 2 ** -11;

/**
 * Whether these are the same sums in another order. A sum of `terms` numbers up to 1 is rounded at every step: what is
 * allowed is far above what comes of that, and far below a term too many or too few. A sum may then be rounded to float16,
 * either to one neighbour or to the other.
 */
function agree(
  results: readonly Float32Array[],
  expected: readonly Float32Array[],
  product: Product,
): boolean {
  const tolerance = 16 * roundOff * (gemmSizeOf(product).depth + 1);
  const ofResult = hasHalfResult(product) ? 2 * roundOffOfHalf : 0;
  return results.every((result, index) =>
    result.every((value, i) => {
      const wanted = expected[index][i];
      return Math.abs(value - wanted) <= tolerance + ofResult * Math.abs(wanted);
    }),
  );
}
