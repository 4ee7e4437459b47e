/** Arithmetic on shapes, and the errors when they do not fit. */
import { ArgumentError, ShapeError } from "./errors.ts";

export type Shape = readonly number[];

/** Kernels describe a tensor by two vectors of four sizes. */
const maximumRank = 8;

export function sizeOf(shape: Shape): number {
  return shape.reduce((product, size) => product * size, 1);
}

export function showShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

/** @throws ShapeError unless every size is a whole number ≥ 0 and there are at most eight */
export function checkShape(name: string, shape: Shape): void {
  if (shape.length > maximumRank) {
    throw new ShapeError(
      `${name}: ${showShape(shape)} has ${shape.length} axes; at most ${maximumRank} are supported`,
    );
  }
  if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0)) {
    throw new ShapeError(
      `${name}: ${showShape(shape)} is not a shape: sizes must be whole numbers, 0 or more`,
    );
  }
}

/**
 * The shape that both broadcast to, by NumPy's rule: aligned at the last axis, a size of 1 stretches.
 * @throws ShapeError naming the axis that does not fit
 */
export function broadcastShapes(name: string, a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const sizeA = a[axis - rank + a.length] ?? 1;
    const sizeB = b[axis - rank + b.length] ?? 1;
    if (sizeA !== sizeB && sizeA !== 1 && sizeB !== 1) {
      throw new ShapeError(
        `${name}: ${showShape(a)} and ${showShape(b)} do not broadcast: axis ${axis - rank} is ${sizeA} in one and ${sizeB} in the other`,
        "sizes must be equal, or 1 in one of the two",
      );
    }
    return sizeA === 1 ? sizeB : sizeA;
  });
}

/** Row-major strides, in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis];
  }
  return strides;
}

/** Strides of `shape` seen as `target`, to which it broadcasts: 0 along stretched axes. */
export function broadcastStrides(shape: Shape, target: Shape): number[] {
  const strides = stridesOf(shape);
  const added = target.length - shape.length;
  return target.map((_, axis) => (axis < added || shape[axis - added] === 1 ? 0 : strides[axis - added]));
}

/**
 * Merges neighbouring axes that every one of `strides` walks in one stride, and drops axes of size 1: fewer axes
 * mean less index arithmetic in the kernel.
 */
export function mergeAxes(shape: Shape, ...strides: Shape[]): { shape: number[]; strides: number[][] } {
  const merged: number[] = [];
  const mergedStrides: number[][] = strides.map(() => []);
  for (let axis = 0; axis < shape.length; axis++) {
    const size = shape[axis];
    if (size === 1) continue;
    const last = merged.length - 1;
    const joins = last >= 0 && strides.every((stride, i) => mergedStrides[i][last] === stride[axis] * size);
    if (joins) {
      merged[last] *= size;
      strides.forEach((stride, i) => {
        mergedStrides[i][last] = stride[axis];
      });
    } else {
      merged.push(size);
      strides.forEach((stride, i) => {
        mergedStrides[i].push(stride[axis]);
      });
    }
  }
  return { shape: merged, strides: mergedStrides };
}

/** -1 is the last axis. @throws ArgumentError */
export function normaliseAxis(name: string, axis: number, rank: number): number {
  if (Number.isInteger(axis) && axis >= -rank && axis < rank) return axis < 0 ? axis + rank : axis;
  throw new ArgumentError(
    `${name}: there is no axis ${axis} in ${rank} axes`,
    rank === 0 ? "a scalar has no axes" : `axes go from ${-rank} to ${rank - 1}`,
  );
}

/** One axis, several, or (undefined) all; sorted and without repetition. @throws ArgumentError */
export function normaliseAxes(
  name: string,
  axes: number | readonly number[] | undefined,
  rank: number,
): number[] {
  if (axes === undefined) return Array.from({ length: rank }, (_, axis) => axis);
  const list = (typeof axes === "number" ? [axes] : axes).map((axis) => normaliseAxis(name, axis, rank));
  if (new Set(list).size !== list.length)
    throw new ArgumentError(`${name}: an axis is named twice in [${[axes].flat().join(", ")}]`);
  return list.sort((a, b) => a - b);
}
