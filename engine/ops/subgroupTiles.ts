/** The tile loops for CPU adapters whose subgroups have eight lanes or more, which share what they load. */
import source from "../../shaders/gemm_subgroups.wgsl";
import type { Gpu } from "../gpu/gpu.ts";
import type { GemmSize, TileLoop } from "./gemm.ts";

const low: TileLoop = {
  name: "subgroups",
  source,
  constants: { extension: "enable subgroups;", tall: false },
  tileRows: 8,
  tileColumns: 64,
  tilesPerWorkgroup: 1,
  enoughTiles: 32,
};
/** Loads less for a result, but takes twice as long to compile. */
const tall: TileLoop = {
  ...low,
  constants: { ...low.constants, tall: true },
  tileRows: 16,
  enoughTiles: 16,
};
/** Of a workgroup that shares what it loads. */
const lanes = 8;
/** With fewer columns, most of the lanes that share a row would have nothing to do with it. */
const fewestSharedColumns = 33;
/** From here on, what a larger tile saves is worth another second of compiling. */
const manyRows = 128;
const manyColumns = 256;

function tileLoopFor({ adapter }: Gpu, { rows, columns }: GemmSize): TileLoop | undefined {
  if (adapter.smallestSubgroup < lanes || columns < fewestSharedColumns) return undefined;
  return rows >= manyRows && columns >= manyColumns ? tall : low;
}

/** The loop for a product, if one fits; undefined where they are left out: see `subgroupTiles.browser.ts`. */
export const subgroupTiles: typeof tileLoopFor | undefined = tileLoopFor;
