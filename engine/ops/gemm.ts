/**
 * What matmul and the three directions of conv2d have in common: a tile loop, chosen by the device's tiling, with the
 * operands' loaders in front; and split-K, where few results with a long sum would leave most threads idle. The
 * parts of a split sum are added in a second pass, always in the same order.
 */
import common from "../../shaders/common.wgsl";
import registerTiles from "../../shaders/gemm_registers.wgsl";
import workgroupTiles from "../../shaders/gemm_workgroup.wgsl";
import type { Gpu, Tiling } from "../gpu/gpu.ts";
import { type Constants, kernel, type UniformValues } from "../gpu/kernel.ts";
import type { Tensor } from "../tensor.ts";
import { dispatch } from "./define.ts";

interface TileLoop {
  readonly source: string;
  readonly tileRows: number;
  readonly tileColumns: number;
  readonly tilesPerWorkgroup: number;
  /** So many tiles keep the device busy: with fewer, the depth is split. */
  readonly enoughTiles: number;
}

const tileLoops: Readonly<Record<Tiling, TileLoop>> = {
  registers: { source: registerTiles, tileRows: 8, tileColumns: 8, tilesPerWorkgroup: 32, enoughTiles: 256 },
  workgroup: {
    source: workgroupTiles,
    tileRows: 64,
    tileColumns: 64,
    tilesPerWorkgroup: 1,
    enoughTiles: 256,
  },
};

/** A part of a split sum is no shorter than this, and a multiple of every tile's depth. */
const shortestSplit = 256;

export interface GemmSize {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  readonly batches: number;
}

interface Gemm extends GemmSize {
  readonly name: string;
  /** The WGSL that defines blockA, blockB and store. */
  readonly operands: string;
  readonly constants: Constants;
  readonly uniforms: UniformValues;
  /** In binding order; the last one takes the result: `splits` slices of batches · rows · columns. */
  readonly buffers: readonly Tensor[];
  readonly splits: number;
}

/** Into how many parts the sum should be split on this device. */
export function splitsFor(gpu: Gpu, { rows, columns, depth, batches }: GemmSize): number {
  const { tileRows, tileColumns, enoughTiles } = tileLoops[gpu.tiling];
  const tiles = Math.ceil(rows / tileRows) * Math.ceil(columns / tileColumns) * batches;
  return Math.max(1, Math.min(Math.ceil(enoughTiles / tiles), Math.floor(depth / shortestSplit)));
}

export function gemm({ name, operands, constants, uniforms, buffers, splits, ...size }: Gemm): void {
  const { gpu } = buffers[0];
  const { rows, columns, depth, batches } = size;
  const { source, tileRows, tileColumns, tilesPerWorkgroup } = tileLoops[gpu.tiling];
  const tiles = Math.ceil(rows / tileRows) * Math.ceil(columns / tileColumns) * batches * splits;
  const depthPerSplit = Math.ceil(depth / splits / 32) * 32;
  dispatch({
    kernel: kernel(`${name}, ${gpu.tiling}`, [common, operands, source], constants),
    buffers,
    uniforms: { ...uniforms, rows, columns, depth, batches, splits, depthPerSplit },
    workgroups: Math.ceil(tiles / tilesPerWorkgroup),
    flops: 2 * rows * columns * depth * batches,
  });
}
