/** The tile loops for CPU adapters whose subgroups have eight lanes or more, which share what they load. */
import source from "../../shaders/gemm_subgroups.wgsl";
import type { Gpu } from "../gpu/gpu.ts";
import type { GemmSize, TileLoop } from "./gemm.ts";

const narrow: TileLoop = {
  name: "subgroups",
  source,
  constants: { extension: "enable subgroups;", wide: false },
  tileRows: 16,
  tileColumns: 32,
  tilesPerWorkgroup: 1,
  enoughTiles: 32,
};
/** Loads less for a result, but takes longer to compile. */
const wide: TileLoop = {
  ...narrow,
  constants: { ...narrow.constants, wide: true },
  tileColumns: 64,
  enoughTiles: 16,
};
/** Of a workgroup that shares what it loads. */
const lanes = 8;
/** With fewer columns, most of the lanes that share a row would have nothing to do with it. */
const fewestSharedColumns = 9;
/** From so many multiplications on, what a larger tile saves is worth another fifth of a second of compiling. */
const manyProducts = 2 ** 22;

function tileLoopFor({ adapter }: Gpu, { rows, columns, depth, batches }: GemmSize): TileLoop | undefined {
  if (adapter.smallestSubgroup < lanes || columns < fewestSharedColumns) return undefined;
  return rows * columns * depth * batches >= manyProducts ? wide : narrow;
}

/** The loop for a product, if one fits; undefined where they are left out: see `subgroupTiles.browser.ts`. */
export const subgroupTiles: typeof tileLoopFor | undefined = tileLoopFor;
