/** Matrix products: of two matrices, or of batches of them, with transposed operands, bias and activation fused in. */
import { gemmShape } from "#kernelShapes";
import matmulSource from "../../shaders/matmul.wgsl";
import { forAutocast } from "../autocast.ts";
import { ShapeError } from "../errors.ts";
import { fromIndex } from "../reference.ts";
import { broadcastShapes, type Shape, sameShape, showShape, sizeOf } from "../shape.ts";
import { emptyTensor, type Tensor } from "../tensor.ts";
import { defineOp, type OpChecks, type Part, requireDtype, type Sample } from "./define.ts";
import { combineElements, converted, elementsOf } from "./elementwise.ts";
import {
  type Activation,
  activated,
  activationReference,
  checkActivation,
  pullBackActivation,
} from "./epilogue.ts";
import { sumTo } from "./fold.ts";
import { addSplits, gemm, type ProductAndSums } from "./gemm.ts";
import { expand, reshape } from "./layout.ts";
import { cut, linesAtOnce, type Range } from "./slices.ts";
import { isSmall, smallProduct } from "./smallMatmul.ts";
import { type GemmSize, plainShape } from "./tileLoops.ts";

export interface MatmulOptions {
  /** a is stored as [..., K, M]. */
  readonly transposeA?: boolean;
  /** b is stored as [..., N, K]. */
  readonly transposeB?: boolean;
  readonly activation?: Activation;
}

function sizes(a: Shape, b: Shape, { transposeA, transposeB }: MatmulOptions): GemmSize & { inner: number } {
  const [rows, depth] = transposeA ? [a.at(-1)!, a.at(-2)!] : [a.at(-2)!, a.at(-1)!];
  const [inner, columns] = transposeB ? [b.at(-1)!, b.at(-2)!] : [b.at(-2)!, b.at(-1)!];
  return { rows, columns, depth, inner, batches: sizeOf(batchShape(a, b)) };
}

function batchShape(a: Shape, b: Shape): Shape {
  return broadcastShapes("matmul", a.slice(0, -2), b.slice(0, -2));
}

/** A matrix, or several of one size, in memory: line by line, where a line is a row, or a column if `transposed`. */
interface Stored {
  readonly x: Tensor;
  readonly transposed: boolean;
  readonly lines: number;
  readonly length: number;
  /** How many lines a command can bind. */
  readonly most: number;
}

/** @param isHalf whether one of the matrices at work is float16 */
function stored(x: Tensor, transposed: boolean, rows: number, columns: number, isHalf: boolean): Stored {
  const [lines, length] = transposed ? [columns, rows] : [rows, columns];
  const isOne = x.size === lines * length;
  return { x, transposed, lines, length, most: isOne ? linesAtOnce(x.gpu, lines, length, isHalf) : lines };
}

/** What a command has to bind to reach some rows and columns of a matrix (of each, where there are several). */
function block({ x, transposed, lines, length }: Stored, rows: Range, columns: Range): Part {
  const [line, place] = transposed ? [columns, rows] : [rows, columns];
  const start = line.start * length + place.start;
  const end = (line.start + line.size - 1) * length + place.start + place.size;
  return { of: x, start, size: x.size - lines * length + end - start };
}

/** @param like the result is of its dtype */
function product(
  a: Tensor,
  b: Tensor,
  bias: Tensor | undefined,
  options: MatmulOptions,
  like: Tensor,
): Tensor {
  return productAndSums(a, b, bias, options, like, false).product;
}

/**
 * activation(a · b + bias), of operands that the caller has checked.
 * @param wantsRowSums along the depth of a; they are left out where the matrices are too large for one command, or empty
 */
