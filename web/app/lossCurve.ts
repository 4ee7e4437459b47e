/** The losses of a training, and a smooth line through them, in the form that the chart takes. */
import { signal } from "@preact/signals";
import type { History } from "../protocol.ts";

/** How much of the smooth line's last value stays at a step. */
const inertia = 0.9;

export class LossCurve {
  readonly steps: number[] = [];
  readonly losses: number[] = [];
  readonly smooth: number[] = [];
  /** Grows whenever there is something new to draw. */
  readonly version = signal(0);

  /** @param first the step of the first one, from 0; what was known from there on is forgotten */
  add(first: number, losses: ArrayLike<number>): void {
    const known = first - (this.steps[0] ?? 1) + 1;
    if (known >= 0 && known < this.steps.length)
      for (const list of [this.steps, this.losses, this.smooth]) list.length = known;
    for (let i = 0; i < losses.length; i++) {
      const loss = losses[i];
      const before = this.smooth.at(-1) ?? loss;
      // the first steps count more, so that the line does not hang on the very first
      const stays = Math.min(inertia, this.smooth.length / (this.smooth.length + 4));
      this.steps.push(first + i + 1);
      this.losses.push(loss);
      this.smooth.push(stays * before + (1 - stays) * loss);
    }
    this.version.value++;
  }

  replace({ firstStep, losses }: History): void {
    this.clear();
    this.add(firstStep, losses);
  }

  clear(): void {
    for (const list of [this.steps, this.losses, this.smooth]) list.length = 0;
    this.version.value++;
  }
}
