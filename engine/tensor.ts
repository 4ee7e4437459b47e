/** Tensors, and how they are made from numbers of the host. */
import { backward, type GraphNode } from "./autograd.ts";
import { currentDevice } from "./currentDevice.ts";
import { ArgumentError, AutogradError, DtypeError, LimitError, ShapeError } from "./errors.ts";
import type { Gpu } from "./gpu/gpu.ts";
import { checkShape, type Shape, sameShape, showShape, sizeOf } from "./shape.ts";
import { Storage } from "./storage.ts";

/** Of numbers that the host can give. */
export type HostDType = "float32" | "int32" | "uint32";
/** float16 is made on the device alone, by `to`; on the host its numbers are those of a Float32Array. */
export type DType = HostDType | "float16";
export type TypedArray = Float32Array | Int32Array | Uint32Array;
export type NestedNumbers = number | readonly NestedNumbers[];

export const typedArrays = { float32: Float32Array, int32: Int32Array, uint32: Uint32Array } as const;

/** What numbers of the dtype take. */
export function bytesOf(dtype: DType, size: number): number {
  return (dtype === "float16" ? 2 : 4) * size;
}

/**
 * A shape and a dtype on a piece of GPU memory, contiguous and row-major (images are NCHW). It knows the operation that
 * made it, which is all that `backward()` needs. Make one with `tensor()`, `zeros()` and the like, or by operations;
 * nothing is disposed of (`storage.ts` says how long memory lives).
 */
export class Tensor {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly storage: Storage;
  /** The gradient that `backward()` accumulated, of this tensor's shape; null before. Only on leaves. */
  grad: Tensor | null = null;
  /** The operation that made this tensor, if gradients flow through it. */
  node: GraphNode | null = null;
  /** Whether `requiresGrad` has ever been set: a frozen parameter is one still, and no buffer. */
  isParameter = false;
  #requiresGrad = false;

  constructor(storage: Storage, shape: Shape, dtype: DType) {
    this.storage = storage;
    this.shape = Object.freeze([...shape]);
    this.dtype = dtype;
    storage.addHandle(this);
  }

  get gpu(): Gpu {
    return this.storage.gpu;
  }

  get size(): number {
    return sizeOf(this.shape);
  }

  get requiresGrad(): boolean {
    return this.#requiresGrad || this.node !== null;
  }

  /** Asks `backward()` for this tensor's gradient. @throws AutogradError, DtypeError */
  set requiresGrad(value: boolean) {
    if (this.node) {
      throw new AutogradError(
        `requiresGrad can only be set on a tensor that you made, not on the result of ${this.node.name}`,
        "use detach() to get a tensor that is cut off from the graph",
      );
    }
    if (value && this.dtype !== "float32")
      throw new DtypeError(`only float32 tensors have gradients, not ${this.dtype}`);
    this.#requiresGrad = value;
    this.isParameter ||= value;
  }

  /**
   * The numbers, in row-major order, once the device has computed them; `data<Int32Array>()` for an int32 tensor, and a
   * Float32Array for a float16 one.
   * @throws ReleasedTensorError, DeviceLostError
   */
  async data<T extends TypedArray = Float32Array>(): Promise<T> {
    const bytes = await this.gpu.read(this.storage.memory, bytesOf(this.dtype, this.size));
    const numbers =
      this.dtype === "float16"
        ? Float32Array.from(new Uint16Array(bytes), numberOfHalf)
        : new typedArrays[this.dtype](bytes);
    return numbers as T;
  }

  /** The number in a tensor of one element. @throws ShapeError if there are more */
  async item(): Promise<number> {
    if (this.size !== 1) {
      throw new ShapeError(
        `item: ${showShape(this.shape)} has ${this.size} elements, not one`,
        "use data() to read them all",
      );
    }
    return (await this.data())[0];
  }

  /** The numbers as arrays of arrays, or a number for a tensor without axes. */
  async toArray(): Promise<NestedNumbers> {
    return nest(await this.data(), this.shape);
  }

  /**
   * Computes the gradient of this tensor by every leaf that it depends on and adds it to the leaf's `grad`; the
   * graph is used up by it.
   * @param gradient of this tensor's shape; may be left out for one element
   * @throws AutogradError
   */
  backward(gradient?: Tensor): void {
    backward(this, gradient);
  }

