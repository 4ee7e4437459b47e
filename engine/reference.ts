/** Arrays in float64 on the host: what the references of the operations compute with. Clear, not fast. */
import { broadcastShapes, broadcastStrides, type Shape, sizeOf } from "./shape.ts";

export interface NdArray {
  readonly shape: Shape;
  readonly data: Float64Array;
}

export function ndarray(shape: Shape, data: ArrayLike<number> = new Float64Array(sizeOf(shape))): NdArray {
  return { shape: [...shape], data: Float64Array.from(data) };
}

export function mapArray(x: NdArray, f: (value: number) => number): NdArray {
  return { shape: x.shape, data: x.data.map(f) };
}

/** Elementwise over two arrays that broadcast. */
export function zipArrays(a: NdArray, b: NdArray, f: (a: number, b: number) => number): NdArray {
  const shape = broadcastShapes("reference", a.shape, b.shape);
  const stridesA = broadcastStrides(a.shape, shape);
  const stridesB = broadcastStrides(b.shape, shape);
  return fromIndex(shape, (index) => f(a.data[dot(index, stridesA)], b.data[dot(index, stridesB)]));
}

/** An array from a function of the index along each axis. */
export function fromIndex(shape: Shape, f: (index: readonly number[]) => number): NdArray {
  const made = ndarray(shape);
  forEachIndex(shape, (index, flat) => {
    made.data[flat] = f(index);
  });
  return made;
}

/** All indices in row-major order. */
function forEachIndex(shape: Shape, visit: (index: readonly number[], flat: number) => void): void {
  const index = new Array<number>(shape.length).fill(0);
  const size = sizeOf(shape);
  for (let flat = 0; flat < size; flat++) {
    visit(index, flat);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      if (++index[axis] < shape[axis]) break;
      index[axis] = 0;
    }
  }
}

export function at(x: NdArray, ...index: number[]): number {
  return x.data[index.reduce((flat, i, axis) => flat * x.shape[axis] + i, 0)];
}

/** For every index of the axes kept, the values along the others, folded by `f`; reduced axes stay with size 1. */
export function foldAxes(x: NdArray, axes: readonly number[], f: (values: number[]) => number): NdArray {
  const keptShape = x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
  const strides = broadcastStrides(keptShape, x.shape);
  const groups = Array.from({ length: sizeOf(keptShape) }, () => [] as number[]);
  forEachIndex(x.shape, (index, flat) => {
    groups[dot(index, strides)].push(x.data[flat]);
  });
  return ndarray(keptShape, groups.map(f));
}

export function reshapeArray(x: NdArray, shape: Shape): NdArray {
  return { shape: [...shape], data: x.data };
}

export function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + value * b[i], 0);
}
