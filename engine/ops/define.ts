/**
 * How an operation is defined: its forward (with its shape rule), its backward, a float64 reference and samples for
 * the checks stand together in one object. TypeScript refuses a definition without a backward or a stated reason for
 * having none, and `table.ts` lists all definitions, which is what the checks run over.
 */
import type { GraphNode } from "../autograd.ts";
import { ArgumentError, DtypeError, ShapeError } from "../errors.ts";
import type { Dispatch } from "../gpu/gpu.ts";
import { isGradEnabled, noGrad } from "../gradMode.ts";
import type { NdArray } from "../reference.ts";
import { type Shape, showShape } from "../shape.ts";
import { collect, handOut } from "../storage.ts";
import type { DType, Tensor } from "../tensor.ts";

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

interface Described<Options> {
  readonly name: string;
  /** The same in float64 on the host, from the formula and not from the kernel. */
  readonly reference: (inputs: readonly NdArray[], options: Options) => NdArray;
  readonly samples: readonly Sample<Options>[];
}

export interface KernelDefinition<Options> extends Described<Options> {
  /** Checks its arguments, describes its dispatches, returns the result. Runs outside of autograd. */
  readonly forward: (inputs: readonly Tensor[], options: Options) => Tensor | WithSaved;
  /** The gradients of the inputs in order; null where there is none. */
  readonly backward:
    | ((context: BackwardContext<Options>) => readonly (Tensor | null)[])
    | { readonly noGradient: string };
}

export interface CompositionDefinition<Options> extends Described<Options> {
  /** Computes the result by other operations, from which it has its gradient. */
  readonly compose: (inputs: readonly Tensor[], options: Options) => Tensor;
}

/** An operation as the checks and the reference page see it. */
export interface Op<Options = never> extends Described<Options> {
  readonly run: (inputs: readonly Tensor[], options: Options) => Tensor;
  readonly gradient: "own" | "composed" | { readonly noGradient: string };
}

/** An operation with kernels of its own. */
export function defineOp<Options>(definition: KernelDefinition<Options>): Op<Options> {
  const { name, forward, backward, reference, samples } = definition;
  function run(inputs: readonly Tensor[], options: Options): Tensor {
    checkDevices(name, inputs);
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
      const needs = (input: number) => inputs[input].requiresGrad;
      const node: GraphNode = {
        name,
        inputs,
        owned,
        pullback: (gradient) => pullback({ gradient, inputs, output, saved, options, needs }),
      };
      output.node = node;
    }
    handOut(made);
    return output;
  }
  return { name, run, gradient: typeof backward === "function" ? "own" : backward, reference, samples };
}

/** An operation made of others. */
export function defineComposition<Options>(definition: CompositionDefinition<Options>): Op<Options> {
  const { name, compose, reference, samples } = definition;
  return { name, run: compose, gradient: "composed", reference, samples };
}

function withSaved(result: Tensor | WithSaved): WithSaved {
  return "saved" in result ? result : { output: result, saved: [] };
}

function checkDevices(name: string, inputs: readonly Tensor[]): void {
  for (const input of inputs) {
    if (input.gpu !== inputs[0].gpu) {
      throw new ArgumentError(
        `${name}: its tensors live on different devices`,
        "make all of them on one device",
      );
    }
  }
}

/** @throws DtypeError unless all tensors are of `dtype` */
export function requireDtype(name: string, dtype: DType, ...tensors: readonly Tensor[]): void {
  for (const tensor of tensors) {
    if (tensor.dtype !== dtype) {
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

type DispatchWithTensors = Omit<Dispatch, "buffers"> & { readonly buffers: readonly Tensor[] };

/** Gives a command on tensors to their device. */
export function dispatch({ buffers, ...rest }: DispatchWithTensors): void {
  buffers[0].gpu.dispatch({ ...rest, buffers: buffers.map((tensor) => tensor.storage.memory) });
}