  /** The same numbers (and memory), cut off from the graph. */
  detach(): Tensor {
    if (this.storage.lifetime === "graph") this.storage.lifetime = "step";
    return viewOf(this, this.shape);
  }

  /** Makes this tensor yours: its memory lives as long as you can reach it (see `storage.ts`). */
  keep(): this {
    this.storage.keep();
    return this;
  }

  /** Shape, dtype and origin; for the numbers use `await tensor.toText()`. */
  toString(): string {
    const origin = this.node ? `, made by ${this.node.name}` : this.#requiresGrad ? ", requiresGrad" : "";
    const released = this.storage.isReleased ? ", released" : "";
    return `Tensor(${showShape(this.shape)}, ${this.dtype}${origin}${released})`;
  }

  /** The numbers as text, at most six along each axis. */
  async toText(): Promise<string> {
    const text = formatNumbers(await this.data(), this.shape, 0, 0, "  ");
    return `${this.toString()}\n  ${text}`;
  }
}

/** What 16 bits mean by IEEE 754: a sign, five bits of exponent, ten of the fraction. */
function numberOfHalf(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const fraction = (bits & 1023) / 1024;
  const magnitude =
    exponent === 31
      ? fraction > 0
        ? Number.NaN
        : Number.POSITIVE_INFINITY
      : exponent === 0
        ? fraction * 2 ** -14
        : (1 + fraction) * 2 ** (exponent - 15);
  return bits >> 15 ? -magnitude : magnitude;
}

function nest(data: TypedArray, shape: Shape, axis = 0, offset = 0): NestedNumbers {
  if (axis === shape.length) return data[offset];
  const step = sizeOf(shape.slice(axis + 1));
  return Array.from({ length: shape[axis] }, (_, index) =>
    nest(data, shape, axis + 1, offset + index * step),
  );
}

function formatNumbers(data: TypedArray, shape: Shape, axis: number, offset: number, indent: string): string {
  const value = data[offset];
  if (axis === shape.length) return `${Number.isInteger(value) ? value : Number(value.toPrecision(5))}`;
  const step = sizeOf(shape.slice(axis + 1));
  const shown =
    shape[axis] <= 6
      ? [...Array(shape[axis]).keys()]
      : [0, 1, 2, -1, shape[axis] - 3, shape[axis] - 2, shape[axis] - 1];
  const parts = shown.map((index) =>
    index === -1 ? "…" : formatNumbers(data, shape, axis + 1, offset + index * step, `${indent} `),
  );
  return `[${parts.join(axis === shape.length - 1 ? ", " : `,\n${indent} `)}]`;
}

export interface TensorOptions {
  readonly shape?: Shape;
  readonly dtype?: DType;
  readonly requiresGrad?: boolean;
  /** Default: the current device (see `withDevice`). */
  readonly gpu?: Gpu;
}

/**
 * A tensor from nested arrays (float32 unless `dtype` says otherwise) or from a typed array (its own dtype;
 * `shape` gives the axes, one by default).
 * @throws ShapeError for ragged arrays or a shape that does not fit, DtypeError, ArgumentError
 */
export function tensor(values: NestedNumbers | TypedArray, options: TensorOptions = {}): Tensor {
  const { data, shape, dtype } = ArrayBuffer.isView(values)
    ? fromTyped(values as TypedArray, options)
    : fromNested(values, options);
  checkShape("tensor", shape);
  requireFilled("tensor:", shape, data);
  const { gpu = currentDevice() } = options;
  const storage = new Storage(gpu, gpu.allocate(data.byteLength), "owner");
  if (data.length > 0) gpu.upload(storage.memory, data);
  const made = new Tensor(storage, shape, dtype);
  if (options.requiresGrad) made.requiresGrad = true;
  return made;
}

/** @param what takes the numbers, for the message @throws ShapeError unless they are as many as the shape has */
export function requireFilled(what: string, shape: Shape, { length }: TypedArray): void {
  if (sizeOf(shape) !== length)
    throw new ShapeError(
      `${what} ${showShape(shape)} needs ${sizeOf(shape)} numbers, but there are ${length}`,
    );
}

/** @param wanted any, if it is left out @throws DtypeError unless it is an array of the dtype's numbers */
export function hostDTypeOf(what: string, values: TypedArray, wanted?: DType): HostDType {
  const dtype = (Object.keys(typedArrays) as HostDType[]).find((name) => values instanceof typedArrays[name]);
  if (dtype && (wanted ?? dtype) === dtype) return dtype;
  throw new DtypeError(
    `${what} got ${(values as object)?.constructor?.name ?? values}${wanted ? ` for dtype ${wanted}` : ""}`,
    "use Float32Array, Int32Array or Uint32Array; typedArray.from(…) converts",
  );
}

