/** What a recording will do, and the memory that it will take, worked out before anything is allocated. */
import { RecordingError } from "../../errors.ts";
import type { GpuMemory } from "../buffers.ts";
import { type Interval, type Item, layArena, memoryUses, type Order, type Place } from "./arena.ts";
import { type Block, joinBatches } from "./batches.ts";
import { foldConstants } from "./constants.ts";
import { fuseMaps } from "./fuse.ts";
import type { SpanOf } from "./joint.ts";
import { giveTogether } from "./together.ts";
import type { Trace, TracedCommand } from "./trace.ts";

export interface Plan {
  /** Commands for once, before the first replay. */
  readonly once: readonly TracedCommand[];
  /** The memory that they write. */
  readonly constants: readonly GpuMemory[];
  /** Commands for every replay. */
  readonly commands: readonly TracedCommand[];
  /** Everything that lives within a replay, for whoever asks how well it was placed. */
  readonly items: readonly Item[];
  /** By id, of all of them. */
  readonly places: ReadonlyMap<number, Place>;
  /** Bytes of each buffer of the arena, in falling order. */
  readonly arena: readonly number[];
  /** What the step returned, read after each replay. */
  readonly outputs: readonly GpuMemory[];
  /** The arena and the constants. What is uploaded for a step, and the losses, come to it. */
  readonly bytes: number;
  /** The largest memory of the step. */
  readonly largest: number;
}

/** Commands that are given together want memory at the same time: so many times as much of it, and no more. */
const moreAtMost = 17 / 16;

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
  const isPlaced = ({ id }: GpuMemory) => trace.memories.has(id) && !constants.has(id) && !fed.has(id);
  const { blocks, joined } = joinBatches(fused, trace.memories, largestBinding, isPlaced);
  const arenaFor = (order: Order) => {
    const items = itemsOf(order, trace, outputs.filter(isPlaced), blocks, isPlaced);
    return { items, ...layArena(items, order) };
  };
  const bytesFor = (order: Order) => total(arenaFor(order).buffers);
  const most = moreAtMost * bytesFor(joined.map(usesOf));
  const isAffordable = (order: Order) => bytesFor(order) <= most;
  const commands = apart ? joined : giveTogether(joined, { spanOf: spansIn(blocks), isAffordable });
  const { items, places, buffers: arena } = arenaFor(commands.map(usesOf));
  const constantMemories = [...constants].map((id) => trace.memories.get(id)!);
  return {
    once,
    constants: constantMemories,
    commands,
    items,
    places,
    arena,
    outputs,
    bytes: total(arena) + total(constantMemories.map(({ bytes }) => bytes)),
    largest: Math.max(0, ...[...trace.memories.values()].map(({ bytes }) => bytes)),
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

function usesOf(command: TracedCommand): Order[number] {
  return command.type === "dispatch" ? memoryUses(command.dispatch) : [];
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
    for (const { memory } of used) if (isPlaced(memory)) extend(memory.id, index);
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

function total(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}
