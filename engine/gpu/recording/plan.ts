/**
 * What a recording will do, and the memory that it will take, worked out before anything is allocated. Memory that is
 * needed at different times shares a buffer: the largest first, each into the buffer that it fills best.
 */
import { RecordingError } from "../../errors.ts";
import { type GpuMemory, nextPart } from "../buffers.ts";
import { type Block, foldConstants, fuseMaps, joinBatches } from "./fuse.ts";
import type { SpanOf } from "./joint.ts";
import { giveTogether, type Order } from "./together.ts";
import { isTraced, type Trace, type TracedCommand } from "./trace.ts";

/** Where in which buffer of the arena a memory lies. */
export interface Place {
  readonly buffer: number;
  readonly offset: number;
}

export interface Plan {
  /** Commands for once, before the first replay. */
  readonly once: readonly TracedCommand[];
  /** The memory that they write. */
  readonly constants: readonly GpuMemory[];
  /** Commands for every replay. */
  readonly commands: readonly TracedCommand[];
  /** By id, for everything that lives within a replay. */
  readonly places: ReadonlyMap<number, Place>;
  /** Bytes of each buffer of the arena, in falling order. */
  readonly arena: readonly number[];
  /** What the step returned, read after each replay. */
  readonly outputs: readonly GpuMemory[];
  /** The arena and the constants. What is uploaded for a step, and the losses, come to it. */
  readonly bytes: number;
  /** The largest memory of the step. */
  readonly largest: number;
  /** Of `bytes`, the arena; what it would be if nothing were shared; and less than which no plan could do. */
  readonly arenaBytes: { readonly planned: number; readonly unshared: number; readonly lowerBound: number };
}

/** Commands that are given together want memory at the same time: so many times as much of it, and no more. */
const moreAtMost = 17 / 16;

interface Interval {
  readonly first: number;
  readonly last: number;
}

/** What is placed as one: a memory, or a block of them. */
interface Item extends Interval {
  readonly bytes: number;
  /** By id. */
  readonly offsets: ReadonlyMap<number, number>;
}

/**
 * @param apart whether commands stay apart that could be given together
 * @throws RecordingError
 */
export function plan(
  trace: Trace,
  outputs: readonly GpuMemory[],
  largestBinding: number,
  apart: boolean,
): Plan {
  const fed = idsOf("feed", trace.commands);
  const given = new Set([...fed, ...idsOf("constant", trace.commands)]);
  for (const command of trace.commands) requireUnchanged(command, given);
  const { once, left, constants } = foldConstants(trace.commands);
  const fused = fuseMaps(left, new Set(outputs.map(({ id }) => id)));
  const isPlaced = ({ id }: GpuMemory) => !constants.has(id) && !fed.has(id);
  const { blocks, joined } = joinBatches(fused, trace.memories, largestBinding, isPlaced);
  const memoryFor = (order: Order) => {
    const items = itemsOf(order, trace, outputs.filter(isPlaced), blocks, isPlaced);
    return { items, ...share(items) };
  };
  const bytesFor = (order: Order) => total(memoryFor(order).arena);
  const most = moreAtMost * bytesFor(joined.map(memoriesOf));
  const isAffordable = (order: Order) => bytesFor(order) <= most;
  const commands = apart ? joined : giveTogether(joined, { spanOf: spansIn(blocks), isAffordable });
  const { items, places, arena } = memoryFor(commands.map(memoriesOf));
  const constantMemories = [...constants].map((id) => trace.memories.get(id)!);
  const planned = total(arena);
  return {
    once,
    constants: constantMemories,
    commands,
    places,
    arena,
    outputs,
    bytes: planned + total(constantMemories.map(({ bytes }) => bytes)),
    largest: Math.max(0, ...[...trace.memories.values()].map(({ bytes }) => bytes)),
    arenaBytes: { planned, unshared: total(items.map(({ bytes }) => bytes)), lowerBound: mostAtOnce(items) },
  };
}

