/**
 * How an operation is defined: its forward (with its shape rule) and its backward in one object, a float64 reference and
 * samples in a second one beside it. TypeScript refuses a definition without a backward or a stated reason for having
 * none, and checks without a reference or samples; `table.ts` lists the checks of all operations.
 */
import type { GraphNode } from "../autograd.ts";
import { ArgumentError, DtypeError, ShapeError } from "../errors.ts";
import { type GpuMemory, partOf } from "../gpu/buffers.ts";
import type { Dispatch } from "../gpu/gpu.ts";
import { isGradEnabled, noGrad } from "../gradMode.ts";
import { currentOrigin } from "../origin.ts";
import type { NdArray } from "../reference.ts";
import { type Shape, showShape } from "../shape.ts";
import { collect, handOut } from "../storage.ts";
import { bytesOf, type DType, Tensor } from "../tensor.ts";
import { converted, mapElements } from "./elementwise.ts";

/** How a check fills an input. "distinct" keeps values apart, so that no finite difference crosses a tie. */
export type InputValues =
  | "normal"
  | "positive"
  | "probability"
  | "distinct"
  | "awayFromZero"
  | { readonly below: number };

export interface SampleInput {
  readonly shape: Shape;
  /** Default "normal"; `{ below: n }` gives whole numbers from 0 to n - 1, as int32. */
  readonly values?: InputValues;
}

export interface Sample<Options> {
  readonly inputs: readonly (Shape | SampleInput)[];
  readonly options: Options;
}

export interface BackwardContext<Options> {
  /** The gradient of the output. */
  readonly gradient: Tensor;
  readonly inputs: readonly Tensor[];
  readonly output: Tensor;
  /** What forward saved. */
  readonly saved: readonly Tensor[];
  readonly options: Options;
  /** Whether anybody asks for the gradient of this input: if not, spare the work and return null. */
  readonly needs: (input: number) => boolean;
}

export interface WithSaved {
  readonly output: Tensor;
  readonly saved: readonly Tensor[];
}

export interface KernelDefinition<Options> {
  readonly name: string;
  /** How many of the first inputs it takes as float16, too; others are converted to float32 for it. Default: 0. */
  readonly halves?: number;
  /** Checks its arguments, describes its dispatches, returns the result. Runs outside of autograd. */
  readonly forward: (inputs: readonly Tensor[], options: Options) => Tensor | WithSaved;
  /** The gradients of the inputs in order; null where there is none. */
  readonly backward:
    | ((context: BackwardContext<Options>) => readonly (Tensor | null)[])
    | { readonly noGradient: string };
}

export interface CompositionDefinition<Options> {
  readonly name: string;
  /** Computes the result by other operations, from which it has its gradient. */
  readonly compose: (inputs: readonly Tensor[], options: Options) => Tensor;
}

export interface Op<Options = never> {
  readonly name: string;
  readonly run: (inputs: readonly Tensor[], options: Options) => Tensor;
  /** Why it has none, if it has none. */
  readonly noGradient?: string;
  /** How many of the first inputs may stay float16. */
  readonly halves: number;
}

/**
 * What an operation is checked by. It stands beside the operation and not in it, as a literal that calls nothing: a
 * bundler drops such a constant where nobody reads it, as in everything but the checks themselves.
 */
export interface OpChecks<Options = never> {
  readonly op: Op<Options>;
  /** The same in float64 on the host, from the formula and not from the kernel. */
  readonly reference: (inputs: readonly NdArray[], options: Options) => NdArray;
  readonly samples: () => readonly Sample<Options>[];
}

/** An operation with kernels of its own. */
export function defineOp<Options>(definition: KernelDefinition<Options>): Op<Options> {
  const { name, halves = 0, forward, backward } = definition;
  function run(given: readonly Tensor[], options: Options): Tensor {
    requireOneDevice(name, "its tensors", given);
    const inputs = given.map((x, i) =>
      i >= halves && x.dtype === "float16" ? castOp.run([x], { dtype: "float32" }) : x,
    );
    const pullback =
      typeof backward === "function" &&
      isGradEnabled() &&
      inputs.some((input) => input.requiresGrad) &&
      backward;
    const { result, made } = collect(() => noGrad(() => withSaved(forward(inputs, options))));
    const { output, saved } = result;
    const needed = new Set([output.storage, ...(pullback ? saved.map((tensor) => tensor.storage) : [])]);
    for (const storage of made) if (!needed.has(storage)) storage.release(`it was scratch memory of ${name}`);
    if (pullback) {
      const owned = made.filter((storage) => !storage.isReleased);
      for (const storage of owned) storage.lifetime = "graph";
      const wanted = inputs.map(({ requiresGrad }) => requiresGrad);
      const needs = (input: number) => wanted[input];
      const node: GraphNode = {
        name,
        inputs,
        needs,
        owned,
        versions: inputs.map(({ storage }) => storage.version),
        origin: currentOrigin(),
        pullback: (gradient) => pullback({ gradient, inputs, output, saved, options, needs }),
      };
      output.node = node;
    }
    handOut(made);
    return output;
  }
  return { name, run, halves, ...(typeof backward === "object" && backward) };
}

