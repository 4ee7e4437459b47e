/** What a model is made of and what it costs, found out by calling it on a device that computes nothing. */
import { withDevice } from "../currentDevice.ts";
import { planDevice } from "../gpu/plan.ts";
import { noGrad } from "../gradMode.ts";
import type { Shape } from "../shape.ts";
import { Tensor } from "../tensor.ts";
import { type Module, observeCalls } from "./module.ts";

export interface SummaryRow {
  /** "encoder.1" */
  readonly path: string;
  /** "Linear(784, 256)" */
  readonly layer: string;
  /** Of one sample: without the batch axis. */
  readonly outputShape: Shape;
  readonly parameters: number;
  /** For this sample, a fused multiply-add counted as two. */
  readonly flops: number;
}

export interface Summary {
  /** The layers in the order in which they compute. */
  readonly rows: readonly SummaryRow[];
  readonly parameters: number;
  readonly flops: number;
}

type AnyModule = Module<never, unknown>;

/**
 * @param build makes the model; it is called once, and nothing is allocated
 * @param callOnce calls it on one sample: `(model) => model.call(zeros([1, 1, 28, 28]))`
 */
export function summarize<M extends AnyModule>(build: () => M, callOnce: (model: M) => unknown): Summary {
  const plan = planDevice();
  return withDevice(plan, () => {
    const model = build().eval(); // a batch of one is too few to train batch normalisation with
    const paths = new Map([...model.namedModules()].map(([path, module]) => [module, path]));
    const rows: SummaryRow[] = [];
    const before = plan.counters().flops;
    let counted = before;
    observeCalls(
      (module, output) => {
        const { flops } = plan.counters();
        const isLayer = module.namedChildren().next().done;
        if (isLayer && output instanceof Tensor) {
          rows.push({
            path: paths.get(module) ?? "",
            layer: module.describe(),
            outputShape: output.shape.slice(1),
            parameters: countParameters(module),
            flops: flops - counted,
          });
          counted = flops;
        }
      },
      () => noGrad(() => callOnce(model)),
    );
    return { rows, parameters: countParameters(model), flops: plan.counters().flops - before };
  });
}

function countParameters(module: { parameters(): Iterable<Tensor> }): number {
  return [...module.parameters()].reduce((sum, parameter) => sum + parameter.size, 0);
}
