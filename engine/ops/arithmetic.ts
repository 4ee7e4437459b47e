/** Elementwise arithmetic, and the elementary functions. */
import type { Tensor } from "../tensor.ts";
import { type BinaryChecks, binary } from "./binary.ts";
import { type UnaryChecks, unary, unaryOp } from "./unary.ts";

const anyDtype = ["float32", "int32", "uint32"] as const;

/**
 * a + b, element by element: float32, int32 or uint32, the same for both; they broadcast, and one may be a number.
 * (`torch.add`)
 * @throws ShapeError, DtypeError, ArgumentError
 */
export const add = binary("add", {
  forward: "a + b",
  backward: ["dy", "dy"],
  dtypes: anyDtype,
});

export const addChecks: BinaryChecks = { reference: (a, b) => a + b };

/**
 * a - b, element by element: float32, int32 or uint32, the same for both; they broadcast, and one may be a number.
 * (`torch.sub`)
 * @throws ShapeError, DtypeError, ArgumentError
 */
export const sub = binary("sub", {
  forward: "a - b",
  backward: ["dy", "-dy"],
  dtypes: anyDtype,
});

export const subChecks: BinaryChecks = { reference: (a, b) => a - b };

/**
 * a · b, element by element: float32, int32 or uint32, the same for both; they broadcast, and one may be a number.
 * (`torch.mul`)
 * @throws ShapeError, DtypeError, ArgumentError
 */
export const mul = binary("mul", {
  forward: "a * b",
  backward: ["dy * b", "dy * a"],
  dtypes: anyDtype,
});

export const mulChecks: BinaryChecks = { reference: (a, b) => a * b };

/**
 * a / b, element by element: float32; they broadcast, and one may be a number. (`torch.div`)
 * @throws ShapeError, DtypeError, ArgumentError
 */
export const div = binary("div", {
  forward: "a / b",
  backward: ["dy / b", "-dy * (a / b / b)"],
});

export const divChecks: BinaryChecks = { reference: (a, b) => a / b, values: ["normal", "awayFromZero"] };

/** A copy with memory of its own. */
export const clone = unary("clone", { forward: "x", backward: "dy" });

export const cloneChecks: UnaryChecks = { reference: (x) => x };

/** -x, element by element; float32. @throws DtypeError, ArgumentError */
export const neg = unary("neg", { forward: "-x", backward: "-dy" });

export const negChecks: UnaryChecks = { reference: (x) => -x };

/** e to the power of x, element by element; float32. @throws DtypeError, ArgumentError */
export const exp = unary("exp", { forward: "exp(x)", backward: "dy * y" });

export const expChecks: UnaryChecks = { reference: Math.exp };

/** The natural logarithm of x, element by element; float32. NaN below 0. @throws DtypeError, ArgumentError */
export const log = unary("log", {
  forward: "log(x)",
  backward: "dy / x",
});

export const logChecks: UnaryChecks = { reference: Math.log, values: "positive" };

/** The square root of x, element by element; float32. NaN below 0. @throws DtypeError, ArgumentError */
export const sqrt = unary("sqrt", {
  forward: "sqrt(x)",
  backward: "0.5 * dy / y",
});

export const sqrtChecks: UnaryChecks = { reference: Math.sqrt, values: "positive" };

/** x · x, element by element; float32. @throws DtypeError, ArgumentError */
export const square = unary("square", {
  forward: "x * x",
  backward: "2.0 * dy * x",
});

export const squareChecks: UnaryChecks = { reference: (x) => x * x };

/** |x|, element by element; float32. Its gradient at 0 is 0. @throws DtypeError, ArgumentError */
export const abs = unary("abs", {
  forward: "abs(x)",
  backward: "dy * sign(x)", // 0 at 0, as PyTorch has it
});

export const absChecks: UnaryChecks = { reference: Math.abs, values: "awayFromZero" };

export const powOp = unaryOp("pow", {
  forward: "power(x, exponent)",
  // Without the choice, the exponent 0 would make 0 · ∞ of x = 0.
  backward: "select(dy * exponent * power(x, exponent - 1.0), 0.0, exponent == 0.0)",
});

export const powChecks: UnaryChecks = {
  reference: (x, { exponent }) => x ** exponent,
  values: "positive",
  parameters: [{ exponent: 3 }, { exponent: -0.5 }, { exponent: 0 }],
};

/** x to a fixed power. */
export function pow(x: Tensor, exponent: number): Tensor {
  return powOp.run([x], { exponent });
}

export const clampOp = unaryOp("clamp", {
  // Where both bounds are passed, high holds, as in PyTorch. clamp would drop a NaN.
  forward: "select(select(x, low, x < low), high, max(x, low) > high)",
  backward: "select(0.0, dy, x >= low && x <= high)", // the bounds themselves let the gradient pass, as in PyTorch
});

export const clampChecks: UnaryChecks = {
  reference: (x, { low, high }) => Math.min(Math.max(x, low), high),
  values: "distinct",
  parameters: [{ low: -0.5, high: 0.5 }],
};

/** x limited to [low, high]; a bound that is left out does not limit. */
export function clamp(
  x: Tensor,
  { low = Number.NEGATIVE_INFINITY, high = Number.POSITIVE_INFINITY }: { low?: number; high?: number },
): Tensor {
  return clampOp.run([x], { low, high });
}
