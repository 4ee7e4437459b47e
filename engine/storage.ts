/**
 * Who owns a piece of GPU memory, and when it goes back to the pool. Nobody has to dispose of anything; three
 * rules do it:
 *
 * 1. What you make (from data, a parameter, anything after `keep()`) lives as long as your program can reach it.
 * 2. What an operation makes inside a graph lives until `backward()` has used it.
 * 3. Every other result (a loss, a metric, a gradient you hold) lives through the training step that made it and
 *    the whole step after it. A step ends with `optimizer.step()`.
 *
 * A result that becomes unreachable earlier goes back when JavaScript's collector finds it. Reading a tensor
 * whose memory went back is an error that says so, never somebody else's numbers.
 */
import { ReleasedTensorError } from "./errors.ts";
import type { GpuMemory } from "./gpu/buffers.ts";
import type { Gpu } from "./gpu/gpu.ts";

/** Memory that several storages share; it goes back with the last of them. */
export interface Block {
  readonly memory: GpuMemory;
  parts: number;
}

export class Storage {
  readonly gpu: Gpu;
  /** Grows with every storage made: tells what was made before what. */
  readonly serial: number;
  /** "owner": rule 1. "graph": rule 2, and rule 3 if no backward comes. "step": rule 3. */
  lifetime: "owner" | "graph" | "step";
  /** Tells the numbers that an optimiser, or whoever copies into it, has written from those that were here. */
  version = 0;
  /** backward() made it for a tensor's `grad`, and nobody has kept it since. */
  isGradient = false;
  #memory: GpuMemory | undefined;
  /** The memory that this one is a part of, if it is one. */
  #block: Block | undefined;
  #released = "";
  #handles = 0;

  /** @param block what the memory is a part of, if it is one */
  constructor(gpu: Gpu, memory: GpuMemory, lifetime: "owner" | "step", block?: Block) {
    this.gpu = gpu;
    this.serial = ++lastSerial;
    this.lifetime = lifetime;
    this.#memory = memory;
    this.#block = block;
    if (lifetime === "step") {
      if (scope) scope.push(this);
      else transientsOf(gpu).add(this);
    }
  }

  /** @throws ReleasedTensorError when the memory has gone back to the pool */
  get memory(): GpuMemory {
    if (this.#memory) return this.#memory;
    throw new ReleasedTensorError(
      `this tensor's memory went back to the pool: ${this.#released}`,
      "read it earlier (await tensor.data()), or call tensor.keep() on it in the step that makes it",
    );
  }

  get isReleased(): boolean {
    return this.#memory === undefined;
  }

  /** @param reason completes the sentence "this tensor's memory went back to the pool: …" */
  release(reason: string): void {
    if (!this.#memory) return;
    this.#giveBack(this.#memory);
    this.#memory = undefined;
    this.#released = reason;
    transients.get(this.gpu)?.delete(this);
  }

  /** A gradient that you have put in its place, or kept, is yours: it stays. */
  releaseGradient(reason: string): void {
    if (this.isGradient) this.release(reason);
  }

  get isInBlock(): boolean {
    return this.#block !== undefined;
  }

  /** From now on this is a part of the block, which counts it; whoever calls has copied the numbers. */
  moveInto(block: Block, memory: GpuMemory): void {
    this.#giveBack(this.memory);
    this.#memory = memory;
    this.#block = block;
  }

  #giveBack(memory: GpuMemory): void {
    if (!this.#block) this.gpu.release(memory);
    else if (--this.#block.parts === 0) this.gpu.release(this.#block.memory);
  }

  /** From rule 2 or 3 to rule 1. */
  keep(): void {
    this.lifetime = "owner";
    this.isGradient = false;
    transients.get(this.gpu)?.delete(this);
  }

  /** `handle` is a tensor on this storage; when the last one is unreachable, the memory goes back. */
  addHandle(handle: object): void {
    this.#handles++;
    unreachable.register(handle, this);
  }

  handleCollected(): void {
    if (--this.#handles === 0) this.release("nothing referred to it any more");
  }
}

let lastSerial = 0;

const unreachable = new FinalizationRegistry<Storage>((storage) => storage.handleCollected());

/** What operations made outside any scope and rule 3 will release. */
const transients = new WeakMap<Gpu, Set<Storage>>();

function transientsOf(gpu: Gpu): Set<Storage> {
  let set = transients.get(gpu);
  if (!set) {
    set = new Set();
    transients.set(gpu, set);
  }
  return set;
}

/** The innermost running `collect`, if any. */
let scope: Storage[] | undefined;

/** Runs `work` and returns, beside its result, every storage that operations made in it. */
export function collect<T>(work: () => T): { result: T; made: Storage[] } {
  const outer = scope;
  const made: Storage[] = [];
  scope = made;
  try {
    return { result: work(), made };
  } catch (error) {
    for (const storage of made) storage.release("the operation that made it failed");
    throw error;
  } finally {
    scope = outer;
  }
}

/** Gives the surviving storages of a finished `collect` to whoever was collecting around it. */
export function handOut(storages: Iterable<Storage>): void {
  for (const storage of storages) {
    if (storage.lifetime === "owner" || storage.isReleased) continue;
    if (scope) scope.push(storage);
    else transientsOf(storage.gpu).add(storage);
  }
}

/** The serial of the newest storage: a point in time. */
export function now(): number {
  return lastSerial;
}

/** Rule 3 at the end of a step: releases what was made after `from`, up to and including `to`. */
export function releaseStep(gpu: Gpu, from: number, to: number): void {
  for (const storage of transientsOf(gpu)) {
    if (storage.serial > from && storage.serial <= to) {
      storage.release("the training step after the one that made it has ended");
    }
  }
}
