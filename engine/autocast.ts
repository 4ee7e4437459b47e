/**
 * Mixed precision: Micikevicius et al., "Mixed precision training" (ICLR 2018). What layers hand to each other is float16,
 * half the bytes to store and to move; weights, losses, batch normalisation and softmax are float32.
 */
import { synchronous } from "./gradMode.ts";
import { to } from "./ops/convert.ts";
import type { Tensor } from "./tensor.ts";

let isOn = false;

/**
 * Runs `work` (synchronously), in which linear, matmul, conv2d and convTranspose2d convert their first operand to float16,
 * and give float16. What follows keeps to it, or goes back to float32 where it needs that. Backward passes may run outside.
 * @throws LimitError on an adapter without float16; ArgumentError if `work` is asynchronous
 */
export function autocast<T>(work: () => T): T {
  const before = isOn;
  isOn = true;
  try {
    return synchronous(work());
  } finally {
    isOn = before;
  }
}

/** What an operation that autocast is about makes of its operand. */
export function forAutocast(x: Tensor): Tensor {
  return isOn && x.dtype === "float32" ? to(x, "float16") : x;
}
