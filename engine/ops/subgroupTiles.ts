/**
 * The tile loops for CPU adapters whose subgroups have eight lanes or more, which share what they load, and the rule by
 * which a product takes one of them.
 */
import source from "../../shaders/gemm_subgroups.wgsl";
import type { Gpu } from "../gpu/gpu.ts";
import { type GemmSize, registers, type TileLoop, workgroup } from "./tileLoops.ts";

export const narrow: TileLoop = {
  name: "subgroups",
  source,
  constants: { extension: "enable subgroups;", wide: false },
  tileRows: 16,
  tileColumns: 32,
  tilesPerWorkgroup: 1,
  enoughTiles: 32,
};
/** Loads less for a result, but takes longer to compile. */
export const wide: TileLoop = {
  ...narrow,
  name: "wide subgroups",
  constants: { ...narrow.constants, wide: true },
  tileColumns: 64,
  enoughTiles: 16,
};

/** Of a workgroup that shares what it loads. */
export const lanes = 8;

export function hasLanes({ adapter }: Gpu): boolean {
  return adapter.smallestSubgroup >= lanes;
}

/** With fewer columns, most of the lanes that share a row would have nothing to do with it. */
const fewestSharedColumns = 9;
/** From so many multiplications on, what a larger tile saves is worth another fifth of a second of compiling. */
const manyProducts = 2 ** 22;

/** The loop that a product of this size takes on a device that was not tuned for it. */
export function usualLoop(gpu: Gpu, { rows, columns, depth, batches }: GemmSize): TileLoop {
  if (gpu.tiling === "workgroup") return workgroup;
  if (!hasLanes(gpu) || columns < fewestSharedColumns) return registers;
  return rows * columns * depth * batches >= manyProducts ? wide : narrow;
}
