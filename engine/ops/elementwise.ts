/** The kernels behind every elementwise operation: one WGSL expression over the elements of one or two tensors. */
import binarySource from "../../shaders/binary.wgsl";
import broadcastSource from "../../shaders/binary_broadcast.wgsl";
import fillSource from "../../shaders/fill.wgsl";
import unarySource from "../../shaders/unary.wgsl";
import gradientSource from "../../shaders/unary_gradient.wgsl";
import type { GpuMemory } from "../gpu/buffers.ts";
import { type ElementMap, elementCommand, unfinished } from "../gpu/elementMap.ts";
import type { Gpu, ReadyDispatch } from "../gpu/gpu.ts";
import { type Constants, type Kernel, kernel } from "../gpu/kernel.ts";
import { currentOrigin } from "../origin.ts";
import { broadcastShapes, broadcastStrides, mergeAxes, type Shape, sameShape, sizeOf } from "../shape.ts";
import { type DType, emptyLike, emptyTensor, type Tensor } from "../tensor.ts";
import { dispatch } from "./define.ts";
import { dispatchElements } from "./slices.ts";

export const wgslType = { float32: "f32", float16: "f16", int32: "i32", uint32: "u32" } as const;

/** What numbers of the dtype are computed in. */
function computedIn(dtype: DType) {
  return dtype === "float16" ? "f32" : wgslType[dtype];
}

/** Of a tensor, or as there is none yet. */
type Typed = Pick<Tensor, "dtype">;

/** The constant of a kernel that stores such elements, and computes with them in float32 where they are float16. */
export function elementOf({ dtype }: Typed) {
  return { element: `alias Element = ${wgslType[dtype]};` };
}

/** The same for a kernel that can finish its results (see `elementMap.ts`). */
export function finishableElementOf(result: Typed) {
  return { ...elementOf(result), ...unfinished(wgslType[result.dtype]) };
}

/** The constants of a kernel that makes elements of one dtype from those of another, and can finish them. */
function inputAndOutput(from: DType, to: DType) {
  return {
    input: `alias Input = ${wgslType[from]};`,
    output: `alias Output = ${wgslType[to]};`,
    ...unfinished(wgslType[to]),
  };
}

/** The constants of a matrix product's kernel. */
export function elementsOf(a: Tensor, b: Tensor, result: Tensor) {
  return {
    elementA: `alias ElementA = ${wgslType[a.dtype]};`,
    elementB: `alias ElementB = ${wgslType[b.dtype]};`,
    ...elementOf(result),
  };
}

/** Whether a recording can compute it at the end of another kernel, and the type of its elements then. */
function mapOf(map: Omit<ElementMap, "type">, from: DType, to: DType): { map?: ElementMap } {
  return from === to && computedIn(to) === "f32" ? { map: { ...map, type: wgslType[to] } } : {};
}

/** Numbers that a formula uses beside x, by name: `leakyRelu`'s slope. At most four. */
export type Parameters = Readonly<Record<string, number>>;

function fillKernel(dtype: DType): Kernel {
  return kernel("fill", [fillSource], elementOf({ dtype }));
}

/** A tensor of one value, made on the device. */
export function filled(gpu: Gpu, shape: Shape, value: number, dtype: DType = "float32"): Tensor {
  const result = emptyTensor(gpu, shape, dtype);
  dispatchElements({ kernel: fillKernel(dtype), buffers: [result], uniforms: { value }, flops: 0 });
  return result;
}

/** Overwrites memory of float32 that a kernel can bind. */
export function fillMemory(gpu: Gpu, memory: GpuMemory, value: number): void {
  overMemory(gpu, { kernel: fillKernel("float32"), buffers: [memory], uniforms: { value } });
}

/** A kernel that maps every element of x by a WGSL expression in x and the parameters. */
export function mapElements(
  name: string,
  x: Tensor,
  dtype: DType,
  expression: string,
  parameters: Parameters = {},
): Tensor {
  const result = emptyTensor(x.gpu, x.shape, dtype);
  dispatchElements({
    kernel: kernel(name, [unarySource], {
      ...inputAndOutput(x.dtype, dtype),
      forward: `fn forward(v: Input, parameters: vec4f) -> Output {
let x = ${computedIn(x.dtype)}(v); ${letParameters(parameters)} return Output(${expression}); }`,
    }),
    buffers: [x, result],
    uniforms: { parameters: Object.values(parameters) },
    flops: 1,
    ...mapOf({ name, operands: ["x"], expression, parameters }, x.dtype, dtype),
  });
  return result;
}

/** The same numbers as `dtype`, outside of autograd. */
export function converted(x: Tensor, dtype: DType): Tensor {
  return x.dtype === dtype ? x : mapElements("to", x, dtype, "x");
}

/** The same numbers in memory of their own, outside of autograd. */
export function copied(x: Tensor): Tensor {
  return mapElements("clone", x, x.dtype, "x");
}

