/**
 * A sparse matrix times a dense one. The sparse matrix is in compressed rows (CSR): the entries of row r are those from
 * rowPointers[r] up to (not including) rowPointers[r + 1], each with a column and a value. The gradient of the dense
 * operand is the transposed matrix times dy, for which the entries are sorted by columns once, on the host. Every result
 * is added up by one thread in the order of the entries: no atomics, always the same bits, and a row with tens of
 * thousands of entries is slow.
 */
import valuesGradientSource from "../../shaders/sparse_values_gradient.wgsl";
import teamSource from "../../shaders/team.wgsl";
import { ArgumentError, ShapeError } from "../errors.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { kernel } from "../gpu/kernel.ts";
import { at, fromIndex } from "../reference.ts";
import { checkShape, sameShape, showShape } from "../shape.ts";
import { emptyTensor, type Tensor, type TensorOptions, tensor } from "../tensor.ts";
import { defineOp, dispatch, type OpChecks, requireDtype, requireRank, type Sample } from "./define.ts";
import { multiplySparseRows, widestElement } from "./sparseRows.ts";

/** Where a sparse matrix has entries. Made by `csrMatrix`; matrices with other values can share it. */
export interface CsrPattern {
  /** [rows, columns] */
  readonly shape: readonly [number, number];
  /** [rows + 1] */
  readonly rowPointers: Int32Array;
  /** One an entry. */
  readonly columnIndices: Int32Array;
  /** What JSON says about it. */
  toJSON(): string;
}

export interface CsrMatrix {
  readonly pattern: CsrPattern;
  /** One an entry, float32; may ask for a gradient. */
  readonly values: Tensor;
}

export interface CsrSource {
  /** [rows, columns] */
  readonly shape: readonly [number, number];
  /** [rows + 1], from 0 up to the number of entries. */
  readonly rowPointers: ArrayLike<number>;
  /** One an entry; in any order within a row, and equal ones add up. */
  readonly columnIndices: ArrayLike<number>;
  /** One an entry. Default: 1 each. */
  readonly values?: ArrayLike<number>;
}

/**
 * A sparse matrix from the arrays of its compressed rows, which are copied. `{ ...matrix, values }` is one with the same
 * pattern and values that were computed.
 * @throws ShapeError, ArgumentError naming the first row or entry that is wrong
 */
export function csrMatrix(
  source: CsrSource,
  options: Pick<TensorOptions, "requiresGrad" | "gpu"> = {},
): CsrMatrix {
  const pattern = csrPattern(source);
  const entries = pattern.columnIndices.length;
  const values = source.values ?? new Float32Array(entries).fill(1);
  if (values.length !== entries) {
    throw new ShapeError(
      `csrMatrix: there are ${entries} columnIndices, but ${values.length} values`,
      "every entry has a column and a value",
    );
  }
  return { pattern, values: tensor(Float32Array.from(values), options) };
}

function csrPattern({ shape, rowPointers, columnIndices }: CsrSource): CsrPattern {
  checkShape("csrMatrix", shape);
  if (shape.length !== 2)
    throw new ShapeError(`csrMatrix: shape must be [rows, columns], got ${showShape(shape)}`);
  const [rows, columns] = shape;
  const entries = columnIndices.length;
  const help =
    "row r has the entries from rowPointers[r] up to rowPointers[r + 1], the last row the last entry";
  if (rowPointers.length !== rows + 1) {
    throw new ShapeError(
      `csrMatrix: ${rows} rows need ${rows + 1} rowPointers, but there are ${rowPointers.length}`,
      help,
    );
  }
  if (rowPointers[0] !== 0 || rowPointers[rows] !== entries) {
    throw new ArgumentError(
      `csrMatrix: rowPointers must go from 0 to the number of entries, ${entries}, but go from ${rowPointers[0]} to ${rowPointers[rows]}`,
      help,
    );
  }
  for (let row = 0; row < rows; row++) {
    if (!(Number.isInteger(rowPointers[row + 1]) && rowPointers[row + 1] >= rowPointers[row])) {
      throw new ArgumentError(
        `csrMatrix: row ${row} goes from entry ${rowPointers[row]} to ${rowPointers[row + 1]}`,
        help,
      );
    }
  }
  for (let entry = 0; entry < entries; entry++) {
    const column = columnIndices[entry];
    if (!(Number.isInteger(column) && column >= 0 && column < columns)) {
      throw new ArgumentError(
        `csrMatrix: entry ${entry} is in column ${column}, but there are ${columns} columns`,
        "columns are whole numbers and count from 0",
      );
    }
  }
  return {
    shape: [rows, columns],
    rowPointers: Int32Array.from(rowPointers),
    columnIndices: Int32Array.from(columnIndices),
    toJSON: () => `${rows} × ${columns} with ${entries} entries`,
  };
}

