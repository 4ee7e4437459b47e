/**
 * Ends a training that has stopped to improve, and goes back to the best weights it had:
 *
 *     const stopping = earlyStopping(model, { patience: 3 });
 *     for await (const epoch of train({ … })) {
 *       for await (const step of epoch) { … }
 *       if (stopping.update(await validationLoss(model))) break;
 *     }
 *     stopping.restoreBest();
 */
import { ArgumentError } from "../engine/errors.ts";
import type { Module } from "../engine/nn/module.ts";
import { copyInto } from "../engine/ops/elementwise.ts";
import { emptyTensor, type Tensor } from "../engine/tensor.ts";

export interface EarlyStoppingOptions {
  /** After so many epochs in a row without improvement it is time to stop. Default: 10. */
  readonly patience?: number;
  /** Whether the metric is to fall or to rise. Default: "min". */
  readonly mode?: "min" | "max";
  /** By how much the metric must be better than the best one to be an improvement. Default: 0. */
  readonly minDelta?: number;
}

export interface BestEpoch {
  readonly metric: number;
  /** From 0. */
  readonly epoch: number;
}

export interface EarlyStopping {
  /**
   * Takes the metric after an epoch. If it is the best one so far, the weights are copied, on the device; a NaN is no
   * improvement.
   * @returns whether it is time to stop
   */
  update(metric: number): boolean;
  /** Undefined while there was none with a number for a metric. */
  readonly best: BestEpoch | undefined;
  /** Puts the weights of the best epoch back, and the buffers with them; changes nothing if there is none. */
  restoreBest(): void;
}

/** @throws ArgumentError */
export function earlyStopping(
  model: Pick<Module<never, unknown>, "stateDict" | "loadStateDict">,
  { patience = 10, mode = "min", minDelta = 0 }: EarlyStoppingOptions = {},
): EarlyStopping {
  if (!(Number.isSafeInteger(patience) && patience >= 1))
    throw new ArgumentError(`earlyStopping: patience must be a whole number, 1 or more, got ${patience}`);
  if (!(minDelta >= 0 && Number.isFinite(minDelta)))
    throw new ArgumentError(`earlyStopping: minDelta must be a finite number ≥ 0, got ${minDelta}`);
  if (mode !== "min" && mode !== "max")
    throw new ArgumentError(`earlyStopping: mode must be "min" or "max", got "${mode}"`);
  const copies = new Map<string, Tensor>();
  let best: BestEpoch | undefined;
  let epoch = 0;

  function isBetter(metric: number): boolean {
    if (best === undefined) return !Number.isNaN(metric);
    return mode === "min" ? metric < best.metric - minDelta : metric > best.metric + minDelta;
  }

  return {
    get best() {
      return best;
    },
    update(metric) {
      if (isBetter(metric)) {
        best = { metric, epoch };
        for (const [name, tensor] of model.stateDict()) {
          const copy = copies.get(name) ?? emptyTensor(tensor.gpu, tensor.shape, tensor.dtype).keep();
          copies.set(name, copy);
          copyInto(copy, tensor);
        }
      }
      return epoch++ - (best?.epoch ?? -1) >= patience;
    },
    restoreBest() {
      if (best) model.loadStateDict(copies);
    },
  };
}
