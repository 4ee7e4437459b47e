/** Elementwise operations of one tensor: a formula in WGSL for the value and one for the gradient. */
import { mapArray } from "../reference.ts";
import type { Tensor } from "../tensor.ts";
import { defineOp, type InputValues, type Op, type OpChecks, requireDtype } from "./define.ts";
import { mapElements, type Parameters, pullBackElements } from "./elementwise.ts";

export interface UnaryFormulas {
  /** WGSL for y, from x and the parameters. */
  readonly forward: string;
  /** WGSL for dx, from x, y, dy and the parameters. */
  readonly backward: string;
}

/** What its checks are made of: a literal beside the operation, which bundlers drop as they do `OpChecks`. */
export interface UnaryChecks {
  readonly reference: (x: number, parameters: Parameters) => number;
  /** Where x is taken from: away from kinks and poles. Default "normal". */
  readonly values?: InputValues;
  /** One set a row. Default: none. */
  readonly parameters?: readonly Parameters[];
}

export interface UnaryOp extends Op<Parameters> {
  /** For kernels that fuse it into what they compute. */
  readonly formulas: UnaryFormulas;
}

export type UnaryFunction = ((x: Tensor) => Tensor) & { readonly op: UnaryOp };

/** `relu(x)`. */
export function unary(name: string, formulas: UnaryFormulas): UnaryFunction {
  const op = unaryOp(name, formulas);
  return Object.assign((x: Tensor) => op.run([x], {}), { op });
}

/** The operation behind a function with parameters: `leakyRelu(x, 0.01)`. */
export function unaryOp(name: string, formulas: UnaryFormulas): UnaryOp {
  const op = defineOp<Parameters>({
    name,
    halves: 1,
    forward([x], parameters) {
      requireDtype(name, "float32", x);
      return mapElements(name, x, x.dtype, formulas.forward, parameters);
    },
    backward({ gradient, inputs: [x], output, options: parameters }) {
      return [
        pullBackElements(`${name}Gradient`, formulas.backward, { x, y: output, dy: gradient }, parameters),
      ];
    },
  });
  return { ...op, formulas };
}

/** Odd, one, empty, and more than one workgroup of 64 × 4 elements; each with all parameters. */
export function unaryChecks(
  op: UnaryOp,
  { reference, values = "normal", parameters = [{}] }: UnaryChecks,
): OpChecks<Parameters> {
  return {
    op,
    reference: ([x], options) => mapArray(x, (value) => reference(value, options)),
    samples: () =>
      [[3, 5], [1], [], [7, 11, 13]].flatMap((shape) =>
        parameters.map((options) => ({ inputs: [{ shape, values }], options })),
      ),
  };
}
