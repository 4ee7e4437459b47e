/**
 * Small matrix products: one kernel for all layouts of the operands, with short code. What a tile loop would save is less
 * than what compiling it takes.
 */
import source from "../../shaders/matmul_small.wgsl";
import { kernel } from "../gpu/kernel.ts";
import type { Shape } from "../shape.ts";
import { type DType, emptyTensor, type Tensor } from "../tensor.ts";
import { dispatch } from "./define.ts";
import { elementsOf } from "./elementwise.ts";
import { type Activation, activated } from "./epilogue.ts";
import { type ProductAndSums, rowSumsFunction } from "./gemm.ts";
import type { GemmSize } from "./tileLoops.ts";

/** Multiplications. */
const most = 2 ** 16;
/** One thread adds up the whole depth. */
const deepest = 1024;

/** Whether the product is small, and each operand fits into a binding. */
export function isSmall(
  { rows, columns, depth, batches }: GemmSize,
  ...operands: readonly Tensor[]
): boolean {
  const isShort = depth <= deepest && rows * columns * depth * batches <= most;
  return isShort && operands.every(({ size, gpu }) => 4 * size <= gpu.largestBinding);
}

interface SmallProduct extends GemmSize {
  readonly a: Tensor;
  readonly b: Tensor;
  readonly bias: Tensor | undefined;
  readonly activation: Activation | undefined;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  /** Between one batch's matrix and the next one's; 0 where one serves all. */
  readonly batchStrideA: number;
  readonly batchStrideB: number;
  readonly wantsSums: boolean;
  /** [..., rows, columns], of all batches. */
  readonly shape: Shape;
  /** Of the product. */
  readonly dtype: DType;
}

/** The product and, where they are wanted, the sums of the rows of a along the depth. */
export function smallProduct({
  a,
  b,
  bias,
  activation,
  wantsSums,
  shape,
  dtype,
  ...rest
}: SmallProduct): ProductAndSums {
  const { rows, columns, depth, batches, transposeA, transposeB, batchStrideA, batchStrideB } = rest;
  const product = emptyTensor(a.gpu, shape, dtype);
  const rowSums = wantsSums ? emptyTensor(a.gpu, [batches * rows]) : undefined;
  const buffers = [a, b, bias ?? a, product];
  dispatch({
    kernel: kernel("matmul, small", [source], {
      ...elementsOf(a, b, product),
      hasBias: bias !== undefined,
      ...activated(activation, product),
      rowSums: rowSumsFunction(rowSums && buffers.length),
    }),
    buffers: rowSums ? [...buffers, rowSums] : buffers,
    uniforms: {
      ...{ rows, columns, depth, batches, batchStrideA, batchStrideB },
      rowStrideA: transposeA ? 1 : depth,
      depthStrideA: transposeA ? rows : 1,
      depthStrideB: transposeB ? 1 : columns,
      columnStrideB: transposeB ? depth : 1,
    },
    threads: batches * rows * Math.ceil(columns / 4),
    flops: 2 * rows * columns * depth * batches,
  });
  return { product, rowSums };
}
