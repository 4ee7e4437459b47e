/** The numbers that all engines start from, made on each side from the index alone (`engines/pytorch.py` makes the same). */
import { type Shape, sizeOf } from "../engine/shape.ts";
import { hashed } from "./hashed.ts";
import { type BenchModel, type Layer, weightShape } from "./models.ts";

/** Salts of what is not a parameter; those count from 0. */
export const salts = { first: 100, second: 101, gradient: 102, images: 103, noise: 104 } as const;

export interface LayerNumbers {
  readonly layer: Layer;
  /** In PyTorch's order; undefined for a layer without parameters, as is the bias. */
  readonly weight?: Float32Array<ArrayBuffer>;
  readonly bias?: Float32Array<ArrayBuffer>;
}

/**
 * Weights within 2.2 / √(fan in), biases within 0.1. Through AlexNet's layers smaller ones let the images die out, so that
 * the losses say little of them; with larger ones the losses leap, and last bits grow into differences.
 */
export function modelNumbers({ chains }: BenchModel): LayerNumbers[][] {
  let salt = 0;
  return chains.map((chain) =>
    chain.map((layer) => {
      const shape = weightShape(layer);
      if (!shape) return { layer };
      const bound = 2.2 / Math.sqrt(sizeOf(shape.slice(1)));
      return { layer, weight: hashed(shape, salt++, bound), bias: hashed([shape[0]], salt++, 0.1) };
    }),
  );
}

/** Pixels in [0, 1). */
export function imageNumbers(shape: Shape): Float32Array<ArrayBuffer> {
  return hashed(shape, salts.images).map((value) => (value + 1) / 2);
}

/** Classes from 0 to 9. */
export function labelNumbers(count: number): Int32Array<ArrayBuffer> {
  return new Int32Array(count).map((_, index) => (7 * index) % 10);
}

/** The array of `shape` with its axes in another order, as it lies in memory. */
export function permuted(
  values: Float32Array,
  shape: Shape,
  order: readonly number[],
): Float32Array<ArrayBuffer> {
  const steps = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
  const result = new Float32Array(values.length);
  let next = 0;
  const walk = (depth: number, offset: number) => {
    const axis = order[depth];
    const step = steps[axis];
    const end = offset + shape[axis] * step;
    if (depth === order.length - 1) for (let at = offset; at < end; at += step) result[next++] = values[at];
    else for (let at = offset; at < end; at += step) walk(depth + 1, at);
  };
  walk(0, 0);
  return result;
}