function fromTyped(values: TypedArray, options: TensorOptions) {
  const dtype = hostDTypeOf("tensor:", values, options.dtype);
  return { data: values, shape: options.shape ?? [values.length], dtype };
}

function fromNested(values: NestedNumbers, options: TensorOptions) {
  const dtype = options.dtype ?? "float32";
  const shape: number[] = [];
  for (let level = values; Array.isArray(level); level = level[0]) shape.push(level.length);
  const flat: number[] = [];
  flatten(values, shape, 0, flat);
  return { data: new (arrayOf(dtype))(flat), shape: options.shape ?? shape, dtype };
}

/** @throws DtypeError for float16 */
function arrayOf(dtype: DType) {
  if (dtype !== "float16") return typedArrays[dtype];
  throw new DtypeError(
    `tensor: the host has no numbers of ${dtype}`,
    `make a float32 tensor, and convert it on the device: to(x, "float16")`,
  );
}

function flatten(values: NestedNumbers, shape: Shape, axis: number, into: number[]): void {
  if (typeof values === "number" && axis === shape.length) {
    into.push(values);
  } else if (Array.isArray(values) && values.length === shape[axis]) {
    for (const value of values) flatten(value, shape, axis + 1, into);
  } else if (typeof values === "number" || Array.isArray(values)) {
    throw new ShapeError(
      `tensor: the nested arrays are ragged at depth ${axis}; the first branch has the shape ${showShape(shape)}`,
    );
  } else {
    throw new ArgumentError(`tensor: expected numbers, got ${values === null ? "null" : typeof values}`);
  }
}

/**
 * An uninitialised tensor for a kernel to fill; its memory follows rule 2 or 3 of `storage.ts`.
 * @throws LimitError for float16 on an adapter without it
 */
export function emptyTensor(gpu: Gpu, shape: Shape, dtype: DType = "float32"): Tensor {
  if (dtype === "float16") requireFloat16(gpu);
  return new Tensor(new Storage(gpu, gpu.allocate(bytesOf(dtype, sizeOf(shape))), "step"), shape, dtype);
}

/** The same for a result that is of x's shape and dtype. */
export function emptyLike({ gpu, shape, dtype }: Tensor): Tensor {
  return emptyTensor(gpu, shape, dtype);
}

/** The same numbers and memory under another shape; its graph is another one. */
export function viewOf({ storage, dtype }: Tensor, shape: Shape): Tensor {
  return new Tensor(storage, shape, dtype);
}

/** @throws LimitError */
export function requireFloat16({ adapter }: Gpu): void {
  if (adapter.features.includes("shader-f16")) return;
  throw new LimitError(
    `${adapter.name} has no float16 (WebGPU's feature "shader-f16")`,
    "stay with float32, or choose another adapter with WGRAD_ADAPTER",
  );
}

/** A tensor of zeros. @throws ShapeError, DtypeError */
export function zeros(shape: Shape, options: Omit<TensorOptions, "shape"> = {}): Tensor {
  return full(shape, 0, options);
}

/** A tensor of ones. @throws ShapeError, DtypeError */
export function ones(shape: Shape, options: Omit<TensorOptions, "shape"> = {}): Tensor {
  return full(shape, 1, options);
}

/** A tensor of one number. @throws ShapeError, DtypeError */
export function full(shape: Shape, value: number, options: Omit<TensorOptions, "shape"> = {}): Tensor {
  checkShape("full", shape);
  return tensor(new (arrayOf(options.dtype ?? "float32"))(sizeOf(shape)).fill(value), {
    ...options,
    shape,
  });
}

/** @throws ShapeError, DtypeError unless `gradient` can be the gradient of `of` */
export function checkGradient(gradient: Tensor, of: Tensor): void {
  if (!sameShape(gradient.shape, of.shape)) {
    throw new ShapeError(
      `backward: the gradient is ${showShape(gradient.shape)}, but the tensor is ${showShape(of.shape)}`,
    );
  }
  if (gradient.dtype !== of.dtype)
    throw new DtypeError(`backward: the gradient must be ${of.dtype}, not ${gradient.dtype}`);
}