export function productAndSums(
  a: Tensor,
  b: Tensor,
  bias: Tensor | undefined,
  options: MatmulOptions,
  { dtype }: Pick<Tensor, "dtype">,
  wantsRowSums: boolean,
): ProductAndSums {
  const { inner: _, ...size } = sizes(a.shape, b.shape, options);
  const { rows, columns, depth, batches } = size;
  const wantsSums = wantsRowSums && columns > 0; // else there is no workgroup to add them up
  const { transposeA = false, transposeB = false, activation } = options;
  const batch = batchShape(a.shape, b.shape);
  const shape = [...batch, rows, columns];
  const [wideA, batchStrideA] = alongBatches(a, batch);
  const [wideB, batchStrideB] = alongBatches(b, batch);
  if (isSmall(size, wideA, wideB)) {
    const small = { ...size, a: wideA, b: wideB, batchStrideA, batchStrideB, transposeA, transposeB };
    return smallProduct({ ...small, bias, activation, wantsSums, shape, dtype });
  }
  const dtypes = [a.dtype, b.dtype, dtype] as const;
  const isHalf = dtypes.includes("float16");
  const left = stored(wideA, transposeA, rows, depth, isHalf);
  const right = stored(wideB, transposeB, depth, columns, isHalf);
  const constants = {
    transposedA: transposeA,
    transposedB: transposeB,
    alignedA: left.length % 4 === 0,
    alignedB: right.length % 4 === 0,
    alignedDepth: depth % 4 === 0,
    hasBias: bias !== undefined,
  };
  const strides = { batchStrideA, batchStrideB, resultStride: rows * columns };
  const lines = { lineA: left.length, lineB: right.length, lineResult: columns };
  const isFused = bias !== undefined || activation !== undefined;

  /** The product over a range of the depth: one command, or one for each block of the result. */
  function productOver(k: Range): ProductAndSums {
    const partSize = { ...size, depth: k.size };
    const { loop, splits } =
      gemmShape(a, partSize, { kind: "matmul", dtypes, transposeA, transposeB, isFused, wantsSums }) ??
      plainShape(a.gpu, partSize, !isFused);
    // Parts of a sum are rounded when they have been added up.
    const isWholeSum = splits === 1 && k.size === depth;
    const made = emptyTensor(a.gpu, [splits, ...shape], isWholeSum ? dtype : "float32");
    const result = stored(made, false, rows, columns, isHalf);
    const rowRanges = cut(rows, transposeA ? result.most : Math.min(left.most, result.most));
    const columnRanges = cut(columns, transposeB ? right.most : columns);
    const isWhole = k.size === depth && rowRanges.length === 1 && columnRanges.length === 1;
    const rowSums = wantsSums && isWhole ? emptyTensor(a.gpu, [splits, batches * rows]) : undefined;
    for (const row of rowRanges) {
      for (const column of columnRanges) {
        const operand = block(left, row, k);
        gemm({
          name: "matmul",
          operands: [matmulSource],
          constants: { ...constants, ...elementsOf(a, b, made), ...activated(activation, made) },
          uniforms: { ...strides, ...lines },
          ...partSize,
          rows: row.size,
          columns: column.size,
          loop,
          splits,
          buffers: [
            operand,
            block(right, k, column),
            bias ? { of: bias, ...column } : operand,
            block(result, row, column),
          ],
          rowSums,
        });
      }
    }
    return addSplits({ product: made, rowSums }, shape);
  }

  const depthAtOnce = Math.min(transposeA ? left.most : depth, transposeB ? depth : right.most);
  const [first, ...rest] = cut(depth, isFused ? depth : depthAtOnce).map(productOver);
  const sum = rest.reduce((sum, next) => combineElements("add", "a + b", sum, next.product), first.product);
  return { product: converted(sum, dtype), rowSums: first.rowSums };
}

/** The operand and the stride between its matrices: 0 where one serves all batches. */
function alongBatches(x: Tensor, batch: Shape): [Tensor, number] {
  const matrix = x.shape.slice(-2);
  const own = x.shape.slice(0, -2);
  if (sizeOf(own) === 1) return [x, 0];
  return [sameShape(own, batch) ? x : expand(x, [...batch, ...matrix]), sizeOf(matrix)];
}

