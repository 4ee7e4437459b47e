/** Comparisons, elementwise with broadcasting: 1 where true, 0 where false, as uint32. */
import { type BinaryChecks, binary } from "./binary.ts";

function comparison(name: string, condition: string) {
  return binary(name, {
    forward: `select(0u, 1u, ${condition})`,
    backward: { noGradient: "a comparison is constant almost everywhere" },
    dtypes: ["float32", "int32", "uint32"],
    output: "uint32",
  });
}

/** Where a = b: uint32, 1 or 0, of the shape to which both broadcast; one may be a number. @throws ShapeError, DtypeError */
export const equal = comparison("equal", "a == b");
/** Where a ≠ b: uint32, 1 or 0, of the shape to which both broadcast; one may be a number. @throws ShapeError, DtypeError */
export const notEqual = comparison("notEqual", "!(a == b)");
/** Where a < b: uint32, 1 or 0, of the shape to which both broadcast; one may be a number. @throws ShapeError, DtypeError */
export const less = comparison("less", "a < b");
/** Where a ≤ b: uint32, 1 or 0, of the shape to which both broadcast; one may be a number. @throws ShapeError, DtypeError */
export const lessEqual = comparison("lessEqual", "a <= b");
/** Where a > b: uint32, 1 or 0, of the shape to which both broadcast; one may be a number. @throws ShapeError, DtypeError */
export const greater = comparison("greater", "a > b");
/** Where a ≥ b: uint32, 1 or 0, of the shape to which both broadcast; one may be a number. @throws ShapeError, DtypeError */
export const greaterEqual = comparison("greaterEqual", "a >= b");

/** Whole numbers, so that some are equal. */
const values = [{ below: 4 }, { below: 4 }] as const;

export const equalChecks: BinaryChecks = { reference: (a, b) => Number(a === b), values };
export const notEqualChecks: BinaryChecks = { reference: (a, b) => Number(a !== b), values };
export const lessChecks: BinaryChecks = { reference: (a, b) => Number(a < b), values };
export const lessEqualChecks: BinaryChecks = { reference: (a, b) => Number(a <= b), values };
export const greaterChecks: BinaryChecks = { reference: (a, b) => Number(a > b), values };
export const greaterEqualChecks: BinaryChecks = { reference: (a, b) => Number(a >= b), values };
