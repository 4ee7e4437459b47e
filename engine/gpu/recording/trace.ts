/**
 * A trace: the commands of a step, written down instead of being run. Memory that the step asks for is only counted;
 * which buffer it will be is planned when all is known.
 */
import { RecordingError } from "../../errors.ts";
import { type GpuMemory, roundUp } from "../buffers.ts";
import type { Commands, Dispatch } from "../gpu.ts";

export type TracedCommand =
  | { readonly type: "dispatch"; readonly dispatch: Dispatch }
  /** The host works something out anew in every replay. */
  | { readonly type: "action"; readonly run: () => void }
  /** The host gives other numbers in every replay. */
  | { readonly type: "feed"; readonly memory: GpuMemory; readonly numbers: () => ArrayBufferView }
  /** The host gives the same numbers in every replay. */
  | { readonly type: "constant"; readonly memory: GpuMemory; readonly data: Uint8Array };

export interface Trace {
  readonly commands: readonly TracedCommand[];
  /** What the step asked for, by id. */
  readonly memories: ReadonlyMap<number, GpuMemory>;
}

/** Memory of a trace has an id below zero, never used twice; that of a device counts from zero. */
let lastId = 0;

export function isTraced({ id }: GpuMemory): boolean {
  return id < 0;
}

export class Tracer implements Commands, Trace {
  readonly commands: TracedCommand[] = [];
  readonly memories = new Map<number, GpuMemory>();

  allocate(bytes: number): GpuMemory {
    const rounded = roundUp(bytes);
    const memory = { id: --lastId, use: 0, offset: 0, bytes: rounded, capacity: rounded, buffer: undefined };
    this.memories.set(memory.id, memory);
    return memory;
  }

  /** Memory is free after the last command that uses it. */
  release(): void {}

  upload(memory: GpuMemory, data: ArrayBufferView): void {
    this.#requireOwn(memory);
    if (!isTraced(memory)) {
      throw new RecordingError(
        "a recorded step overwrote a tensor from outside of it with numbers of the host",
        "do that before the step, or hand the numbers in as one of its inputs",
      );
    }
    const bytes = data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength);
    this.commands.push({ type: "constant", memory, data: new Uint8Array(bytes) });
  }

  dispatch(dispatch: Dispatch): void {
    for (const memory of dispatch.buffers) this.#requireOwn(memory);
    if (dispatch.workgroups > 0) this.commands.push({ type: "dispatch", dispatch });
  }

  #requireOwn(memory: GpuMemory): void {
    if (!isTraced(memory) || this.memories.has(memory.id)) return;
    throw new RecordingError(
      "a recorded step used a tensor that another one, or an earlier run of it, has made",
      "call zeroGrad() before backward(), for all parameters that it reaches; make what is kept before the step",
    );
  }
}

/**
 * Two traces of one step, with other inputs: nothing but what the step says it changes may differ.
 * @throws RecordingError that says what differs
 */
export function requireSame(first: Trace, second: Trace): void {
  const [a, b] = [first, second].map(describeAll);
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    if (a[index]?.exact === b[index]?.exact && haveSameData(a[index], b[index])) continue;
    const [one, other] = [a[index], b[index]].map((command) => command?.shown ?? "nothing");
    const difference = one === other ? `${one} was given other tensors` : `${one} became ${other}`;
    throw new RecordingError(
      `a recorded step does the same each time, but from one trial to the next ${difference} (command ${index})`,
      "what changes from step to step is an input, or made by fed() or in everyRun(); a step that chooses what to do cannot be recorded",
    );
  }
}

interface Description {
  readonly exact: string;
  /** Of a constant: too much to write out. */
  readonly data?: Uint8Array;
  /** For people. */
  readonly shown: string;
}

function haveSameData({ data: a }: Description, { data: b }: Description): boolean {
  return a === undefined || b === undefined || a.every((byte, index) => byte === b[index]);
}

function describeAll({ commands, memories }: Trace): Description[] {
  const places = new Map([...memories.keys()].map((id, place) => [id, -1 - place]));
  const show = ({ id, offset, bytes }: GpuMemory) => `${places.get(id) ?? id}:${offset}:${bytes}`;
  return commands
    .filter((command) => command.type !== "action")
    .map((command) => {
      if (command.type === "feed") return { exact: `feed ${show(command.memory)}`, shown: "an input" };
      if (command.type === "constant") {
        const { data } = command;
        return { exact: `constant of ${data.length} bytes`, data, shown: "a tensor of other numbers" };
      }
      const { kernel, buffers, uniforms, workgroups } = command.dispatch;
      const values = typeof uniforms === "function" ? "" : ` ${JSON.stringify(uniforms)}`;
      return {
        exact: [kernel.key, values, workgroups, ...buffers.map(show)].join(" "),
        shown: `${kernel.name}${values}`,
      };
    });
}
