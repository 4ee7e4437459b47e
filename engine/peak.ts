/** What an adapter can do at most, as far as the kernels here show it: the measure for all others. */
import type { DispatchTime, Gpu } from "./gpu/gpu.ts";
import { inferenceMode } from "./gradMode.ts";
import { copied, filled } from "./ops/elementwise.ts";
import { matmul } from "./ops/matmul.ts";
import type { Tensor } from "./tensor.ts";

export interface Peak {
  /** Of the best of a few square matrix products. */
  readonly flopsPerSecond: number;
  /** Read and written, of the best of a few copies of a large tensor. */
  readonly bytesPerSecond: number;
}

/** The largest product is the first that takes so long, in nanoseconds. */
const longEnough = 50e6;
const sides = [512, 1024, 2048, 4096];
/** More than caches hold. */
const copiedBytes = 2 ** 27;
const runs = 4;

/** Takes a second or two. @throws AdapterError when the adapter has no timestamps */
export async function measurePeak(gpu: Gpu): Promise<Peak> {
  const products: DispatchTime[] = [];
  for (const side of sides) {
    const [a, b] = [0.5, 0.25].map((value) => filled(gpu, [side, side], value));
    products.push(...(await repeated(gpu, () => matmul(a, b), [a, b])));
    if (products.at(-1)!.end - products.at(-1)!.start > longEnough) break;
  }
  const x = filled(gpu, [Math.min(copiedBytes, gpu.largestBinding) / 4], 1);
  const copies = await repeated(gpu, () => copied(x), [x]);
  return {
    flopsPerSecond: best(products, ({ flops }) => flops),
    bytesPerSecond: best(copies, ({ bytes }) => bytes),
  };
}

/** Times all commands of `compute`, run a few times; its result and its inputs go back. */
async function repeated(
  gpu: Gpu,
  compute: () => Tensor,
  inputs: readonly Tensor[],
): Promise<readonly DispatchTime[]> {
  const times: DispatchTime[] = [];
  for (let run = 0; run < runs; run++) {
    const profiled = await gpu.profile(() => inferenceMode(compute).storage.release("it was only measured"));
    times.push(...profiled);
  }
  for (const { storage } of inputs) storage.release("it was only measured");
  return times;
}

function best(times: readonly DispatchTime[], amount: (time: DispatchTime) => number): number {
  return Math.max(...times.map((time) => (1e9 * amount(time)) / Math.max(1, time.end - time.start)));
}
