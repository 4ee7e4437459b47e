/**
 * What a recording does better than the step that it was traced from, without changing a number:
 *
 * - what comes out the same in every replay is computed once (`foldConstants`);
 * - an operation on every element is done by the kernel that made the elements, before it stores them (`fuseMaps`);
 * - alike operations on tensors that lie behind each other become one (`joinBatches`).
 */
import { type GpuMemory, isSameMemory, layOut, nextPart, partOf } from "../buffers.ts";
import {
  canBeWritten,
  canFinish,
  type ElementMap,
  elementCommand,
  type Finish,
  finishedKernel,
} from "../elementMap.ts";
import type { Dispatch } from "../gpu.ts";
import { mostBuffers } from "../kernel.ts";
import { isTraced, type TracedCommand } from "./trace.ts";

/** Where a memory is used: by which command, counted in the list, and as which binding. */
interface Use {
  readonly command: number;
  readonly binding: number;
}

interface Uses {
  readonly writes: readonly Use[];
  readonly reads: readonly Use[];
}

/** By memory. */
function usesIn(commands: readonly (TracedCommand | undefined)[]): Map<number, Uses> {
  const uses = new Map<number, { writes: Use[]; reads: Use[] }>();
  commands.forEach((traced, command) => {
    if (traced?.type !== "dispatch") return;
    const { kernel, buffers } = traced.dispatch;
    buffers.forEach(({ id }, binding) => {
      const of = uses.get(id) ?? { writes: [], reads: [] };
      uses.set(id, of);
      (kernel.bindings[binding] === "write" ? of.writes : of.reads).push({ command, binding });
    });
  });
  return uses;
}

/**
 * Takes out the commands that depend on nothing that changes.
 * @returns them, what is left, and the ids of the memory that holds constants
 */
export function foldConstants(commands: readonly TracedCommand[]) {
  const uses = usesIn(commands);
  const constants = new Set<number>();
  const once: TracedCommand[] = [];
  const left = commands.filter((command) => {
    if (command.type === "constant") constants.add(command.memory.id);
    const isConstant =
      command.type === "constant" || (command.type === "dispatch" && isUnchanging(command.dispatch));
    if (isConstant) once.push(command);
    return !isConstant;
  });

  function isUnchanging({ kernel, buffers, uniforms }: Dispatch): boolean {
    const isSo = buffers.every((memory, binding) =>
      kernel.bindings[binding] === "read"
        ? constants.has(memory.id)
        : isTraced(memory) && uses.get(memory.id)!.writes.length === 1,
    );
    if (typeof uniforms === "function" || !isSo) return false;
    for (const { id } of buffers) constants.add(id);
    return true;
  }
  return { once, left, constants };
}

/** @param lasting ids of memory that is read after the last command */
export function fuseMaps(commands: readonly TracedCommand[], lasting: ReadonlySet<number>): TracedCommand[] {
  const list: (TracedCommand | undefined)[] = [...commands];
  const finishes = new Map<number, Finish[]>(); // by command
  const originals = new Map<number, Dispatch>();
  for (const [index, command] of commands.entries()) {
    if (command.type !== "dispatch" || !command.dispatch.map) continue;
    const uses = usesIn(list); // steps are short, and recorded once
    const operand = fusableOperand(index, uses);
    if (!operand) continue;
    const { map, buffers } = command.dispatch;
    const result = buffers[buffers.length - 1];
    for (const { command: maker } of uses.get(operand.id)!.writes) {
      const made = list[maker] as { readonly dispatch: Dispatch };
      const original = originals.get(maker) ?? made.dispatch;
      originals.set(maker, original);
      const target = made.dispatch.buffers[original.buffers.length - 1];
      const partLike = (memory: GpuMemory) => partOf(memory, target.offset, target.bytes);
      const own: Finish = {
        map,
        operands: buffers
          .slice(0, -1)
          .map((memory) => (memory.id === operand.id ? undefined : partLike(memory))),
      };
      const all = [...(finishes.get(maker) ?? []), own];
      finishes.set(maker, all);
      const extra = all.flatMap(({ operands }) => operands.filter((memory) => memory !== undefined));
      list[maker] = {
        type: "dispatch",
        dispatch: {
          ...original,
          kernel: finishedKernel(original.kernel, all),
          buffers: [...original.buffers.slice(0, -1), partLike(result), ...extra],
          flops: made.dispatch.flops + command.dispatch.flops,
        },
      };
    }
    list[index] = undefined;
  }
  return list.filter((command) => command !== undefined);

  /** The operand whose makers can take over this command's work, if there is one. */
  function fusableOperand(index: number, uses: ReadonlyMap<number, Uses>): GpuMemory | undefined {
    const { dispatch } = list[index] as { readonly dispatch: Dispatch };
    const operands = dispatch.buffers.slice(0, -1);
    const result = dispatch.buffers[operands.length];
    if (!canBeWritten(dispatch.map!)) return undefined;
    const isWhole = ({ offset, bytes }: GpuMemory) => offset === 0 && bytes === result.bytes;
    if (!isTraced(result) || uses.get(result.id)!.writes.length > 1) return undefined;
    return operands.find((operand) => {
      const { writes, reads } = uses.get(operand.id)!;
      if (writes.some(({ command }) => command > index)) return false;
      if (!isTraced(operand) || !isWhole(operand) || lasting.has(operand.id) || writes.length === 0)
        return false;
      if (reads.some(({ command }) => command !== index)) return false;
      const others = operands.filter(({ id }) => id !== operand.id);
      // Nobody writes them between the maker and here; what does so later, an optimiser's update, comes after both.
      const isReady = others.every(({ id }) =>
        uses.get(id)!.writes.every(({ command }) => command < writes[0].command || command > index),
      );
      return (
        isReady &&
        others.every(isWhole) &&
        writes.every((write) => canTakeOver(write, dispatch.map!, others.length))
      );
    });
  }

  function canTakeOver({ command, binding }: Use, map: ElementMap, extraBindings: number): boolean {
    const { dispatch } = list[command] as { readonly dispatch: Dispatch };
    const { kernel, buffers } = originals.get(command) ?? dispatch;
    const writes = kernel.bindings.filter((access) => access === "write");
    const isOnlyResult = binding === buffers.length - 1 && writes.length === 1;
    return isOnlyResult && canFinish(kernel, map) && dispatch.buffers.length + extraBindings <= mostBuffers;
  }
}

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
