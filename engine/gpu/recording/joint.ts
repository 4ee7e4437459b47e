/**
 * Several dispatches as one, by a kernel made of theirs. Each of these becomes functions in one source: what it declares
 * gets its number as an ending, its uniforms are fields of one struct, and memory that several bind is bound once. They run
 * side by side, each in workgroups of its own, or, where each has one workgroup, in turn.
 */
import { type GpuMemory, isSameMemory } from "../buffers.ts";
import type { Dispatch } from "../gpu.ts";
import {
  hasOwnEntry,
  type Kernel,
  kernel,
  mostBuffers,
  storageVariable,
  uniformBytes,
  uniformStruct,
  uniformVariable,
} from "../kernel.ts";

export type Arrangement = "sideBySide" | "inTurn";

/** A part of a buffer, in bytes. */
export interface Span {
  /** What tells it from others. */
  readonly buffer: unknown;
  readonly start: number;
  readonly end: number;
}

export type SpanOf = (memory: GpuMemory) => Span;

export function overlap(a: Span, b: Span): boolean {
  return a.buffer === b.buffer && a.start < b.end && b.start < a.end;
}

const declaration = /\b(?:(?:fn|struct|alias|const)|var<(?:workgroup|private)>)\s*(\w+)/g;

interface Bound {
  readonly memory: GpuMemory;
  /** In WGSL. */
  readonly type: string;
  isWritten: boolean;
}

interface JointBindings {
  readonly bound: readonly Bound[];
  /** For each member, as which of them it binds each of its own. */
  readonly places: readonly (readonly number[])[];
}

/** Whether there can be one command for all of them. */
export function canJoin(members: readonly Dispatch[], arrangement: Arrangement, spanOf: SpanOf): boolean {
  if (members.reduce((sum, { kernel }) => sum + uniformBytesOf(kernel), 0) > uniformBytes) return false;
  for (const { kernel, uniforms, workgroups } of members) {
    if (typeof uniforms === "function") return false; // the host works in its own order
    if (arrangement === "inTurn" && workgroups > 1) return false;
    if (!typesOf(kernel)) return false;
  }
  const { bound } = jointBindings(members);
  // WebGPU lets no command read one part of a buffer and write another, nor write a part as two bindings.
  const isRefused = bound.some((a, index) =>
    bound.slice(0, index).some((b) => {
      const [one, other] = [spanOf(a.memory), spanOf(b.memory)];
      if (a.isWritten && b.isWritten) return overlap(one, other);
      return a.isWritten !== b.isWritten && one.buffer === other.buffer;
    }),
  );
  return bound.length <= mostBuffers && !isRefused;
}

/** @param members of which `canJoin` is true */
export function join(members: readonly Dispatch[], arrangement: Arrangement): Dispatch {
  const { bound, places } = jointBindings(members);
  const parts = members.map(({ kernel }, index) => textOf(kernel, `_${index}`, places[index]));
  const isSideBySide = arrangement === "sideBySide";
  const shares = members.map((_, index) => `share${index}`);
  const fields = [
    ...parts.map(({ fields }) => fields),
    ...(isSideBySide ? shares.map((share) => `${share}: u32,`) : []),
  ];
  const source = [
    `struct Uniforms { ${fields.join(" ")} }`,
    ...bound.map(
      ({ type, isWritten }, place) =>
        `@group(0) @binding(${place}) var<storage, ${isWritten ? "read_write" : "read"}> memory${place}: ${type};`,
    ),
    ...parts.map(({ text }) => text),
    isSideBySide ? mainSideBySide(shares) : mainInTurn(members.length),
  ];
  const name = members.map(({ kernel }) => kernel.name).join(isSideBySide ? " | " : ", then ");
  const uniforms = members.flatMap(({ uniforms, workgroups }, index) => [
    ...Object.entries(uniforms).map(([field, value]) => [`${field}_${index}`, value]),
    [shares[index], workgroups],
  ]);
  const [{ origin }] = members;
  return {
    kernel: kernel(name, [], { source: source.join("\n") }),
    buffers: bound.map(({ memory }) => memory),
    uniforms: Object.fromEntries(uniforms),
    workgroups: isSideBySide ? members.reduce((sum, { workgroups }) => sum + workgroups, 0) : 1,
    flops: members.reduce((sum, { flops }) => sum + flops, 0),
    ...(origin && { origin }),
  };
}