export const matmulOp = defineOp<MatmulOptions>({
  name: "matmul",
  halves: 2,
  forward: ([a, b, bias], options) => product(a, b, bias, options, a.dtype === "float16" ? a : b),
  backward({ gradient, inputs: [a, b, bias], output, options, needs }) {
    const { transposeA = false, transposeB = false, activation } = options;
    const dy = pullBackActivation(activation, output, gradient);
    const da = () =>
      transposeA
        ? product(b, dy, undefined, { transposeA: transposeB, transposeB: true }, a)
        : product(dy, b, undefined, { transposeB: !transposeB }, a);
    const wantsBias = bias !== undefined && needs(2);
    // dy is the left operand where b is transposed, and its rows are read on the way; batches have a sum each.
    const db = (): ProductAndSums =>
      transposeB
        ? productAndSums(
            ...([dy, a, undefined, { transposeA: true, transposeB: transposeA }, b] as const),
            wantsBias && dy.shape.length === 2,
          )
        : { product: product(a, dy, undefined, { transposeA: !transposeA }, b), rowSums: undefined };
    const byB = needs(1) ? db() : undefined;
    return [
      needs(0) ? sumTo(da(), a.shape) : null,
      byB ? sumTo(byB.product, b.shape) : null,
      wantsBias ? (byB?.rowSums ?? sumTo(dy, bias.shape, "float32")) : null,
    ];
  },
});

export const matmulChecks: OpChecks<MatmulOptions> = {
  op: matmulOp,
  reference([a, b, bias], options) {
    const { rows, columns, depth } = sizes(a.shape, b.shape, options);
    const batch = batchShape(a.shape, b.shape);
    const strideA = options.transposeA ? { row: 1, k: rows } : { row: depth, k: 1 };
    const strideB = options.transposeB ? { column: depth, k: 1 } : { column: 1, k: columns };
    return fromIndex([...batch, rows, columns], (index) => {
      const [row, column] = index.slice(-2);
      const startA = matrixStart(a.shape, index) + row * strideA.row;
      const startB = matrixStart(b.shape, index) + column * strideB.column;
      let sum = bias ? bias.data[column] : 0;
      for (let k = 0; k < depth; k++) sum += a.data[startA + k * strideA.k] * b.data[startB + k * strideB.k];
      return activationReference(options.activation, sum);
    });
  },
  samples: matmulSamples,
};

/** Where the matrix begins that belongs to the batch in `index`, of an operand that may have fewer batches. */
function matrixStart(shape: Shape, index: readonly number[]): number {
  const batchAxes = shape.slice(0, -2);
  const own = index.slice(index.length - shape.length, -2);
  return (
    batchAxes.reduce((flat, size, axis) => flat * size + (size === 1 ? 0 : own[axis]), 0) *
    sizeOf(shape.slice(-2))
  );
}

