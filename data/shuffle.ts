import type { HostRandom } from "../engine/hostRandom.ts";

/** Brings values into a random order in place, each order equally likely (Fisher and Yates). */
export function shuffleInPlace<T>(values: { length: number; [index: number]: T }, random: HostRandom): void {
  for (let last = values.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    const kept = values[last]!;
    values[last] = values[other]!;
    values[other] = kept;
  }
}
