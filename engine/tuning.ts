/**
 * A tuning: what `wgrad tune` found to be the fastest on an adapter, for products of exactly these sizes. It is data: text
 * that can be kept, sent and compared. It holds for one adapter with its driver and for one version of the kernels, and
 * says so; for anything else it is refused. The same tuning gives the same bits; another one, or none, may give other last
 * bits, because sums are added up in another order.
 *
 * Sizes are exact and not classes of sizes: a training step has few products and always the same ones, and a choice then
 * says nothing of sizes at which nobody has measured it. What is not in it is computed as usual.
 */
import common from "../shaders/common.wgsl";
import forward from "../shaders/conv2d.wgsl";
import convolutionBias from "../shaders/conv2d_bias.wgsl";
import inputGradient from "../shaders/conv2d_input_gradient.wgsl";
import line from "../shaders/conv2d_line.wgsl";
import slidingForward from "../shaders/conv2d_sliding.wgsl";
import slidingWeightGradient from "../shaders/conv2d_sliding_weight_gradient.wgsl";
import weightGradient from "../shaders/conv2d_weight_gradient.wgsl";
import windows from "../shaders/conv2d_windows.wgsl";
import entry from "../shaders/entry.wgsl";
import registerTiles from "../shaders/gemm_registers.wgsl";
import subgroupTiles from "../shaders/gemm_subgroups.wgsl";
import tiles from "../shaders/gemm_tiles.wgsl";
import workgroupTiles from "../shaders/gemm_workgroup.wgsl";
import matmul from "../shaders/matmul.wgsl";
import ofEight from "../shaders/of_eight.wgsl";
import rowSums from "../shaders/row_sums.wgsl";
import splitSums from "../shaders/split_sums.wgsl";
import uniforms from "../shaders/uniforms.wgsl";
import winogradTransforms from "../shaders/winograd.wgsl";
import winogradBiasGradient from "../shaders/winograd_bias_gradient.wgsl";
import winogradLoad from "../shaders/winograd_load.wgsl";
import winogradOutput from "../shaders/winograd_output.wgsl";
import winogradProduct from "../shaders/winograd_product.wgsl";
import winogradStore from "../shaders/winograd_store.wgsl";
import winogradTiles from "../shaders/winograd_tiles.wgsl";
import winogradWeightGradient from "../shaders/winograd_weight_gradient.wgsl";
import winogradWeights from "../shaders/winograd_weights.wgsl";
import { ArgumentError, DataError } from "./errors.ts";
import type { AdapterDescription } from "./gpu/adapter.ts";
import type { DeviceOptions } from "./gpu/device.ts";
import type { Gpu, Tiling } from "./gpu/gpu.ts";
import { isObject } from "./io/safetensors.ts";
import { describeProduct } from "./ops/products.ts";

export interface Tuning {
  /** The adapter's name, which tells its driver as well. */
  readonly adapter: string;
  readonly tiling: Tiling;
  /** Which kernels were measured: `kernelVersion()`. */
  readonly kernels: string;
  /** By product (`describeProduct`). */
  readonly choices: Readonly<Record<string, Choice>>;
}

export interface Choice {
  /** The name of a kernel's shape, "wide subgroups, 4 parts". */
  readonly shape: string;
  /** How many times as fast as the usual shape it was. */
  readonly speedup: number;
}

/** All that products are computed by. Where one is missing, a tuning outlives a change of it: a test looks after that. */
export const versionedSources: readonly string[] = [
  ...[
    common,
    entry,
    uniforms,
    tiles,
    ofEight,
    registerTiles,
    subgroupTiles,
    workgroupTiles,
    splitSums,
    rowSums,
  ],
  ...[matmul, windows, convolutionBias, forward, inputGradient, weightGradient],
  ...[line, slidingForward, slidingWeightGradient],
  ...[winogradTransforms, winogradLoad, winogradStore, winogradTiles, winogradWeights, winogradProduct],
  ...[winogradOutput, winogradWeightGradient, winogradBiasGradient],
];
/** To be raised when the same kernels are used otherwise, so that older measurements no longer hold. */
const useOfKernels = 1;

/** Changes with every kernel that a tuning chooses among. */
export async function kernelVersion(): Promise<string> {
  const text = new TextEncoder().encode([useOfKernels, ...versionedSources].join("\0"));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", text));
  return Array.from(digest.subarray(0, 8), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** What a device has by `openDevice`'s option `tuning`. @throws ArgumentError if it is not for this device */
export async function tunedTo(
  { tuning }: Pick<DeviceOptions, "tuning">,
  { name }: AdapterDescription,
  tiling: Tiling,
): Promise<Pick<Gpu, "chosenShape">> {
  if (!tuning) return {};
  const refuse = (problem: string) =>
    new ArgumentError(problem, "tune anew (wgrad tune), or leave the option `tuning` out");
  if (tuning.adapter !== name) throw refuse(`the tuning is for ${tuning.adapter}, and this is ${name}`);
  if (tuning.tiling !== tiling)
    throw refuse(`the tuning is for the tiling "${tuning.tiling}", and this device has "${tiling}"`);
  if (tuning.kernels !== (await kernelVersion()))
    throw refuse("the tuning was made with another version of the kernels");
  const shapes = new Map(Object.entries(tuning.choices).map(([product, { shape }]) => [product, shape]));
  return { chosenShape: (product) => shapes.get(describeProduct(product)) };
}

const format = "wgrad tuning 1";

export function encodeTuning(tuning: Tuning): string {
  return `${JSON.stringify({ format, ...tuning }, undefined, 1)}\n`;
}

/**
 * Reads what `encodeTuning` has written; it may still be for another device.
 * @param name of the file, for errors
 * @throws DataError
 */
export function decodeTuning(text: string, name: string): Tuning {
  const refuse = (problem: string, cause?: unknown) =>
    new DataError(`${name}: ${problem}`, "tune anew: wgrad tune", { cause });
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch (cause) {
    throw refuse("not a tuning, or cut off: it is not JSON", cause);
  }
  if (!isObject(read) || read.format !== format)
    throw refuse(`not a tuning of this version: "format" is not "${format}"`);
  const { adapter, tiling, kernels, choices } = read;
  if (typeof adapter !== "string" || typeof kernels !== "string" || !isTiling(tiling) || !isObject(choices))
    throw refuse("a damaged tuning: it does not say what it is for");
  const checked = Object.entries(choices).map(([product, choice]): [string, Choice] => {
    if (!isObject(choice)) throw refuse(`a damaged tuning: there is no choice for "${product}"`);
    const { shape, speedup } = choice;
    if (typeof shape !== "string" || typeof speedup !== "number" || !(speedup > 0))
      throw refuse(`a damaged tuning: the choice for "${product}" is none`);
    return [product, { shape, speedup }];
  });
  return { adapter, tiling, kernels, choices: Object.fromEntries(checked) };
}

function isTiling(value: unknown): value is Tiling {
  return value === "registers" || value === "workgroup";
}