/** What is bound several times is bound once, if it has one type. */
function jointBindings(members: readonly Dispatch[]): JointBindings {
  const bound: Bound[] = [];
  const places = members.map(({ kernel, buffers }) =>
    buffers.map((memory, binding) => {
      const type = typesOf(kernel)![binding];
      const isWritten = kernel.bindings[binding] === "write";
      const known = bound.findIndex((other) => other.type === type && isSameMemory(other.memory, memory));
      if (known < 0) return bound.push({ memory, type, isWritten }) - 1;
      bound[known].isWritten ||= isWritten;
      return known;
    }),
  );
  return { bound, places };
}

const knownTypes = new WeakMap<Kernel, readonly string[] | undefined>();

/** Of what the kernel binds; undefined if it cannot be joined. */
function typesOf(kernel: Kernel): readonly string[] | undefined {
  if (hasOwnEntry(kernel)) return undefined;
  if (!knownTypes.has(kernel)) knownTypes.set(kernel, readTypes(withoutComments(kernel.source)));
  return knownTypes.get(kernel);
}

function readTypes(source: string): readonly string[] | undefined {
  const aliases = new Map(
    [...source.matchAll(/alias (\w+)\s*=\s*([^;]+);/g)].map(([, name, type]) => [name, type]),
  );
  const types: string[] = [];
  for (const [, binding, , , type] of source.matchAll(storageVariable)) {
    types[Number(binding)] = type.replace(/\w+/g, (word) => aliases.get(word) ?? word).replace(/\s+/g, "");
  }
  const structs = [...source.matchAll(/struct (\w+)/g)].map(([, name]) => name); // they would have to be declared for all
  return types.some((type) => structs.some((name) => type.includes(name))) ? undefined : types;
}

/** At most, wherever they begin, and with its share of the workgroups, which lies behind those of all members. */
function uniformBytesOf({ uniforms }: Kernel): number {
  const last = uniforms.at(-1);
  return (last ? Math.ceil((last.offset + 4 * last.count) / 16) * 16 : 0) + 4;
}

/** The kernel's text as a part of a joint one. @param places as which memory it binds each of its own */
function textOf({ source }: Kernel, ending: string, places: readonly number[]) {
  const plain = withoutComments(source);
  const names = new Map([...plain.matchAll(declaration)].map(([, name]) => [name, name + ending]));
  const memories = new Map(
    [...plain.matchAll(storageVariable)].map(([, binding, , name]) => [
      name,
      `memory${places[Number(binding)]}`,
    ]),
  );
  const fields = uniformStruct.exec(plain)?.[1] ?? "";
  const text = plain
    .replace("enable f16;", "") // kernel() puts it in front of all
    .replace(uniformStruct, "")
    .replace(storageVariable, "")
    .replace(new RegExp(`\\b${uniformVariable}\\.\\w+`, "g"), `$&${ending}`)
    .split(/(struct \w+\s*\{[^}]*\}|(?=\bfn ))/)
    .map((piece) => {
      const words = piece.startsWith("struct ")
        ? /(?<![\w.@])[A-Za-z]\w*\b(?!\s*:)/g
        : /(?<![\w.@])[A-Za-z]\w*/g;
      // A function may call something of its own as a memory is called: two names can stand for one memory.
      const isOwn = (name: string) =>
        new RegExp(`\\b(?:let|var)\\s+${name}\\b|[(,]\\s*${name}\\s*:`).test(piece);
      const nameOf = (name: string) => (memories.has(name) && !isOwn(name) ? memories.get(name)! : name);
      return piece.replace(words, (name) => names.get(name) ?? nameOf(name)); // but no member's name
    })
    .join("");
  return {
    text,
    fields: fields
      .trim()
      .replace(/(\w+)\s*:/g, `$1${ending}:`)
      .replace(/[^,]$/, "$&,"),
  };
}

function withoutComments(source: string): string {
  return source.replace(/\/\/.*/g, "");
}

/** Each workgroup is one of a member's. */
function mainSideBySide(shares: readonly string[]): string {
  const calls = shares.map(
    (share, index) => `if (own < ${uniformVariable}.${share}) { main_${index}(own, local); return; }
own -= ${uniformVariable}.${share};`,
  );
  return mainOf(["var own = workgroup;", ...calls]);
}

function mainInTurn(count: number): string {
  const calls = Array.from({ length: count }, (_, index) => `main_${index}(workgroup, local);`);
  return mainOf([calls.join("\nstorageBarrier();\n")]);
}

function mainOf(body: readonly string[]): string {
  return `fn main(workgroup: u32, local: u32) {\n${body.join("\n")}\n}`;
}
