/**
 * What matmul and the three directions of conv2d have in common: a tile loop (`kernelShapes.ts` chooses it) with the
 * operands' loaders in front; and split-K, where few results with a long sum would leave most threads idle. The
 * parts of a split sum are added in a second pass, always in the same order.
 */
import tileSource from "../../shaders/gemm_tiles.wgsl";
import ofEight from "../../shaders/of_eight.wgsl";
import rowSumSource from "../../shaders/row_sums.wgsl";
import splitSumsSource from "../../shaders/split_sums.wgsl";
import { type Constants, kernel, type UniformValues } from "../gpu/kernel.ts";
import type { Shape } from "../shape.ts";
import { emptyTensor, type Tensor, viewOf } from "../tensor.ts";
import { dispatch, type Part } from "./define.ts";
import { fold } from "./fold.ts";
import { type GemmShape, type GemmSize, tilesOf } from "./tileLoops.ts";

interface Gemm extends GemmSize, GemmShape {
  readonly name: string;
  /** The WGSL that defines blockA or rowOfA, blockB, startOf and storeFour. */
  readonly operands: readonly string[];
  readonly constants: Constants;
  readonly uniforms: UniformValues;
  /** In binding order; the last one takes the result: `splits` times batches · rows · columns. */
  readonly buffers: readonly (Tensor | Part)[];
  /** Takes the sum of each row of A along the depth, as many times as the result has parts: splits · batches · rows. */
  readonly rowSums?: Tensor | undefined;
}

/** WGSL by which a kernel stores the sums of its left operand's rows in the binding of this number, if there is one. */
export function rowSumsFunction(binding: number | undefined): string {
  return binding === undefined
    ? "const sumsRows = false; fn storeRowSum(slice: u32, row: u32, sum: f32) {}"
    : `const sumsRows = true; @group(0) @binding(${binding}) var<storage, read_write> rowSums: array<f32>;
${rowSumSource}`;
}

/** A weight's gradient and, where it was wanted, the bias': what the rows of the product's left operand add up to. */
export interface ProductAndSums {
  readonly product: Tensor;
  readonly rowSums: Tensor | undefined;
}

/** The parts of a split sum, or of two, added up: [splits, …] each. */
export function addSplits({ product, rowSums }: ProductAndSums, shape: Shape): ProductAndSums {
  const [parts] = product.shape;
  if (parts === 1 || !rowSums) {
    return {
      product: viewOf(parts === 1 ? product : fold("sum", product, [0]), shape),
      rowSums: rowSums && viewOf(rowSums, [rowSums.size]),
    };
  }
  const result = emptyTensor(product.gpu, shape);
  const sums = emptyTensor(product.gpu, [rowSums.size / parts]);
  dispatch({
    kernel: kernel("splitSums", [splitSumsSource]),
    buffers: [product, rowSums, result, sums],
    uniforms: { parts, productSize: result.size, rows: sums.size },
    threads: result.size + sums.size,
    flops: product.size + rowSums.size,
  });
  return { product: result, rowSums: sums };
}

export function gemm({ name, operands, constants, uniforms, buffers, rowSums, ...rest }: Gemm): void {
  const { rows, columns, depth, batches, loop, splits } = rest;
  const { source, tilesPerWorkgroup } = loop;
  const tiles = tilesOf(loop, rest) * splits;
  const depthPerSplit = Math.ceil(depth / splits / 32) * 32;
  dispatch({
    kernel: kernel(`${name}, ${loop.name}`, [ofEight, ...operands, tileSource, source], {
      ...loop.constants,
      ...constants,
      rowSums: rowSumsFunction(rowSums && buffers.length),
    }),
    buffers: rowSums ? [...buffers, rowSums] : buffers,
    uniforms: { ...uniforms, rows, columns, depth, batches, splits, depthPerSplit },
    workgroups: Math.ceil(tiles / tilesPerWorkgroup),
    flops: 2 * rows * columns * depth * batches,
  });
}