/** A pattern on a device. */
interface DevicePattern {
  readonly rowPointers: Tensor;
  readonly columnIndices: Tensor;
  /** The row of every entry. */
  readonly rowIndices: Tensor;
  /** Where the entries of every column begin in … */
  readonly columnPointers: Tensor;
  /** … uint32 [entries, 2]: the row and the number of every entry, column after column. */
  readonly byColumn: Tensor;
}

const onDevices = new WeakMap<CsrPattern, WeakMap<Gpu, DevicePattern>>();

/** Uploads a pattern to each device once. */
function onDevice(pattern: CsrPattern, gpu: Gpu): DevicePattern {
  const known = onDevices.get(pattern) ?? new WeakMap<Gpu, DevicePattern>();
  onDevices.set(pattern, known);
  let made = known.get(gpu);
  if (!made) {
    const { rowPointers, columnIndices } = pattern;
    const { rowIndices, columnPointers, byColumn } = sortByColumn(pattern);
    made = gpu.lasting(() => ({
      rowPointers: tensor(rowPointers, { gpu }),
      columnIndices: tensor(columnIndices, { gpu }),
      rowIndices: tensor(rowIndices, { gpu }),
      columnPointers: tensor(columnPointers, { gpu }),
      byColumn: tensor(byColumn, { gpu }),
    }));
    known.set(gpu, made);
  }
  return made;
}

/** The transposed matrix: counts the entries of each column, then puts each where its column has come to. */
function sortByColumn({ shape: [rows, columns], rowPointers, columnIndices }: CsrPattern) {
  const columnPointers = new Int32Array(columns + 1);
  for (const column of columnIndices) columnPointers[column + 1]++;
  for (let column = 0; column < columns; column++) columnPointers[column + 1] += columnPointers[column];
  const next = columnPointers.slice(0, columns);
  const rowIndices = new Int32Array(columnIndices.length);
  const byColumn = new Uint32Array(2 * columnIndices.length);
  for (let row = 0; row < rows; row++) {
    for (let entry = rowPointers[row]; entry < rowPointers[row + 1]; entry++) {
      const place = next[columnIndices[entry]]++;
      rowIndices[entry] = row;
      byColumn[2 * place] = row;
      byColumn[2 * place + 1] = entry;
    }
  }
  return { rowIndices, columnPointers, byColumn };
}

const straight = `alias Entry = u32;
fn columnOf(entry: Entry) -> u32 { return entry; }
fn valueOf(slot: u32, entry: Entry) -> f32 { return values[slot]; }`;

const transposed = `alias Entry = vec2u;
fn columnOf(entry: Entry) -> u32 { return entry.x; }
fn valueOf(slot: u32, entry: Entry) -> f32 { return values[entry.y]; }`;

/** Rows of at least so many Elements are multiplied by a team on graphics cards. */
const longRow = 64;

/** For every entry, the scalar product of its row of dy and its column's row of the dense operand. */
function valuesGradient({ rowIndices, columnIndices }: DevicePattern, dy: Tensor, dense: Tensor): Tensor {
  const result = emptyTensor(dy.gpu, rowIndices.shape);
  const [, features] = dense.shape;
  const { width, alias } = widestElement(features);
  const teamSize = features / width >= longRow && dy.gpu.tiling === "workgroup" ? 64 : 1;
  const product = width === 4 ? "dot(a, b)" : "a * b";
  dispatch({
    kernel: kernel("spmmValuesGradient", [teamSource, valuesGradientSource], {
      teamSize,
      element: alias,
      product: `fn product(a: Element, b: Element) -> f32 { return ${product}; }`,
    }),
    buffers: [rowIndices, columnIndices, dy, dense, result],
    uniforms: { entries: result.size, features: features / width },
    threads: result.size * teamSize,
    flops: 2 * result.size * features,
  });
  return result;
}

