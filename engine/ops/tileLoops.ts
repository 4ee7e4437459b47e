/**
 * The tile loops that a matrix product can run through (`gemm.ts`), and into how many parts its sums are cut. The two loops
 * that every adapter can run stand here; which one is chosen says `kernelShapes.ts`.
 */
import registerTiles from "../../shaders/gemm_registers.wgsl";
import workgroupTiles from "../../shaders/gemm_workgroup.wgsl";
import type { Gpu } from "../gpu/gpu.ts";
import type { Constants } from "../gpu/kernel.ts";

export interface TileLoop {
  readonly name: string;
  readonly source: string;
  readonly constants: Constants;
  readonly tileRows: number;
  readonly tileColumns: number;
  readonly tilesPerWorkgroup: number;
  /** So many tiles keep the device busy: with fewer, the depth is split. */
  readonly enoughTiles: number;
}

export const registers: TileLoop = {
  name: "registers",
  source: registerTiles,
  constants: {},
  tileRows: 8,
  tileColumns: 8,
  tilesPerWorkgroup: 32,
  enoughTiles: 256,
};
export const workgroup: TileLoop = {
  name: "workgroup",
  source: workgroupTiles,
  constants: { fetchesAhead: false },
  tileRows: 64,
  tileColumns: 64,
  tilesPerWorkgroup: 1,
  enoughTiles: 256,
};

export interface GemmSize {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  readonly batches: number;
}

/** How a matrix product is computed. */
export interface GemmShape {
  readonly loop: TileLoop;
  /** Parts of the depth, whose sums are added up in a second pass. */
  readonly splits: number;
}

export function tilesOf({ tileRows, tileColumns }: TileLoop, { rows, columns, batches }: GemmSize): number {
  return Math.ceil(rows / tileRows) * Math.ceil(columns / tileColumns) * batches;
}

/** A part of a split sum is no shorter than this, and a multiple of every tile's depth. */
const shortestSplit = 256;

/** The shape that goes with a loop: so many parts that the device is busy, if the sum may come in parts. */
export function shapeWith(loop: TileLoop, size: GemmSize, canSplit: boolean): GemmShape {
  const wanted = Math.ceil(loop.enoughTiles / tilesOf(loop, size));
  const longest = Math.floor(size.depth / shortestSplit);
  return { loop, splits: canSplit ? Math.max(1, Math.min(wanted, longest)) : 1 };
}

/** The shape that the adapter's kind asks for. */
export function plainShape({ tiling }: Gpu, size: GemmSize, canSplit: boolean): GemmShape {
  return shapeWith(tiling === "workgroup" ? workgroup : registers, size, canSplit);
}
