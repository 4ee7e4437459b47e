/** Whether operations record what `backward()` needs. */
import { ArgumentError } from "./errors.ts";
import { collect, handOut } from "./storage.ts";
import type { Tensor } from "./tensor.ts";

let recording = true;

/** Whether operations leave nodes at the moment. */
export function isGradEnabled(): boolean {
  return recording;
}

/** Runs `work` (synchronously) without leaving nodes. @throws ArgumentError if `work` is asynchronous */
export function noGrad<T>(work: () => T): T {
  const before = recording;
  recording = false;
  try {
    return synchronous(work());
  } finally {
    recording = before;
  }
}

/**
 * Like `noGrad`, and everything that operations make in it goes back to the pool at the end, except the tensors that
 * `work` returns (one, or an array or object of them). For evaluation and prediction.
 */
export function inferenceMode<T>(work: () => T): T {
  const { result, made } = collect(() => noGrad(work));
  const returned = new Set(tensorsIn(result).map((tensor) => tensor.storage));
  for (const storage of made) {
    if (storage.lifetime !== "owner" && !returned.has(storage)) storage.release("inferenceMode() has ended");
  }
  handOut(made);
  return result;
}

/** What a function returned whose tensors must be there at once. @throws ArgumentError if it is a promise */
export function synchronous<T>(result: T): T {
  if (result instanceof Promise)
    throw new ArgumentError(
      "noGrad(), inferenceMode(), autocast() and recordStep() run no asynchronous functions",
      "do the awaiting outside of it",
    );
  return result;
}

function tensorsIn(value: unknown): Tensor[] {
  if (value === null || typeof value !== "object") return [];
  if ("storage" in value) return [value as Tensor];
  return Object.values(value).flatMap(tensorsIn);
}
