/** How kernels that walk whole rows, the elements along one axis, share them among threads (`shaders/rows.wgsl`). */
import rowsSource from "../../shaders/rows.wgsl";
import teamSource from "../../shaders/team.wgsl";
import { sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

/** To go in front of a kernel on rows. */
export const rowSources = [teamSource, rowsSource];

/** A row that is shorter is walked by one thread. */
const longRow = 64;
/** So many rows, a thread each, keep the adapter busy. A workgroup that meets at barriers is dear on CPU adapters. */
const manyRows = { registers: 8, workgroup: 16384 } as const;

/** The uniforms, the constants and the number of threads for all rows of x along an axis. */
export function alongRows(x: Tensor, axis: number) {
  const length = x.shape[axis];
  const inner = sizeOf(x.shape.slice(axis + 1));
  const rows = sizeOf(x.shape.slice(0, axis)) * inner;
  const teamSize = length < longRow || rows >= manyRows[x.gpu.tiling] ? 1 : 64;
  return {
    uniforms: { length, inner, rows },
    constants: { teamSize },
    threads: rows * teamSize,
  };
}
