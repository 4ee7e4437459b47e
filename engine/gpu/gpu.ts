/**
 * The narrow door between tensors and WebGPU: memory, and commands on it. Operations describe their commands;
 * whether and when these are encoded and submitted is decided behind this door (`queue.ts`), or they are only
 * counted (`plan.ts`), or written down to be run again and again (`recording/`).
 */
import type { Product } from "../ops/products.ts";
import type { AdapterDescription } from "./adapter.ts";
import type { GpuMemory, MemoryReport } from "./buffers.ts";
import type { ElementMap } from "./elementMap.ts";
import type { Kernel, UniformValues } from "./kernel.ts";
import type { Plan } from "./recording/plan.ts";
import type { Replay } from "./recording/replay.ts";
import type { Trace } from "./recording/trace.ts";

/** What a command was given for. Nothing depends on it: it comes back with the times (`Gpu.profile`). */
export interface Origin {
  /** The innermost module at work, if any. */
  readonly module: object | undefined;
  readonly phase: "forward" | "backward" | "update";
}

export interface Dispatch {
  readonly kernel: Kernel;
  /** One a storage binding of the kernel, in order; none with more than the device's `largestBinding` bytes. */
  readonly buffers: readonly GpuMemory[];
  /** A function if they differ from step to step: it is called anew in every replay of a recording. */
  readonly uniforms: UniformValues | (() => UniformValues);
  /** How many in all; any number: it is folded into two dimensions (`workgroupIndex` in the kernel unfolds it). */
  readonly workgroups: number;
  /** Floating-point operations, a fused multiply-add counted as two. Zero for kernels that only move data. */
  readonly flops: number;
  /** What an element of the result is made of, if it is one element of each operand: a recording can fuse that. */
  readonly map?: ElementMap;
  /** Commands with the same one become one command in a recording where their tensors lie behind each other. */
  readonly batch?: Batch;
  readonly origin?: Origin;
}

/** A dispatch as it ran. */
export interface DispatchTime {
  /** Its name. */
  readonly kernel: string;
  readonly origin: Origin | undefined;
  readonly workgroups: number;
  readonly flops: number;
  /** Of all memory that it binds, counted once. It may read and write it, or touch only some of it. */
  readonly bytes: number;
  /** In nanoseconds since the first one began. */
  readonly start: number;
  readonly end: number;
}

/** What makes commands alike that treat every element of their tensors by itself (`elementCommand`). */
export interface Batch {
  readonly uniforms: UniformValues | (() => UniformValues);
  /** For each element. */
  readonly flops: number;
}

/** A command whose uniforms are worked out. */
export type ReadyDispatch = Omit<Dispatch, "uniforms"> & { readonly uniforms: UniformValues };

/** What was done since the device was opened. */
export interface Counters {
  readonly dispatches: number;
  readonly passes: number;
  readonly submits: number;
  readonly uploads: number;
  readonly pipelines: number;
  readonly flops: number;
}

/**
 * How matrix-like kernels cut up their work. "registers": each thread computes a tile from vector loads, best on
 * CPU adapters, where workgroup memory is as slow as any other. "workgroup": a workgroup shares tiles in its own
 * memory, best on graphics cards.
 */
export type Tiling = "registers" | "workgroup";

/** What a device does with memory and commands. */
export interface Commands {
  /**
   * @param isLasting for memory that is not asked for again and again: of exactly this size. Default: false
   * @throws LimitError when it is more than a buffer can hold
   */
  allocate(bytes: number, isLasting?: boolean): GpuMemory;
  /** Gives memory back to the pool; commands already given may still use it. */
  release(memory: GpuMemory): void;
  /** Writes `data` (copied before the call returns) after all commands given so far. */
  upload(memory: GpuMemory, data: ArrayBufferView): void;
  /** @throws LimitError when a buffer is more than the kernel can bind */
  dispatch(dispatch: Dispatch): void;
}

/** How a step is written down instead of being run: see `recordStep`, which is made of this. */
export interface Recorder {
  /** Runs `work`, whose commands are written down and not run, on memory that is only counted. */
  trace<T>(work: () => T): { readonly result: T; readonly trace: Trace };
  /**
   * Compiles what was planned and allocates its memory.
   * @param lent memory of other recordings that may be used while they do not run, large enough as far as it goes; what
   * is missing is added to it
   * @throws LimitError, KernelError, DeviceLostError
   */
  prepare(plan: Plan, lent: GpuMemory[]): Promise<Replay>;
  /** Runs `action` now; while a step is traced, in every replay instead: for what the host counts or chooses anew. */
  everyRun(action: () => void): void;
  /** Writes `numbers()` to the memory now; while a step is traced, in every replay instead. */
  feed(memory: GpuMemory, numbers: () => ArrayBufferView): void;
  /** @param what ends "a recorded step cannot …" @throws RecordingError while a step is traced */
  refuseInStep(what: string): void;
  /** Runs `make` for real even while a step is traced: for what is made once and outlives the step. */
  lasting<T>(make: () => T): T;
}

export interface Gpu extends Commands, Recorder {
  readonly adapter: AdapterDescription;
  readonly tiling: Tiling;
  /** What the device was tuned to, if it was: the name of the kernel's shape for a product (`ops/kernelShapes.ts`). */
  readonly chosenShape?: ((product: Product) => string | undefined) | undefined;
  /** So many bytes a kernel can bind at once, a multiple of 256; more has to be bound in parts (`ops/slices.ts`). */
  readonly largestBinding: number;
  /**
   * The first `bytes` of `memory` after all commands given so far.
   * @throws DeviceLostError, KernelError
   */
  read(memory: GpuMemory, bytes: number): Promise<ArrayBuffer>;
  /**
   * Hands all commands given so far to the device. Resolves when the device is at most two hand-overs behind:
   * a loop that awaits it can never run far ahead.
   * @throws DeviceLostError, KernelError
   */
  flush(): Promise<void>;
  /**
   * Runs `work` and tells how long each dispatch took that was given in it, in order. Each has a pass of its own
   * meanwhile, so all together take longer than they do otherwise.
   * @throws AdapterError when the adapter has no timestamps; ArgumentError within another `profile`;
   * DeviceLostError, KernelError
   */
  profile(work: () => unknown): Promise<DispatchTime[]>;
  memory(): MemoryReport;
  counters(): Counters;
  /** Waits for what is under way, then gives the device back. A Node process can exit after it. */
  close(): Promise<void>;
}
