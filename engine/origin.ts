/**
 * What a command is given for: the module and the phase of training at work. Commands carry it (`Dispatch.origin`), so
 * that times can be told by layer, in the backward pass too, where an operation's pullback runs under the origin that
 * its forward had. It costs a reference a command, whether anybody looks at it or not.
 */
import type { Origin } from "./gpu/gpu.ts";

let current: Origin = { module: undefined, phase: "forward" };

/** Of what is done now. */
export function currentOrigin(): Origin {
  return current;
}

/** Runs `work` (synchronously); its commands have this origin, as far as it is given, and else the one around it. */
export function withOrigin<T>(origin: Partial<Origin>, work: () => T): T {
  const before = current;
  current = { ...before, ...origin };
  try {
    return work();
  } finally {
    current = before;
  }
}