/** @throws RecordingError */
function requireUnchanged(command: TracedCommand, given: ReadonlySet<number>): void {
  if (command.type !== "dispatch") return;
  const { kernel, buffers } = command.dispatch;
  if (!buffers.some(({ id }, binding) => given.has(id) && kernel.bindings[binding] === "write")) return;
  throw new RecordingError(
    `${kernel.name} overwrites a tensor that the host gives to a recorded step`,
    "work on a copy of it: clone(x)",
  );
}

/** Of the memory that the host gives numbers. */
function idsOf(type: "feed" | "constant", commands: readonly TracedCommand[]): ReadonlySet<number> {
  return new Set(commands.flatMap((command) => (command.type === type ? [command.memory.id] : [])));
}

function memoriesOf(command: TracedCommand): readonly GpuMemory[] {
  return command.type === "dispatch" ? command.dispatch.buffers : [];
}

/** Blocks are buffers already; any other memory of a step may still get one of its own. */
function spansIn(blocks: readonly Block[]): SpanOf {
  const blockOf = blocksById(blocks);
  return ({ id, offset, bytes }) => {
    const block = blockOf.get(id);
    const start = offset + (block?.offsets.get(id) ?? 0);
    return { buffer: block ?? id, start, end: start + bytes };
  };
}

function blocksById(blocks: readonly Block[]): ReadonlyMap<number, Block> {
  return new Map(blocks.flatMap((block) => [...block.offsets.keys()].map((id) => [id, block])));
}

function itemsOf(
  order: Order,
  { memories }: Trace,
  outputs: readonly GpuMemory[],
  blocks: readonly Block[],
  isPlaced: (memory: GpuMemory) => boolean,
): Item[] {
  const intervals = new Map<number, Interval>();
  const extend = (id: number, at: number) =>
    intervals.set(id, { first: intervals.get(id)?.first ?? at, last: at });
  order.forEach((used, index) => {
    for (const memory of used) if (isTraced(memory) && isPlaced(memory)) extend(memory.id, index);
  });
  for (const { id } of outputs) extend(id, order.length);
  const blockOf = blocksById(blocks);
  const single = [...intervals].flatMap(([id, interval]): Item[] =>
    blockOf.has(id) ? [] : [{ ...interval, bytes: memories.get(id)!.bytes, offsets: new Map([[id, 0]]) }],
  );
  const joined = blocks.map(({ offsets, bytes }): Item => {
    const used = [...offsets.keys()].flatMap((id) => intervals.get(id) ?? []);
    const first = Math.min(...used.map(({ first }) => first));
    return { first, last: Math.max(...used.map(({ last }) => last)), bytes, offsets };
  });
  return [...single, ...joined];
}

/** Each into the buffer of the arena that it fills best of those that are free at its time. */
function share(items: readonly Item[]): { readonly places: Map<number, Place>; readonly arena: number[] } {
  const places = new Map<number, Place>();
  const taken: { readonly bytes: number; readonly items: Item[] }[] = [];
  for (const item of [...items].sort((a, b) => b.bytes - a.bytes || a.first - b.first)) {
    const free = taken.filter(({ items }) => items.every((other) => !overlap(item, other)));
    let best = free.sort((a, b) => a.bytes - b.bytes)[0];
    if (!best) {
      best = { bytes: nextPart(item.bytes), items: [] };
      taken.push(best);
    }
    best.items.push(item);
    for (const [id, offset] of item.offsets) places.set(id, { buffer: taken.indexOf(best), offset });
  }
  return { places, arena: taken.map(({ bytes }) => bytes) };
}

function overlap(a: Interval, b: Interval): boolean {
  return a.first <= b.last && b.first <= a.last;
}

function mostAtOnce(items: readonly Item[]): number {
  const moments = [...new Set(items.map(({ first }) => first))];
  const liveAt = (moment: number) => items.filter((item) => overlap(item, { first: moment, last: moment }));
  return Math.max(0, ...moments.map((moment) => total(liveAt(moment).map(({ bytes }) => bytes))));
}

function total(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}
