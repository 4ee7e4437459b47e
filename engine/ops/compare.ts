/** Comparisons, elementwise with broadcasting: 1 where true, 0 where false, as uint32. */
import { binary } from "./binary.ts";

function comparison(name: string, operator: string, reference: (a: number, b: number) => boolean) {
  return binary(name, {
    forward: `select(0u, 1u, a ${operator} b)`,
    backward: { noGradient: "a comparison is constant almost everywhere" },
    reference: (a, b) => (reference(a, b) ? 1 : 0),
    values: [{ below: 4 }, { below: 4 }],
    dtypes: ["float32", "int32", "uint32"],
    output: "uint32",
  });
}

export const equal = comparison("equal", "==", (a, b) => a === b);
export const notEqual = comparison("notEqual", "!=", (a, b) => a !== b);
export const less = comparison("less", "<", (a, b) => a < b);
export const lessEqual = comparison("lessEqual", "<=", (a, b) => a <= b);
export const greater = comparison("greater", ">", (a, b) => a > b);
export const greaterEqual = comparison("greaterEqual", ">=", (a, b) => a >= b);
