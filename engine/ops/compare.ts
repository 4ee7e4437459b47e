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

export const equal = comparison("equal", "a == b");
export const notEqual = comparison("notEqual", "!(a == b)");
export const less = comparison("less", "a < b");
export const lessEqual = comparison("lessEqual", "a <= b");
export const greater = comparison("greater", "a > b");
export const greaterEqual = comparison("greaterEqual", "a >= b");

/** Whole numbers, so that some are equal. */
const values = [{ below: 4 }, { below: 4 }] as const;

export const equalChecks: BinaryChecks = { reference: (a, b) => Number(a === b), values };
export const notEqualChecks: BinaryChecks = { reference: (a, b) => Number(a !== b), values };
export const lessChecks: BinaryChecks = { reference: (a, b) => Number(a < b), values };
export const lessEqualChecks: BinaryChecks = { reference: (a, b) => Number(a <= b), values };
export const greaterChecks: BinaryChecks = { reference: (a, b) => Number(a > b), values };
export const greaterEqualChecks: BinaryChecks = { reference: (a, b) => Number(a >= b), values };
