/**
 * Commands that treat every element by itself. What such a kernel computes for an element is known as a WGSL
 * expression, too, so that a recording can have it computed at the end of another kernel instead (`recording/fuse.ts`):
 * kernels for which that is possible call
 *
 *     fn finish(value: f32, i: u32) -> f32
 *
 * on element i of their result, the last of their bindings, before they store it, or `finishFour` on four at a time; for
 * float16, values and results are f16, so that a map behind a kernel sees the numbers that would have been stored.
 */
import type { GpuMemory } from "./buffers.ts";
import type { Batch, Dispatch } from "./gpu.ts";
import { type Kernel, kernel, type UniformValues } from "./kernel.ts";

/** What is stored of an element: kernels for float16 compute in float32, and round what they store. */
export type ElementType = "f32" | "f16" | "i32" | "u32";

/** Operands of one type, bound in this order, to a result of that type, which is bound behind them. */
export interface ElementMap {
  readonly type: ElementType;
  /** "relu" */
  readonly name: string;
  /** What the expression calls the operands. */
  readonly operands: readonly string[];
  readonly expression: string;
  /** Numbers that the expression uses, by name. */
  readonly parameters?: Readonly<Record<string, number>>;
}

/** The constants of a kernel that can finish its results, and leaves them as they are. @param type of an element */
export function unfinished(type: ElementType = "f32") {
  return {
    finish: `fn finish(value: ${type}, i: u32) -> ${type} { return value; }`,
    finishFour: `fn finishFour(v: vec4<${type}>, i: u32) -> vec4<${type}> {
return vec4<${type}>(finish(v.x, i), finish(v.y, i + 1u), finish(v.z, i + 2u), finish(v.w, i + 3u)); }`,
  };
}

/** A map behind a kernel: of its operands, the one that the kernel computes is undefined. */
export interface Finish {
  readonly map: ElementMap;
  readonly operands: readonly (GpuMemory | undefined)[];
}

/** Whether the kernel can finish its results by this map, and does not do so yet. */
export function canFinish({ constants: { finish } }: Kernel, { type }: ElementMap): boolean {
  return finish === unfinished(type).finish;
}

/**
 * A map must see what an eager step would have stored: compilers take f32(f16(x)) for x, and exp(a · b), which they write
 * as exp2(a · b · log2 e), for exp2(a · (b · log2 e)). No element has this index; they do not know it.
 */
const roundedFunctions = {
  f16: `fn rounded(value: f16, i: u32) -> f32 {
let bits = bitcast<u32>(vec2<f16>(value, 0h)) ^ u32(i == 0xffffffffu);
return f32(bitcast<vec2<f16>>(bits).x); }`,
  f32: `fn rounded(value: f32, i: u32) -> f32 {
return bitcast<f32>(bitcast<u32>(value) ^ u32(i == 0xffffffffu)); }`,
};

/** The kernel with these maps, one after the other, at its end. Their operands are bound in order behind its own. */
export function finishedKernel(of: Kernel, finishes: readonly Finish[]): Kernel {
  const { type } = finishes[0].map; // of all of them, and of the kernel's result
  const rounding = type === "f16" || type === "f32" ? roundedFunctions[type] : undefined;
  let binding = of.bindings.length;
  const declarations: string[] = [];
  const functions: string[] = [];
  for (const [index, { map, operands }] of finishes.entries()) {
    const names = map.operands.map((name) => `${name}: f32`).join(", ");
    const constants = Object.entries(map.parameters ?? {}).map(
      ([name, number]) => `let ${name} = ${float(number)};`,
    );
    functions.push(`fn map${index}(${names}) -> f32 { ${constants.join(" ")} return ${map.expression}; }`);
    const values = operands.map((operand) => {
      if (!operand) return rounding ? "rounded(value, i)" : "value";
      declarations.push(
        `@group(0) @binding(${binding}) var<storage, read> operand${binding}: array<${type}>;`,
      );
      return `f32(operand${binding++}[i])`;
    });
    const value = `${type}(map${index}(${values.join(", ")}))`;
    functions.push(`fn finish${index}(value: ${type}, i: u32) -> ${type} { return ${value}; }`);
  }
  const chain = finishes.reduce((inner, _, index) => `finish${index}(${inner}, i)`, "value");
  const last = `fn finish(value: ${type}, i: u32) -> ${type} { return ${chain}; }`;
  const finish = [...declarations, ...(rounding ? [rounding] : []), ...functions, last];
  const name = [of.name, ...finishes.map(({ map }) => map.name)].join(" + ");
  return kernel(name, of.sources, { ...of.constants, finish: finish.join("\n") });
}

/**
 * Whether the map can stand in another kernel: WGSL knows no Infinity and no NaN, and of a power whose exponent they know
 * compilers make something else.
 */
export function canBeWritten({ expression, parameters = {} }: ElementMap): boolean {
  const isPower = /\bpower\(/.test(expression);
  return !isPower && Object.values(parameters).every((number) => Number.isFinite(Math.fround(number)));
}

/** WGSL for a finite number of float32. In scientific notation it is no whole number, which would have to fit 64 bits. */
function float(number: number): string {
  const sign = Object.is(number, -0) ? "-" : "";
  return `f32(${sign}${Math.fround(number).toExponential()})`;
}

interface ElementCommand extends Batch {
  readonly kernel: Kernel;
  readonly buffers: readonly GpuMemory[];
  /** Where in its tensors this command begins, in elements. */
  readonly start: number;
  readonly size: number;
}

/**
 * A command for a kernel with a thread for every four elements. Beside its own uniforms the kernel takes `vectors`, how
 * many there are, and may take `firstVector`, where the command begins in the tensor.
 */
export function elementCommand({ kernel, buffers, uniforms, start, size, flops }: ElementCommand): Dispatch {
  const vectors = Math.ceil(size / 4);
  const own: UniformValues = { firstVector: start / 4, vectors };
  // Object.assign takes a quarter of the time of two spreads, and a replay calls this in every step.
  return {
    kernel,
    buffers,
    uniforms:
      typeof uniforms === "function" ? () => Object.assign({}, uniforms(), own) : { ...uniforms, ...own },
    workgroups: Math.ceil(vectors / 64),
    flops: flops * size,
  };
}
