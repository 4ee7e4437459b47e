/**
 * Where in a recording's memory everything lies that lives within a step. What is needed at different times shares bytes:
 * the largest first, each into the narrowest gap that is free all the time that it is needed. There are several buffers,
 * because WebGPU lets no command read one part of a buffer and write another.
 */
import { type GpuMemory, nextPart } from "../buffers.ts";
import type { Dispatch } from "../gpu.ts";

/** What each command uses, one after the other. */
export type Order = readonly (readonly MemoryUse[])[];

export interface MemoryUse {
  readonly memory: GpuMemory;
  readonly isWrite: boolean;
}

/** From which command to which other, counted in an order, both included. */
export interface Interval {
  readonly first: number;
  readonly last: number;
}

/** What is placed as one: a memory, or a block of them. */
export interface Item extends Interval {
  readonly bytes: number;
  /** By id. */
  readonly offsets: ReadonlyMap<number, number>;
}

/** Where in which buffer of the arena a memory lies. */
export interface Place {
  readonly buffer: number;
  readonly offset: number;
}

export interface Arena {
  /** By id. */
  readonly places: ReadonlyMap<number, Place>;
  /** Bytes of each buffer, in falling order. */
  readonly buffers: readonly number[];
}

interface ArenaBuffer {
  readonly bytes: number;
  readonly parts: Part[];
}

interface Part {
  readonly item: Item;
  readonly start: number;
  readonly end: number;
}

interface Gap {
  readonly buffer: ArenaBuffer;
  readonly start: number;
  readonly bytes: number;
}

export function memoryUses({ kernel, buffers }: Dispatch): readonly MemoryUse[] {
  return buffers.map((memory, binding) => ({ memory, isWrite: kernel.bindings[binding] === "write" }));
}

/** @param items all that `order` uses and the arena is for */
export function layArena(items: readonly Item[], order: Order): Arena {
  const refused = refusedTogether(items, order);
  const buffers: ArenaBuffer[] = [];
  const places = new Map<number, Place>();
  // Of equal ones, those that are needed for the shortest time first: measured on all models, the others fit in better.
  const inOrder = [...items].sort((a, b) => b.bytes - a.bytes || a.last - a.first - (b.last - b.first));
  for (const item of inOrder) {
    const bytes = nextPart(item.bytes);
    const possible = buffers.filter(({ parts }) => !parts.some((part) => refused.get(item)!.has(part.item)));
    const gaps = possible.flatMap((buffer) => gapsIn(buffer, item)).filter((gap) => gap.bytes >= bytes);
    let [best] = gaps.sort((a, b) => a.bytes - b.bytes);
    if (!best) {
      best = { buffer: { bytes, parts: [] }, start: 0, bytes };
      buffers.push(best.buffer);
    }
    const { buffer, start } = best;
    buffer.parts.push({ item, start, end: start + bytes });
    for (const [id, offset] of item.offsets)
      places.set(id, { buffer: buffers.indexOf(buffer), offset: start + offset });
  }
  return { places, buffers: buffers.map(({ bytes }) => bytes) };
}

/** By item: which others no buffer can hold with it, because a command reads one and writes the other. */
function refusedTogether(items: readonly Item[], order: Order): ReadonlyMap<Item, ReadonlySet<Item>> {
  const itemOf = new Map(items.flatMap((item) => [...item.offsets.keys()].map((id) => [id, item])));
  const refused = new Map(items.map((item) => [item, new Set<Item>()]));
  for (const uses of order) {
    const used = uses.flatMap(({ memory: { id }, isWrite }) => {
      const item = itemOf.get(id);
      return item ? [{ item, isWrite }] : [];
    });
    for (const one of used) {
      for (const other of used) if (one.isWrite !== other.isWrite) refused.get(one.item)!.add(other.item);
    }
  }
  return refused;
}

/** What is free of a buffer all the time that the item is needed. */
function gapsIn(buffer: ArenaBuffer, item: Item): Gap[] {
  const gaps: Gap[] = [];
  let start = 0;
  const taken = buffer.parts
    .filter((part) => overlapInTime(part.item, item))
    .sort((a, b) => a.start - b.start);
  for (const part of [...taken, { start: buffer.bytes, end: buffer.bytes }]) {
    gaps.push({ buffer, start, bytes: part.start - start });
    start = Math.max(start, part.end);
  }
  return gaps;
}

function overlapInTime(a: Interval, b: Interval): boolean {
  return a.first <= b.last && b.first <= a.last;
}