/** A pattern for the checks: 0 to 4 entries a row, some columns twice, some not at all. */
function samplePattern(rows: number, columns: number): CsrPattern {
  const lists = Array.from({ length: rows }, (_, row) =>
    Array.from({ length: (3 * row + 2) % 5 }, (_, k) => (row * row + 3 * k * (k % 3)) % columns),
  );
  const rowPointers = [0];
  for (const list of lists) rowPointers.push(rowPointers[rowPointers.length - 1] + list.length);
  return csrPattern({ shape: [rows, columns], rowPointers, columnIndices: lists.flat() });
}

interface SpmmOptions {
  readonly pattern: CsrPattern;
}

export const spmmOp = defineOp<SpmmOptions>({
  name: "spmm",
  forward([values, dense], { pattern }) {
    requireDtype("spmm", "float32", values, dense);
    requireRank("spmm", "the dense matrix", dense, 2, "[columns, features]");
    const [rows, columns] = pattern.shape;
    const [denseRows, features] = dense.shape;
    if (!sameShape(values.shape, [pattern.columnIndices.length])) {
      throw new ShapeError(
        `spmm: the matrix has ${pattern.columnIndices.length} entries, but its values are ${showShape(values.shape)}`,
      );
    }
    if (denseRows !== columns) {
      throw new ShapeError(
        `spmm: the sparse matrix is ${showShape(pattern.shape)}, so the dense one must be [${columns}, features], got ${showShape(dense.shape)}`,
      );
    }
    const { rowPointers: pointers, columnIndices: entries } = onDevice(pattern, dense.gpu);
    const matrix = { pointers, entries, values, entry: straight };
    const flops = 2 * values.size * features;
    return multiplySparseRows("spmm", matrix, dense, { columns, features, shape: [rows, features], flops });
  },
  backward({ gradient, inputs: [values, dense], options: { pattern }, needs }) {
    const device = onDevice(pattern, gradient.gpu);
    const { columnPointers: pointers, byColumn: entries } = device;
    const matrix = { pointers, entries, values, entry: transposed };
    const [rows, features] = gradient.shape;
    const { shape } = dense;
    const flops = 2 * values.size * features;
    return [
      needs(0) ? valuesGradient(device, gradient, dense) : null,
      needs(1)
        ? multiplySparseRows("spmmTransposed", matrix, gradient, { columns: rows, features, shape, flops })
        : null,
    ];
  },
});

export const spmmChecks: OpChecks<SpmmOptions> = {
  op: spmmOp,
  reference([values, dense], { pattern: { shape, rowPointers, columnIndices } }) {
    const [, features] = dense.shape;
    return fromIndex([shape[0], features], ([row, feature]) => {
      let sum = 0;
      for (let entry = rowPointers[row]; entry < rowPointers[row + 1]; entry++)
        sum += values.data[entry] * at(dense, columnIndices[entry], feature);
      return sum;
    });
  },
  samples: () =>
    (
      [
        [3, 5, 3],
        [1, 1, 1],
        [7, 4, 8], // four features at a time
        [67, 33, 5], // more than one workgroup
        [9, 6, 67], // a team of 64 for each gradient of a value, on graphics cards
        [5, 8, 260],
      ] as const
    ).map(([rows, columns, features]): Sample<SpmmOptions> => {
      const pattern = samplePattern(rows, columns);
      return { inputs: [[pattern.columnIndices.length], [columns, features]], options: { pattern } };
    }),
};

/**
 * matrix · dense: sparse [R, C] times dense [C, F], float32 [R, F]. Gradients go to the dense matrix and to the sparse
 * one's values. (`torch.sparse.mm`)
 * @throws ShapeError, DtypeError
 */
export function spmm(matrix: CsrMatrix, dense: Tensor): Tensor {
  return spmmOp.run([matrix.values, dense], { pattern: matrix.pattern });
}