function matmulSamples(): Sample<MatmulOptions>[] {
  const rows: Sample<MatmulOptions>[] = [];
  // Odd sizes, 1, sizes in multiples of four (other loads), several tiles and workgroups; every transposition. The first
  // ones are small products, which have a kernel of their own.
  for (const [m, k, n] of [
    [3, 5, 7],
    [1, 1, 1],
    [12, 8, 131],
    [70, 19, 67],
    [12, 44, 132],
    [5, 1030, 3],
  ]) {
    for (const transposeA of [false, true]) {
      for (const transposeB of [false, true]) {
        rows.push({
          inputs: [transposeA ? [k, m] : [m, k], transposeB ? [n, k] : [k, n]],
          options: { transposeA, transposeB },
        });
      }
    }
  }
  for (const activation of [undefined, "relu", "sigmoid", "tanh"] as const) {
    for (const [images, columns, features] of [
      [5, 6, 9],
      [37, 45, 43],
    ]) {
      rows.push({
        inputs: [[images, columns], [features, columns], [features]],
        options: { transposeB: true, ...(activation && { activation }) },
      });
    }
  }
  // The bias' gradient is added up beside that of b, here in parts and in one.
  for (const [images, columns, features] of [
    [520, 3, 9],
    [520, 35, 9],
    [5, 260, 128],
  ]) {
    rows.push({
      inputs: [[images, columns], [features, columns], [features]],
      options: { transposeB: true },
    });
  }
  rows.push(
    {
      inputs: [
        [129, 3],
        [3, 257],
      ],
      options: {},
    },
    { inputs: [[5, 6], [6, 9], [9]], options: {} },
    { inputs: [[2, 3, 6], [9, 6], [9]], options: { transposeB: true } },
    {
      inputs: [
        [3, 4, 5],
        [3, 5, 2],
      ],
      options: {},
    },
    {
      inputs: [
        [3, 4, 5],
        [5, 2],
      ],
      options: {},
    },
    {
      inputs: [
        [4, 5],
        [3, 2, 5],
      ],
      options: { transposeB: true },
    },
    {
      inputs: [
        [2, 1, 4, 5],
        [3, 5, 2],
      ],
      options: {},
    },
    {
      inputs: [
        [2, 4, 12, 9],
        [2, 4, 12, 17],
      ],
      options: { transposeA: true },
    },
  );
  return rows;
}

/**
 * The matrix product [..., M, K] · [..., K, N] = [..., M, N]; leading axes are batches and broadcast. With `bias` [N]:
 * activation(a · b + bias). Where a or b is float16, so is the result, and what it is made of is added up in float32.
 * @throws ShapeError, DtypeError
 */
export function matmul(
  a: Tensor,
  b: Tensor,
  options: MatmulOptions & { readonly bias?: Tensor | undefined } = {},
): Tensor {
  const { bias, ...rest } = options;
  const first = forAutocast(a);
  const inputs = bias ? [first, b, bias] : [first, b];
  requireDtype("matmul", "float32", ...inputs);
  if (a.shape.length < 2 || b.shape.length < 2) {
    throw new ShapeError(
      `matmul: ${showShape(a.shape)} · ${showShape(b.shape)}: both must have at least two axes`,
      "reshape a vector to [1, K] or [K, 1]",
    );
  }
  const { depth, inner, columns } = sizes(a.shape, b.shape, rest);
  const shown = `${showShape(a.shape)}${rest.transposeA ? "ᵀ" : ""} · ${showShape(b.shape)}${rest.transposeB ? "ᵀ" : ""}`;
  if (depth !== inner) throw new ShapeError(`matmul: ${shown}: the inner sizes ${depth} and ${inner} differ`);
  if (bias && !sameShape(bias.shape, [columns])) {
    throw new ShapeError(
      `matmul: ${shown} needs a bias of ${showShape([columns])}, got ${showShape(bias.shape)}`,
    );
  }
  checkActivation("matmul", rest.activation);
  return matmulOp.run(inputs, rest);
}

/**
 * x · weightᵀ + bias over the last axis, as torch.nn.functional.linear.
 * @param x [..., inFeatures], float32 or float16, as is the result
 * @param weight [outFeatures, inFeatures]
 * @param bias [outFeatures]
 */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor, activation?: Activation): Tensor {
  if (x.shape.length < 1 || weight.shape.length !== 2 || x.shape.at(-1) !== weight.shape[1]) {
    throw new ShapeError(
      `linear: expected the last axis of x to have ${weight.shape[1]} features (weight ${showShape(weight.shape)}), got ${showShape(x.shape)}`,
    );
  }
  const rows = x.shape.length === 2 ? x : reshape(x, [-1, x.shape.at(-1)!]);
  const result = matmul(rows, weight, { transposeB: true, bias, ...(activation && { activation }) });
  return x.shape.length === 2 ? result : reshape(result, [...x.shape.slice(0, -1), weight.shape[0]]);
}
