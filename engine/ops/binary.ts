/** Elementwise operations of two tensors that broadcast: formulas in WGSL for the value and for both gradients. */
import { DtypeError } from "../errors.ts";
import { zipArrays } from "../reference.ts";
import type { Shape } from "../shape.ts";
import { type DType, emptyTensor, type Tensor, typedArrays } from "../tensor.ts";
import { to } from "./convert.ts";
import {
  defineOp,
  type InputValues,
  type Op,
  type OpChecks,
  requireDtype,
  requireTensors,
} from "./define.ts";
import { combineElements, filled, mentions } from "./elementwise.ts";
import { sumTo } from "./fold.ts";

interface BinaryFormulas {
  /** WGSL for the value, from a and b. */
  readonly forward: string;
  /** WGSL for da and db, from a, b and dy; or why there are none. */
  readonly backward: readonly [string, string] | { readonly noGradient: string };
  /** The dtypes it takes, float16 where it takes float32 (both operands have the same one). Default: float32 alone. */
  readonly dtypes?: readonly DType[];
  /** Default: that of the operands. */
  readonly output?: DType;
}

/** What its checks are made of: a literal beside the operation, which bundlers drop as they do `OpChecks`. */
export interface BinaryChecks {
  readonly reference: (a: number, b: number) => number;
  /** Where a and b are taken from. Default: "normal". */
  readonly values?: readonly [InputValues, InputValues];
}

/** A number stands for a tensor without axes. */
export type Operand = Tensor | number;

export type BinaryFunction = ((a: Operand, b: Operand) => Tensor) & { readonly op: Op<unknown> };

/** `add(a, b)`: either may be a number. */
export function binary(name: string, formulas: BinaryFormulas): BinaryFunction {
  const { backward, dtypes = ["float32"] } = formulas;
  const op = defineOp<unknown>({
    name,
    halves: 2,
    forward([a, b]) {
      requireSameDtype(name, dtypes, a, b);
      return combineElements(name, formulas.forward, a, b, formulas.output);
    },
    backward:
      "noGradient" in backward
        ? backward
        : ({ gradient, inputs: [a, b], needs }) =>
            [a, b].map((input, position) => {
              if (!needs(position)) return null;
              return sumTo(pullBack(backward[position], a, b, gradient), input.shape);
            }),
  });
  function pullBack(formula: string, a: Tensor, b: Tensor, dy: Tensor): Tensor {
    if (formula === "dy") return dy; // of add: nothing to compute
    const [left, right] = [mentions(formula, "a") ? a : dy, mentions(formula, "b") ? b : dy];
    return combineElements(`${name}Gradient`, formula, left, right, dy.dtype, dy);
  }
  function run(a: Operand, b: Operand): Tensor {
    const [first, second] = operands(name, a, b);
    // As in PyTorch, float16 becomes float32 beside it.
    const isFloat = [first, second].some(({ dtype }) => dtype === "float32");
    return op.run(isFloat ? [first, second].map(widened) : [first, second], {});
  }
  return Object.assign(run, { op });
}

/** Every way to broadcast: none, scalars, an added axis, both sides; odd sizes, 1, more than one workgroup. */
export function binaryChecks(
  op: Op<unknown>,
  { reference, values: [valuesA, valuesB] = ["normal", "normal"] }: BinaryChecks,
): OpChecks<unknown> {
  const shapes: [Shape, Shape][] = [
    [
      [3, 5],
      [3, 5],
    ],
    [[1], [1]],
    [[2, 3, 4], [4]],
    [
      [3, 1],
      [1, 5],
    ],
    [[], [5]],
    [
      [4, 1, 3],
      [2, 1],
    ],
    [
      [7, 11, 13],
      [7, 11, 13],
    ],
    [
      [19, 1, 3],
      [1, 17, 3],
    ],
  ];
  return {
    op,
    reference: ([a, b]) => zipArrays(a, b, reference),
    samples: () =>
      shapes.map(([shapeA, shapeB]) => ({
        inputs: [
          { shape: shapeA, values: valuesA },
          { shape: shapeB, values: valuesB },
        ],
        options: {},
      })),
  };
}

function operands(name: string, ...given: readonly Operand[]): Tensor[] {
  const tensors = given.filter((operand) => typeof operand !== "number");
  if (tensors.length === 0)
    throw new DtypeError(
      `${name}: at least one of its operands must be a tensor`,
      "use JavaScript's own arithmetic for numbers",
    );
  requireTensors(name, tensors);
  return given.map((operand) =>
    typeof operand === "number" ? scalarLike(name, operand, tensors[0]) : operand,
  );
}

function widened(x: Tensor): Tensor {
  return x.dtype === "float16" ? to(x, "float32") : x;
}

/** @throws DtypeError for a number that the dtype does not have */
function scalarLike(name: string, value: number, { gpu, dtype }: Tensor): Tensor {
  if (dtype === "float32" || dtype === "float16") return filled(gpu, [], value, dtype);
  const data = typedArrays[dtype].of(value);
  if (data[0] !== value)
    throw new DtypeError(`${name}: ${value} is no ${dtype}`, `convert the tensor with to(x, "float32")`);
  const result = emptyTensor(gpu, [], dtype);
  gpu.upload(result.storage.memory, data);
  return result;
}

function requireSameDtype(name: string, dtypes: readonly DType[], a: Tensor, b: Tensor): void {
  if (dtypes.length === 1) requireDtype(name, dtypes[0], a, b);
  if (a.dtype !== b.dtype) {
    throw new DtypeError(
      `${name}: ${a.dtype} and ${b.dtype} do not mix`,
      `convert one, as in to(x, "${a.dtype}")`,
    );
  }
}
