/**
 * Work on tensors that are more than a kernel can bind at once (`Gpu.largestBinding`): AlexNet's largest weight has
 * 144 MiB, and many adapters bind 128. What treats every element by itself runs once a slice, from here; matmul cuts
 * up its matrices. Other operations refuse such tensors.
 */
import { partAlignment } from "../gpu/buffers.ts";
import { elementCommand } from "../gpu/elementMap.ts";
import type { Dispatch, Gpu } from "../gpu/gpu.ts";
import { currentOrigin } from "../origin.ts";
import type { Tensor } from "../tensor.ts";
import { memoryOf } from "./define.ts";

/**
 * How many of a tensor's `lines`, each of `length` elements, a kernel binds at once: all, or a multiple of the elements
 * after which a part may begin.
 * @param isHalf whether there is float16 among what is cut: as many lines as of float32, but other beginnings
 */
export function linesAtOnce(gpu: Gpu, lines: number, length: number, isHalf: boolean): number {
  const alignment = partAlignment / (isHalf ? 2 : 4);
  const most = Math.floor(gpu.largestBinding / (4 * length));
  return lines <= most ? lines : Math.max(1, Math.floor(most / alignment)) * alignment;
}

export interface Range {
  readonly start: number;
  readonly size: number;
}

/** From 0 to `size` in steps, of which the last one may be shorter; one step where there is nothing. */
export function cut(size: number, step: number): Range[] {
  if (size <= step) return [{ start: 0, size }];
  return Array.from({ length: Math.ceil(size / step) }, (_, i) => ({
    start: i * step,
    size: Math.min(step, size - i * step),
  }));
}

/** A tensor's elements, cut into what a kernel binds at once. */
export function slicesOf({ gpu, size, dtype }: Tensor, isHalf = dtype === "float16"): Range[] {
  return cut(size, linesAtOnce(gpu, size, 1, isHalf));
}

type ElementsDispatch = Pick<Dispatch, "kernel" | "uniforms" | "map" | "batch"> & {
  /** Those with the most elements are walked; smaller ones are there as a whole for every element. */
  readonly buffers: readonly Tensor[];
  /** For each element. */
  readonly flops: number;
};

/** Gives the command for a kernel with a thread for every four elements (`elementCommand`), or one command a slice. */
export function dispatchElements({ buffers, ...rest }: ElementsDispatch): void {
  const walked = buffers.reduce((a, b) => (b.size > a.size ? b : a));
  const isHalf = buffers.some(({ dtype }) => dtype === "float16");
  for (const { start, size } of slicesOf(walked, isHalf)) {
    const memories = buffers.map((x) =>
      memoryOf(size < walked.size && x.size === walked.size ? { of: x, start, size } : x),
    );
    const command = elementCommand({ ...rest, buffers: memories, start, size });
    walked.gpu.dispatch({ ...rest, ...command, origin: currentOrigin() });
  }
}