/** Between float32 and float16; here, because `defineOp` uses it. */
export const castOp = defineOp<{ dtype: "float32" | "float16" }>({
  name: "cast",
  halves: 1,
  forward: ([x], { dtype }) => mapElements("cast", x, dtype, "x"),
  backward: ({ gradient, inputs: [x] }) => [converted(gradient, x.dtype)],
});

/** An operation made of others. */
export function defineComposition<Options>(definition: CompositionDefinition<Options>): Op<Options> {
  return { name: definition.name, run: definition.compose, halves: 0 };
}

function withSaved(result: Tensor | WithSaved): WithSaved {
  return "saved" in result ? result : { output: result, saved: [] };
}

/** @throws ArgumentError for what is no tensor */
export function requireTensors(name: string, given: readonly unknown[]): void {
  for (const x of given) {
    if (!(x instanceof Tensor))
      throw new ArgumentError(`${name}: expected a tensor, got ${typeof x}`, "make one with tensor(…)");
  }
}

/** @param what "its tensors" @throws ArgumentError unless all of them are on one device */
export function requireOneDevice(name: string, what: string, tensors: readonly Tensor[]): void {
  requireTensors(name, tensors);
  if (tensors.every(({ gpu }) => gpu === tensors[0].gpu)) return;
  throw new ArgumentError(`${name}: ${what} live on different devices`, "make all of them on one device");
}

/** @throws DtypeError unless all tensors are of `dtype`; float16 does for float32, to which `run` converts it if need be */
export function requireDtype(name: string, dtype: DType, ...tensors: readonly Tensor[]): void {
  requireTensors(name, tensors);
  for (const tensor of tensors) {
    if (tensor.dtype !== dtype && !(dtype === "float32" && tensor.dtype === "float16")) {
      throw new DtypeError(
        `${name}: expected ${dtype}, got ${tensor.dtype}`,
        `convert it with to(x, "${dtype}")`,
      );
    }
  }
}

/** @throws ShapeError unless the tensor has so many axes */
export function requireRank(name: string, what: string, tensor: Tensor, rank: number, layout: string): void {
  if (tensor.shape.length !== rank) {
    throw new ShapeError(`${name}: ${what} must be ${layout}, got ${showShape(tensor.shape)}`);
  }
}

/** `size` elements of a tensor, for a kernel that is to see no others. */
export interface Part {
  readonly of: Tensor;
  /** Where WebGPU can bind: a multiple of 256 bytes. */
  readonly start: number;
  readonly size: number;
}

type DispatchWithTensors = Omit<Dispatch, "buffers" | "workgroups" | "origin"> & {
  readonly buffers: readonly (Tensor | Part)[];
} & Threads;

/** So many threads, in workgroups of 64, or so many workgroups. */
type Threads =
  | { readonly threads: number; readonly workgroups?: never }
  | { readonly workgroups: number; readonly threads?: never };

/** Gives a command on tensors to their device. @throws LimitError when it cannot bind so much at once */
export function dispatch({ buffers, threads, workgroups, ...rest }: DispatchWithTensors): void {
  tensorOf(buffers[0]).gpu.dispatch({
    ...rest,
    buffers: buffers.map(memoryOf),
    workgroups: workgroups ?? Math.ceil(threads / 64),
    origin: currentOrigin(),
  });
}

export function tensorOf(operand: Tensor | Part): Tensor {
  return "of" in operand ? operand.of : operand;
}

export function memoryOf(operand: Tensor | Part): GpuMemory {
  const { dtype, storage } = tensorOf(operand);
  if (!("of" in operand)) return storage.memory;
  return partOf(storage.memory, bytesOf(dtype, operand.start), bytesOf(dtype, operand.size));
}
