/**
 * GPU memory, pooled. Sizes are rounded up to a few classes an octave; a released buffer waits in its class
 * for the next request. A buffer may be handed on while commands that use it are still waiting: commands run in
 * the order in which they were given, so the next user's writes come after the last user's reads.
 */
import { LimitError } from "../errors.ts";

/** A piece of GPU memory. On a device that only plans, there is no buffer behind it. */
export interface GpuMemory {
  /** The buffer's. */
  readonly id: number;
  /** Grows each time that the buffer is given out: tells this use of it from earlier ones. */
  readonly use: number;
  /** Where in the buffer it begins: at 0, or it is a part (`partOf`). */
  readonly offset: number;
  /** What was asked for, rounded up to 16 bytes so that a kernel can read it in vectors of four. */
  readonly bytes: number;
  /** What the buffer takes: the size of its class. */
  readonly capacity: number;
  readonly buffer: GPUBuffer | undefined;
}

/** Every WebGPU device binds parts of buffers that begin at a multiple of so many bytes. */
export const partAlignment = 256;

/** The `bytes` from `start` on, which is a multiple of `partAlignment`, for a kernel to bind: it sees no others. */
export function partOf(memory: GpuMemory, start: number, bytes: number): GpuMemory {
  return { ...memory, offset: memory.offset + start, bytes: roundUp(bytes) };
}

/** Whether they are one part of one buffer. */
export function isSameMemory(a: GpuMemory, b: GpuMemory): boolean {
  return a.id === b.id && a.offset === b.offset && a.bytes === b.bytes;
}

/** Where the next part can begin behind so many bytes. */
export function nextPart(bytes: number): number {
  return Math.ceil(bytes / partAlignment) * partAlignment;
}

/** Where parts of these bytes begin that lie behind each other, and where the last one ends. */
export function layOut(sizes: readonly number[]): {
  readonly starts: readonly number[];
  readonly end: number;
} {
  const starts: number[] = [];
  let end = 0;
  for (const bytes of sizes) {
    starts.push(nextPart(end));
    end = nextPart(end) + bytes;
  }
  return { starts, end };
}

export interface MemoryReport {
  /** In tensors. */
  readonly bytesInUse: number;
  readonly buffersInUse: number;
  /** Waiting in the pool for the next tensor. */
  readonly bytesPooled: number;
  readonly buffersPooled: number;
  /** The most that was ever in use. */
  readonly peakBytesInUse: number;
}

/** A pooled buffer that this many flushes left untouched goes back to the driver. */
const idleFlushes = 256;

const smallest = 256;

export class BufferPool {
  readonly #idle = new Map<number, { memory: GpuMemory; since: number }[]>();
  readonly #create: (bytes: number) => GPUBuffer | undefined;
  readonly #largest: number;
  /** By buffer: which use of it is going on. */
  readonly #uses = new Map<number, number>();
  #nextId = 0;
  #flushes = 0;
  #bytesInUse = 0;
  #buffersInUse = 0;
  #bytesPooled = 0;
  #buffersPooled = 0;
  #peakBytesInUse = 0;

  /**
   * @param create makes a buffer of so many bytes (or nothing, on a device that only plans)
   * @param largest bytes that a buffer may have
   */
  constructor(create: (bytes: number) => GPUBuffer | undefined, largest: number) {
    this.#create = create;
    this.#largest = largest;
  }

  /**
   * @param isLasting whether it will be in use for so long that rounding up would cost more than it helps
   * @throws LimitError when no buffer of this adapter could hold so much
   */
  allocate(bytes: number, isLasting = false): GpuMemory {
    const rounded = roundUp(bytes);
    if (rounded > this.#largest) {
      throw new LimitError(
        `a tensor of ${bytes.toLocaleString("en")} bytes is more than this adapter holds in one buffer (${this.#largest.toLocaleString("en")})`,
        "use a smaller batch or a narrower layer, or an adapter with a larger maxBufferSize",
      );
    }
    const capacity = isLasting ? rounded : Math.min(sizeClass(rounded), this.#largest);
    const waiting = this.#idle.get(capacity)?.pop();
    this.#bytesInUse += capacity;
    this.#buffersInUse++;
    this.#peakBytesInUse = Math.max(this.#peakBytesInUse, this.#bytesInUse);
    if (waiting) {
      this.#bytesPooled -= capacity;
      this.#buffersPooled--;
      // A description of its own: commands that wait with the old one still bind the old size.
      return this.#inUse({ ...waiting.memory, use: waiting.memory.use + 1, bytes: rounded });
    }
    const buffer = this.#create(capacity);
    return this.#inUse({ id: this.#nextId++, use: 0, offset: 0, bytes: rounded, capacity, buffer });
  }

  #inUse(memory: GpuMemory): GpuMemory {
    this.#uses.set(memory.id, memory.use);
    return memory;
  }

  /** Whether this memory (or what it is a part of) has not been released since it was allocated. */
  isInUse({ id, use }: GpuMemory): boolean {
    return this.#uses.get(id) === use;
  }

  /** Once for every `allocate`. */
  release(memory: GpuMemory): void {
    this.#uses.delete(memory.id);
    this.#bytesInUse -= memory.capacity;
    this.#buffersInUse--;
    this.#bytesPooled += memory.capacity;
    this.#buffersPooled++;
    const idle = this.#idle.get(memory.capacity) ?? [];
    this.#idle.set(memory.capacity, idle);
    idle.push({ memory, since: this.#flushes });
  }

  /** To be called when no command is waiting: returns to the driver what has lain idle for long. */
  flushed(): boolean {
    this.#flushes++;
    let destroyed = false;
    for (const idle of this.#idle.values()) {
      // The oldest lie at the bottom: the last one released is the first one taken.
      while (idle.length > 0 && this.#flushes - idle[0].since > idleFlushes) {
        const { memory } = idle.shift()!;
        memory.buffer?.destroy();
        this.#bytesPooled -= memory.capacity;
        this.#buffersPooled--;
        destroyed = true;
      }
    }
    return destroyed;
  }

  report(): MemoryReport {
    return {
      bytesInUse: this.#bytesInUse,
      buffersInUse: this.#buffersInUse,
      bytesPooled: this.#bytesPooled,
      buffersPooled: this.#buffersPooled,
      peakBytesInUse: this.#peakBytesInUse,
    };
  }
}

/** To what is allocated for so many bytes. */
export function roundUp(bytes: number): number {
  return Math.max(16, Math.ceil(bytes / 16) * 16);
}

/** Four classes an octave: at most a fifth of a buffer is lost to rounding. */
export function sizeClass(bytes: number): number {
  if (bytes <= smallest) return smallest;
  const octave = 2 ** Math.floor(Math.log2(bytes - 1));
  return octave + Math.ceil((bytes - octave) / (octave / 4)) * (octave / 4);
}
