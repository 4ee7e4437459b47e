/** The matrix products and convolutions of a training step: what there is to be tuned in it. */
import { withDevice } from "../engine/currentDevice.ts";
import type { Gpu } from "../engine/gpu/gpu.ts";
import type { Product } from "../engine/ops/products.ts";
import { recordStep } from "../engine/recordedStep.ts";
import { productsOf } from "../engine/tune.ts";
import type { ModelAtWork } from "./kinds/kind.ts";
import type { Recipe } from "./recipe.ts";
import type { Batch } from "./training.ts";

/**
 * Of a step with this recipe's batches on a device like `gpu`, each once; nothing is allocated or computed.
 * @param open makes the model
 */
export function productsOfStep<Data, B extends Batch>(
  gpu: Gpu,
  open: () => ModelAtWork<Data, B>,
  recipe: Recipe,
): Product[] {
  return productsOf(gpu, (device) =>
    withDevice(device, () => {
      const atWork = open();
      const { update } = atWork.trainer(recipe, 1);
      const batch = atWork.example(recipe.batchSize);
      recordStep(() => update(batch, () => 0)).plan({});
    }),
  );
}
