/** What comes out the same in every replay of a step is computed once. */
import type { Dispatch } from "../gpu.ts";
import { isTraced, type TracedCommand } from "./trace.ts";
import { usesIn } from "./uses.ts";

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
