/**
 * A kernel is a WGSL file with constants put in front of it. What it binds and which uniforms it takes are read
 * off its own declarations, so that they are written once:
 *
 *     struct Uniforms { count: u32 }                            // packed by field name, bound by `uniforms.wgsl`
 *     @group(0) @binding(0) var<storage, read> x: array<f32>;   // buffers in binding order
 *
 * All may call what stands in `common.wgsl`. Most are entered by `entry.wgsl`, 64 threads a workgroup; some have an entry of
 * their own.
 */
import commonSource from "../../shaders/common.wgsl";
import entrySource from "../../shaders/entry.wgsl";
import uniformsSource from "../../shaders/uniforms.wgsl";
import { KernelError } from "../errors.ts";

/** Every WebGPU device binds so many buffers to a kernel; the uniforms have the number behind them (`uniforms.wgsl`). */
export const mostBuffers = 8;

/** Bytes that the uniforms of a dispatch may take, wherever they lie. */
export const uniformBytes = 256;

/** What is captured: the binding's number, its access, the variable and its type. */
export const storageVariable =
  /@group\(0\)\s*@binding\((\d+)\)\s*var<storage,\s*(read|read_write)>\s*(\w+)\s*:\s*([^;]+);/g;
/** What is captured: its fields. */
export const uniformStruct = /struct Uniforms\s*\{([^}]*)\}/;

export interface Kernel {
  readonly name: string;
  /** Distinguishes every specialisation of every kernel. */
  readonly key: string;
  readonly source: string;
  /** What `source` is made of. */
  readonly sources: readonly string[];
  readonly constants: Constants;
  readonly bindings: readonly ("read" | "write")[];
  readonly uniforms: readonly UniformField[];
}

interface UniformField {
  readonly name: string;
  readonly type: "f32" | "i32" | "u32";
  /** 1 for a scalar, 4 a vector. */
  readonly count: number;
  readonly offset: number;
}

/** Constants in front of the source: numbers and truth values; a text goes in as it stands (an alias, a function). */
export type Constants = Readonly<Record<string, number | boolean | string>>;

/** A uniform is a number, or up to 4 × n numbers for a vector or an array of vectors; what is missing is zero. */
export type UniformValues = Readonly<Record<string, number | readonly number[]>>;

const specialised = new Map<string, Kernel>();

/**
 * The kernel `name` made of `sources`, one after the other, with `constants` in front, and before these what WGSL wants
 * where they speak of f16.
 */
export function kernel(name: string, sources: readonly string[], constants: Constants = {}): Kernel {
  const own = Object.entries(constants).map(([constant, value]) =>
    typeof value === "string"
      ? value
      : `const ${constant} = ${typeof value === "number" ? literal(value) : value};`,
  );
  const front = own.some((line) => line.includes("f16")) ? ["enable f16;", ...own] : own;
  const key = `${name}\n${front.join("\n")}`;
  const known = specialised.get(key);
  if (known) {
    if (sources.some((source, i) => source !== known.sources[i]))
      throw new KernelError(`two kernels have the name ${name}`);
    return known;
  }
  const source = [...front, ...sources].join("\n");
  const made = {
    name,
    key,
    source,
    sources,
    constants,
    bindings: parseBindings(source),
    uniforms: parseUniforms(source),
  };
  specialised.set(key, made);
  return made;
}

/** Whether its source says itself how it is entered. */
export function hasOwnEntry({ source }: Kernel): boolean {
  return source.includes("@compute");
}

/** What is compiled. */
export function wholeSource(kernel: Kernel): string {
  const bound = kernel.uniforms.length > 0 ? uniformsSource : "";
  return [kernel.source, bound, commonSource, hasOwnEntry(kernel) ? "" : entrySource].join("\n");
}

/** What a kernel's text calls its uniforms: in a bundle by a shorter name. */
export const uniformVariable = /var<uniform> ?(\w+)/.exec(uniformsSource)![1];

function literal(value: number): string {
  if (!Number.isInteger(value) || value < 0)
    throw new KernelError(`a kernel constant must be a whole number, not ${value}`);
  return `${value}u`;
}

function parseBindings(source: string): ("read" | "write")[] {
  const bindings: ("read" | "write")[] = [];
  for (const [, binding, access] of source.matchAll(storageVariable)) {
    bindings[Number(binding)] = access === "read" ? "read" : "write";
  }
  return bindings;
}

/** Offsets by WGSL's layout rules for scalars, vec4 and arrays of vec4. */
function parseUniforms(source: string): UniformField[] {
  const fields: UniformField[] = [];
  const declared = uniformStruct.exec(source)?.[1] ?? "";
  const body = declared.replace(/\/\/.*/g, ""); // a colon in a comment declares nothing
  let bytes = 0;
  for (const [, name, vector, element, length] of body.matchAll(
    /(\w+)\s*:\s*(array<vec4|vec4)?<?([fiu]32|[fiu])>?(?:>?,\s*(\d+)\s*>)?/g,
  )) {
    const count = vector ? 4 * Number(length ?? 1) : 1;
    const alignment = vector ? 16 : 4;
    const offset = Math.ceil(bytes / alignment) * alignment;
    const type = { f: "f32", i: "i32", u: "u32" }[element[0] as "f" | "i" | "u"] as UniformField["type"];
    fields.push({ name, type, count, offset });
    bytes = offset + 4 * count;
  }
  return fields;
}

/** Writes `values` at `offset`, by the kernel's own declaration of its uniforms. */
export function packUniforms(kernel: Kernel, values: UniformValues, target: DataView, offset: number): void {
  for (const field of kernel.uniforms) {
    const value = values[field.name];
    if (value === undefined)
      throw new KernelError(`${kernel.name}: the uniform "${field.name}" was not given`);
    for (let index = 0; index < field.count; index++) {
      const number = typeof value === "number" ? value : (value[index] ?? 0);
      const at = offset + field.offset + 4 * index;
      if (field.type === "f32") target.setFloat32(at, number, true);
      else if (field.type === "i32") target.setInt32(at, number, true);
      else target.setUint32(at, number, true);
    }
  }
}
