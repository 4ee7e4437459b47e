/**
 * An operation on every element is done by the kernel that made the elements, before it stores them: a pass over memory
 * less, without changing a number.
 */
import { type GpuMemory, partOf } from "../buffers.ts";
import { canBeWritten, canFinish, type ElementMap, type Finish, finishedKernel } from "../elementMap.ts";
import type { Dispatch } from "../gpu.ts";
import { mostBuffers } from "../kernel.ts";
import { isTraced, type TracedCommand } from "./trace.ts";
import { type Use, type Uses, usesIn } from "./uses.ts";

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
