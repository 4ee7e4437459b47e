/** Activations fused into the end of matmul and conv2d. */
import { ArgumentError } from "../errors.ts";
import { unfinished } from "../gpu/elementMap.ts";
import type { Constants } from "../gpu/kernel.ts";
import type { Tensor } from "../tensor.ts";
import { relu, reluChecks, sigmoid, sigmoidChecks, tanh, tanhChecks } from "./activations.ts";
import { pullBackElements, wgslType } from "./elementwise.ts";

/** Activations that can be fused: those whose gradient follows from their value alone. */
const fusable = { relu, sigmoid, tanh };
export type Activation = keyof typeof fusable;

/** The constant of a kernel that ends with an activation, or with nothing. @param result what the kernel makes */
export function activated(activation: Activation | undefined, { dtype }: Tensor): Constants {
  const type = wgslType[dtype];
  if (!activation) return unfinished(type);
  const { forward } = fusable[activation].op.formulas;
  return {
    finish: `fn finish(v: ${type}, i: u32) -> ${type} { let x = f32(v); return ${type}(${forward}); }`,
  };
}

/** The gradient before a fused activation, from the one behind it and the value y. */
export function pullBackActivation(activation: Activation | undefined, y: Tensor, dy: Tensor): Tensor {
  return activation
    ? pullBackElements(`${activation}Gradient`, fusable[activation].op.formulas.backward, { y, dy })
    : dy;
}

export function activationReference(activation: Activation | undefined, x: number): number {
  const checks = { relu: reluChecks, sigmoid: sigmoidChecks, tanh: tanhChecks };
  return activation ? checks[activation].reference(x, {}) : x;
}

/** @throws ArgumentError for an activation that cannot be fused */
export function checkActivation(name: string, activation: Activation | undefined): void {
  if (activation && !(activation in fusable)) {
    throw new ArgumentError(
      `${name}: there is no activation "${activation}"`,
      `use one of ${Object.keys(fusable).join(", ")}`,
    );
  }
}
