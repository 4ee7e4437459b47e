/** Which commands of a step use a memory. */
import type { TracedCommand } from "./trace.ts";

/** Where a memory is used: by which command, counted in the list, and as which binding. */
export interface Use {
  readonly command: number;
  readonly binding: number;
}

export interface Uses {
  readonly writes: readonly Use[];
  readonly reads: readonly Use[];
}

/** By the memory's id. */
export function usesIn(commands: readonly (TracedCommand | undefined)[]): Map<number, Uses> {
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
