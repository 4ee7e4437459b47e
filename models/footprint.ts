/** What a training will take, as the plan of its recorded step tells: nothing is computed, or allocated. */
import { withDevice } from "../engine/currentDevice.ts";
import type { AdapterDescription } from "../engine/gpu/adapter.ts";
import { planDevice } from "../engine/gpu/plan.ts";
import { type Summary, summarize } from "../engine/nn/summary.ts";
import { recordStep } from "../engine/recordedStep.ts";
import type { Tensor } from "../engine/tensor.ts";
import type { ModelAtWork } from "./kinds/kind.ts";
import type { Recipe } from "./recipe.ts";
import type { Batch } from "./training.ts";

export interface Footprint extends Summary {
  /** Weights, and running statistics. */
  readonly modelBytes: number;
  /** What the optimisers remember. */
  readonly optimizerBytes: number;
  /** The most that a step holds beside these: activations, gradients, the batch. */
  readonly activationBytes: number;
  /** The most that a training holds at once. */
  readonly peakBytes: number;
  /** Forward, backward and update of one step, a fused multiply-add counted as two. */
  readonly stepFlops: number;
  readonly stepDispatches: number;
  /** Of the model's largest tensor, and of the largest other one. */
  readonly largestBytes: { readonly parameter: number; readonly activation: number };
}

/** Layers, shapes, parameters and FLOPs, of one sample; nothing is allocated. @param open makes the model */
export function summarizeAtWork<Data, B extends Batch>(open: () => ModelAtWork<Data, B>): Summary {
  let opened: ModelAtWork<Data, B>;
  return summarize(
    () => {
      opened = open();
      return opened.model;
    },
    () => opened.forward(opened.example(1)),
  );
}

/**
 * Of a training with this recipe's batches; nothing is allocated.
 * @param open makes the model
 * @param adapter where it is to be trained; what a plain processor would take where there is none
 */
export function footprint<Data, B extends Batch>(
  open: () => ModelAtWork<Data, B>,
  recipe: Recipe,
  adapter?: AdapterDescription,
): Footprint {
  const device = planDevice(adapter);
  return withDevice(device, () => {
    const atWork = open();
    const parameters = [...atWork.model.stateDict().values()].map(bytesOf);
    const { optimizers, update } = atWork.trainer(recipe, 1);
    const before = device.memory().bytesInUse;
    const batch = atWork.example(recipe.batchSize);
    const batchBytes = device.memory().bytesInUse - before;
    const plan = recordStep(() => update(batch, () => 0)).plan({});
    const dispatches = plan.commands.flatMap((command) =>
      command.type === "dispatch" ? [command.dispatch] : [],
    );
    const remembered = Object.values(optimizers).flatMap((optimizer) =>
      Object.values(optimizer.stateDict().tensors).map(bytesOf),
    );
    const [modelBytes, optimizerBytes] = [sumOf(parameters), sumOf(remembered)];
    return {
      ...summarizeAtWork(open),
      modelBytes,
      optimizerBytes,
      activationBytes: batchBytes + plan.bytes,
      peakBytes: modelBytes + optimizerBytes + batchBytes + plan.bytes,
      stepFlops: sumOf(dispatches.map(({ flops }) => flops)),
      stepDispatches: dispatches.length,
      largestBytes: { parameter: Math.max(...parameters), activation: plan.largest },
    };
  });
}

function bytesOf({ size }: Tensor): number {
  return 4 * size;
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}
