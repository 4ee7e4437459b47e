/** The non-linearities. */
import type { Tensor } from "../tensor.ts";
import { type UnaryChecks, unary, unaryOp } from "./unary.ts";

/** max(x, 0), element by element; float32. Its gradient at 0 is 0. (`torch.relu`) @throws DtypeError, ArgumentError */
export const relu = unary("relu", {
  forward: "select(x, 0.0, x <= 0.0)", // unlike max(), lets NaN through
  backward: "select(dy, 0.0, y <= 0.0)", // relu'(0) = 0, as PyTorch has it
});

export const reluChecks: UnaryChecks = { reference: (x) => Math.max(x, 0), values: "awayFromZero" };

export const leakyReluOp = unaryOp("leakyRelu", {
  forward: "select(negativeSlope * x, x, x > 0.0)",
  backward: "select(negativeSlope * dy, dy, x > 0.0)",
});

export const leakyReluChecks: UnaryChecks = {
  reference: (x, { negativeSlope }) => (x > 0 ? x : negativeSlope * x),
  values: "awayFromZero",
  parameters: [{ negativeSlope: 0.01 }, { negativeSlope: 0.3 }],
};

/**
 * x above 0, negativeSlope · x below, element by element; float32. (`torch.nn.LeakyReLU`)
 * @throws DtypeError, ArgumentError
 */
export function leakyRelu(x: Tensor, negativeSlope = 0.01): Tensor {
  return leakyReluOp.run([x], { negativeSlope });
}

/** 1 / (1 + exp(-x)), element by element; float32. @throws DtypeError, ArgumentError */
export const sigmoid = unary("sigmoid", {
  forward: "1.0 / (1.0 + exp(-x))",
  backward: "dy * y * (1.0 - y)",
});

export const sigmoidChecks: UnaryChecks = { reference: (x) => 1 / (1 + Math.exp(-x)) };

/** The hyperbolic tangent of x, element by element; float32. @throws DtypeError, ArgumentError */
export const tanh = unary("tanh", {
  // Drivers may compute it by exp, which overflows; it is ±1 there anyway. clamp would drop a NaN.
  forward: "tanh(select(x, 15.0 * sign(x), abs(x) > 15.0))",
  backward: "dy * (1.0 - y * y)",
});

export const tanhChecks: UnaryChecks = { reference: Math.tanh };

const tail = "exp(-abs(x))";

/** WGSL for log(1 + exp(-|x|)); where 1 + exp(-|x|) would round most of it away, by the series of the logarithm. */
export const logisticTail = `select(log(1.0 + ${tail}), ${tail} * (1.0 - ${tail} * (0.5 - ${tail} / 3.0)), ${tail} < 0.01)`;

/** log(1 + exp(x)), written so that exp cannot overflow. */
export const softplus = unary("softplus", {
  forward: `max(x, 0.0) + ${logisticTail}`,
  backward: "dy / (1.0 + exp(-x))",
});

export const softplusChecks: UnaryChecks = {
  reference: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
};
