/** Alike operations on tensors that lie behind each other, or can be made to, become one: an optimiser's on all parameters. */
import { type GpuMemory, isSameMemory, layOut, nextPart } from "../buffers.ts";
import { elementCommand } from "../elementMap.ts";
import type { Dispatch } from "../gpu.ts";
import { isTraced, type TracedCommand } from "./trace.ts";
import { usesIn } from "./uses.ts";

/** Memory of a trace that must lie behind each other, at these offsets by id. */
export interface Block {
  readonly offsets: ReadonlyMap<number, number>;
  readonly bytes: number;
}

/**
 * @param memories what the step asked for, by id
 * @param largestBinding bytes that a command can bind at once
 * @param isPlaced whether the plan chooses where this memory lies
 */
export function joinBatches(
  commands: readonly TracedCommand[],
  memories: ReadonlyMap<number, GpuMemory>,
  largestBinding: number,
  isPlaced: (memory: GpuMemory) => boolean,
) {
  const blocks: Block[] = [];
  const joined: TracedCommand[] = [];
  let run: Dispatch[] = [];
  const uses = usesIn(commands);

  function endRun(): void {
    if (run.length > 0) joined.push({ type: "dispatch", dispatch: run.length > 1 ? join(run) : run[0] });
    run = [];
  }
  for (const command of commands) {
    if (command.type === "dispatch" && command.dispatch.batch) {
      if (!canJoin(run, command.dispatch)) endRun();
      run.push(command.dispatch);
    } else {
      endRun();
      joined.push(command);
    }
  }
  endRun();
  return { blocks, joined };

  function canJoin(earlier: readonly Dispatch[], next: Dispatch): boolean {
    const last = earlier[earlier.length - 1];
    if (!last || last.batch !== next.batch || last.kernel !== next.kernel) return false;
    const size = extent([...earlier, next]);
    if (size > largestBinding) return false;
    return next.buffers.every((memory, binding) => {
      const before = last.buffers[binding];
      if (isSameMemory(memory, before)) return true;
      if (!isTraced(memory)) return memory.id === before.id && memory.offset === endOf(before);
      const ids = earlier.map(({ buffers }) => buffers[binding].id);
      const isFree = [before, memory].every((of) => isWhole(of) && isPlaced(of)) && !ids.includes(memory.id);
      return isFree && fitsBlock(before, memory, ids);
    });
  }

  /** And not a slice of what no command can bind at once. */
  function isWhole({ id, offset, bytes }: GpuMemory): boolean {
    return offset === 0 && bytes === memories.get(id)?.bytes;
  }

  /**
   * Whether it lies behind the one before already, or can: no other command reads one of them and writes another, which
   * WebGPU refuses within one buffer.
   */
  function fitsBlock(before: GpuMemory, next: GpuMemory, ids: readonly number[]): boolean {
    const known = blocks.find(({ offsets }) => offsets.has(before.id) || offsets.has(next.id));
    if (known) return known.offsets.get(next.id) === nextPart(known.offsets.get(before.id)! + before.bytes);
    const all = new Set([...ids, next.id]);
    const commandsOf = (kind: "reads" | "writes") =>
      [...all].flatMap((id) => uses.get(id)![kind].map(({ command }) => command));
    const readers = new Set(commandsOf("reads"));
    return commandsOf("writes").every((command) => !readers.has(command));
  }

  function join(dispatches: readonly Dispatch[]): Dispatch {
    const [{ kernel, batch, buffers, origin }] = dispatches;
    const bytes = extent(dispatches);
    const memories = buffers.map((memory, binding) => {
      const members = dispatches.map((dispatch) => dispatch.buffers[binding]);
      if (members.every((member) => isSameMemory(member, memory))) return memory;
      if (isTraced(memory)) addBlock(members, bytes);
      return { ...memory, bytes };
    });
    const command = elementCommand({ ...batch!, kernel, buffers: memories, start: 0, size: bytes / 4 });
    const flops = dispatches.reduce((sum, { flops }) => sum + flops, 0); // without what lies between the tensors
    return { ...command, flops, ...(origin && { origin }) };
  }

  function addBlock(members: readonly GpuMemory[], bytes: number): void {
    if (blocks.some(({ offsets }) => offsets.has(members[0].id))) return;
    const { starts } = layOut(members.map(({ bytes }) => bytes));
    blocks.push({ offsets: new Map(members.map(({ id }, i) => [id, starts[i]])), bytes });
  }
}

function endOf({ offset, bytes }: GpuMemory): number {
  return nextPart(offset + bytes);
}

/** From the first element of the first command to the last one of the last. */
function extent(dispatches: readonly Dispatch[]): number {
  return layOut(dispatches.map(({ buffers }) => Math.max(...buffers.map(({ bytes }) => bytes)))).end;
}
