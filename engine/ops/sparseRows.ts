/** The kernel behind products with a sparse matrix in rows: each row adds up some rows of a dense one, in their order. */
import rowsSource from "../../shaders/sparse_rows.wgsl";
import { kernel } from "../gpu/kernel.ts";
import type { Shape } from "../shape.ts";
import { emptyTensor, type Tensor } from "../tensor.ts";
import { dispatch } from "./define.ts";

interface SparseRows {
  /** [rows + 1]: where the entries of a row begin. */
  readonly pointers: Tensor;
  readonly entries: Tensor;
  readonly values: Tensor;
  /** WGSL: alias Entry, fn columnOf and fn valueOf of `sparse_rows.wgsl`. */
  readonly entry: string;
}

interface Product {
  /** Of the dense matrix, [batches, columns, features]. */
  readonly columns: number;
  readonly features: number;
  /** Of the result, which is [batches, rows, features] in memory. */
  readonly shape: Shape;
  /** For counting. */
  readonly flops: number;
}

/** The most neighbouring numbers that a thread can take at once, and WGSL's type for them. */
export function widestElement(features: number): { width: number; alias: string } {
  return features % 4 === 0
    ? { width: 4, alias: "alias Element = vec4f;" }
    : { width: 1, alias: "alias Element = f32;" };
}

/** The sparse rows times the dense matrix, or times each of a batch of them. */
export function multiplySparseRows(
  name: string,
  { pointers, entries, values, entry }: SparseRows,
  dense: Tensor,
  { columns, features, shape, flops }: Product,
): Tensor {
  const result = emptyTensor(dense.gpu, shape);
  const { width, alias } = widestElement(features);
  const count = result.size / width;
  dispatch({
    kernel: kernel(name, [rowsSource], { element: alias, entry }),
    buffers: [pointers, entries, values, dense, result],
    uniforms: { rows: pointers.size - 1, columns, features: features / width, count },
    threads: count,
    flops,
  });
  return result;
}
