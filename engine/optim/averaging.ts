/**
 * The exponential moving average of weights (Polyak, Juditsky 1992), which often generalises better than the last ones:
 *
 *     const average = exponentialMovingAverage(model.parameters(), { decay: 0.999 });
 *     …
 *       optimizer.step();
 *       average.update();
 *     …
 *     await average.use(() => evaluate(model));
 */
import averageSource from "../../shaders/average.wgsl";
import swapSource from "../../shaders/swap.wgsl";
import { requireShare } from "../arguments.ts";
import { ArgumentError, DtypeError } from "../errors.ts";
import { kernel } from "../gpu/kernel.ts";
import { copyInto } from "../ops/elementwise.ts";
import { dispatchElements } from "../ops/slices.ts";
import { everyRun } from "../recordedStep.ts";
import { emptyLike, type Tensor } from "../tensor.ts";
import { type OptimizerState, storedTensor } from "./optimizer.ts";

export interface AverageOptions {
  /** How much of the average stays at each update. Default: 0.999. */
  readonly decay?: number;
}

export interface WeightAverage {
  /** In the order of the parameters; its own tensors, which change with the next update. */
  readonly averages: readonly Tensor[];
  /**
   * average = decay · average + (1 - decay) · parameter, in place on the device; the first update takes the parameters
   * as they are.
   * @throws ArgumentError during `use`
   */
  update(): void;
  /**
   * Runs `work` while the parameters hold the averages, then gives them their own numbers back.
   * @throws ArgumentError during another `use`, and whatever `work` throws
   */
  use<T>(work: () => T | Promise<T>): Promise<T>;
  /** What a checkpoint needs, in the form of an optimiser's. @throws ArgumentError during `use` */
  stateDict(): OptimizerState;
  /** The tensors are copied. @throws ArgumentError, ShapeError; nothing has changed then */
  loadStateDict(state: OptimizerState): void;
}

/**
 * An average of the parameters, float32. (`torch.optim.swa_utils.AveragedModel` with an exponential average)
 * @throws ArgumentError, DtypeError
 */
export function exponentialMovingAverage(
  parameters: Iterable<Tensor>,
  { decay = 0.999 }: AverageOptions = {},
): WeightAverage {
  const name = "exponentialMovingAverage";
  const list = [...new Set(parameters)];
  requireShare(name, { decay });
  for (const [index, { dtype }] of list.entries()) {
    if (dtype !== "float32")
      throw new DtypeError(`${name}: parameter ${index} must be float32, got ${dtype}`);
  }
  const averages = list.map((parameter) => copyOf(parameter));
  let updates = 0;
  let inUse = false;

  function refuseInUse(what: string): void {
    if (!inUse) return;
    throw new ArgumentError(
      `${name}: ${what} while use() has the averages in the place of the parameters`,
      "await use() first",
    );
  }
  function exchange(): void {
    list.forEach((parameter, i) => {
      swap(parameter, averages[i]);
    });
    inUse = !inUse;
  }

  return {
    averages,
    update() {
      let share = 1;
      everyRun(() => {
        refuseInUse("update()");
        share = updates === 0 ? 1 : 1 - decay;
        updates++;
      }, list[0]?.gpu);
      list.forEach((parameter, i) => {
        moveTowards(averages[i], parameter, () => share);
      });
    },
    async use(work) {
      refuseInUse("use()");
      exchange();
      try {
        return await work();
      } finally {
        exchange();
      }
    },
    stateDict() {
      refuseInUse("stateDict()");
      const tensors = Object.fromEntries(averages.map((average, i) => [`${i}.average`, average]));
      return { numbers: { updates }, tensors };
    },
    loadStateDict({ numbers, tensors }) {
      refuseInUse("loadStateDict()");
      const found = averages.map((average, i) => storedTensor(name, tensors, `${i}.average`, average));
      if (Object.keys(tensors).length !== found.length || !Number.isSafeInteger(numbers.updates)) {
        throw new ArgumentError(
          `${name}: the state is not one of an average of ${found.length} parameters`,
          "load what stateDict() of an average of the same model returned",
        );
      }
      for (const [i, tensor] of found.entries()) copyInto(averages[i], tensor);
      updates = numbers.updates;
    },
  };
}

function copyOf(parameter: Tensor): Tensor {
  const copy = emptyLike(parameter).keep();
  copyInto(copy, parameter);
  return copy;
}

/** @param share another one in every run of a recorded step */
function moveTowards(average: Tensor, value: Tensor, share: () => number): void {
  dispatchElements({
    kernel: kernel("average", [averageSource]),
    buffers: [value, average],
    uniforms: () => ({ share: share() }),
    flops: 3,
  });
}

function swap(a: Tensor, b: Tensor): void {
  a.storage.version++;
  b.storage.version++;
  dispatchElements({ kernel: kernel("swap", [swapSource]), buffers: [a, b], uniforms: {}, flops: 0 });
}