/** What an expression for a gradient may be made of; x and y only where it names them. */
interface PullBackOperands {
  readonly x?: Tensor;
  readonly y?: Tensor;
  readonly dy: Tensor;
}

/** A kernel for the gradient of `mapElements`: a WGSL expression in x, y, dy and the parameters. */
export function pullBackElements(
  name: string,
  expression: string,
  { x, y, dy }: PullBackOperands,
  parameters: Parameters = {},
): Tensor {
  const result = emptyLike(dy);
  const body = `${letParameters(parameters)} return ${expression};`;
  dispatchElements({
    kernel: kernel(name, [gradientSource], {
      ...finishableElementOf(dy),
      backward: `fn backward(x: f32, y: f32, dy: f32, parameters: vec4f) -> f32 { ${body} }`,
    }),
    buffers: [x && mentions(expression, "x") ? x : dy, y && mentions(expression, "y") ? y : dy, dy, result],
    uniforms: { parameters: Object.values(parameters) },
    flops: 1,
    ...mapOf({ name, operands: ["x", "y", "dy"], expression, parameters }, dy.dtype, dy.dtype),
  });
  return result;
}

/** Whether the expression is made of this operand; if not, its kernel need not wait for it. */
export function mentions(expression: string, operand: string): boolean {
  return new RegExp(`\\b${operand}\\b`).test(expression);
}

/** WGSL that gives the parameters their names. */
function letParameters(parameters: Parameters): string {
  return Object.keys(parameters)
    .map((name, position) => `let ${name} = parameters[${position}];`)
    .join(" ");
}

/** For operands of one shape. @param constants what binary.wgsl wants in front */
export function binaryKernel(name: string, constants: Constants): Kernel {
  return kernel(name, [binarySource], constants);
}

/**
 * One dispatch of `expression` in a, b and dy over the shape to which a and b broadcast.
 * @param dy of that shape, where the expression names it
 */
export function combineElements(
  name: string,
  expression: string,
  a: Tensor,
  b: Tensor,
  dtype: DType = a.dtype,
  dy: Tensor = a,
): Tensor {
  const shape = broadcastShapes(name, a.shape, b.shape);
  const result = emptyTensor(a.gpu, shape, dtype);
  const type = computedIn(a.dtype);
  const constants = {
    ...inputAndOutput(a.dtype, dtype),
    combine: `fn combine(u: Input, v: Input, dv: Input) -> Output {
let a = ${type}(u); let b = ${type}(v); let dy = ${type}(dv); return Output(${expression}); }`,
  };
  const buffers = [a, b, dy, result];
  if (sameShape(a.shape, b.shape)) {
    dispatchElements({
      kernel: binaryKernel(name, constants),
      buffers,
      uniforms: {},
      flops: 1,
      ...mapOf({ name, operands: ["a", "b", "dy"], expression }, a.dtype, dtype),
    });
    return result;
  }
  const merged = mergeAxes(shape, broadcastStrides(a.shape, shape), broadcastStrides(b.shape, shape));
  const [stridesA, stridesB] = merged.strides;
  dispatch({
    kernel: kernel(`${name}Broadcast`, [broadcastSource], {
      ...constants,
      rank: merged.shape.length,
    }),
    buffers,
    uniforms: { sizes: merged.shape, stridesA, stridesB, count: sizeOf(shape) },
    threads: result.size,
    flops: result.size,
  });
  return result;
}

function copyKernel(dtype: DType): Kernel {
  return kernel("copy", [unarySource], {
    ...inputAndOutput(dtype, dtype),
    forward: "fn forward(x: Input, parameters: vec4f) -> Output { return x; }",
  });
}

/** Overwrites `target` with the numbers of `source`: same shape, same dtype. */
export function copyInto(target: Tensor, source: Tensor): void {
  if (source.storage === target.storage) return;
  // WebGPU refuses a command that reads one part of a buffer and writes another.
  const isInOneBuffer = source.storage.memory.id === target.storage.memory.id;
  const from = isInOneBuffer ? copied(source) : source;
  const buffers = [from, target];
  target.storage.version++;
  dispatchElements({ kernel: copyKernel(source.dtype), buffers, uniforms: { parameters: [] }, flops: 0 });
}

/** The same for memory of one size, of float32, that a kernel can bind. */
export function copyMemory(gpu: Gpu, source: GpuMemory, target: GpuMemory): void {
  overMemory(gpu, {
    kernel: copyKernel("float32"),
    buffers: [source, target],
    uniforms: { parameters: [] },
  });
}

function overMemory(gpu: Gpu, what: Pick<ReadyDispatch, "kernel" | "buffers" | "uniforms">): void {
  const command = elementCommand({ ...what, start: 0, size: what.buffers[0].bytes / 4, flops: 0 });
  gpu.dispatch({ ...command, origin: currentOrigin() });
}
