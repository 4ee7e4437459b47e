import { test } from "uvu";
import * as assert from "uvu/assert";
import { openDevice } from "../engine/currentDevice.ts";
import { ArgumentError } from "../engine/errors.ts";
import { Linear } from "../engine/nn/layers.ts";
import { copyInto } from "../engine/ops/elementwise.ts";
import { full } from "../engine/tensor.ts";
import { type EarlyStoppingOptions, earlyStopping } from "../models/earlyStopping.ts";
import { refused } from "./engine-helpers.ts";

const gpu = await openDevice();
test.after(() => gpu.close());

/** A model whose weights are all `value`. */
function setWeights(model: Linear, value: number): void {
  for (const parameter of model.parameters()) copyInto(parameter, full(parameter.shape, value));
}

async function weightsOf(model: Linear): Promise<number[]> {
  const values = await Promise.all([...model.parameters()].map((parameter) => parameter.data()));
  return [...new Set(values.flatMap((numbers) => [...numbers]))];
}

const courses: [options: EarlyStoppingOptions, metrics: number[], epochs: number, best: number][] = [
  [{ patience: 2 }, [5, 4, 4, 3, 3.5, 3, 2], 6, 3], // an equal metric is no improvement
  [{ patience: 1, mode: "max" }, [1, 2, 3, 2, 9], 4, 2],
  [{ patience: 2, minDelta: 0.5 }, [5, 4.6, 4.4, 4.3, 4.2, 1], 5, 2],
  [{ patience: 3 }, [Number.NaN, 2, Number.NaN, 3, Number.NaN, 1], 5, 1],
  [{ patience: 3 }, [3, 2, 1], 3, 2], // the training ended by itself
];

for (const [options, metrics, epochs, best] of courses) {
  test(`${JSON.stringify(options)}: [${metrics}] ends after ${epochs} epochs with the weights of epoch ${best}`, async () => {
    const model = new Linear(3, 70);
    const stopping = earlyStopping(model, options);
    let epoch = 0;
    for (const metric of metrics) {
      setWeights(model, epoch++);
      if (stopping.update(metric)) break;
    }
    assert.is(epoch, epochs);
    stopping.restoreBest();
    assert.equal(stopping.best, { metric: metrics[best], epoch: best });
    assert.equal(await weightsOf(model), [best]);
  });
}

test("without a best epoch nothing is restored, and it is time to stop after all", async () => {
  const model = new Linear(1, 1);
  const stopping = earlyStopping(model, { patience: 2 });
  setWeights(model, 7);
  assert.equal([stopping.update(Number.NaN), stopping.update(Number.NaN)], [false, true]);
  stopping.restoreBest();
  assert.is(stopping.best, undefined);
  assert.equal(await weightsOf(model), [7]);
});

test("one copy of the weights is held, however often they improve", () => {
  const model = new Linear(30, 40);
  const stopping = earlyStopping(model);
  stopping.update(10);
  const { bytesInUse } = gpu.memory();
  for (let metric = 9; metric > 0; metric--) stopping.update(metric);
  assert.ok(gpu.memory().bytesInUse <= bytesInUse); // less when the collector has found what earlier tests left
});

test("what makes no sense is refused", async () => {
  const model = new Linear(1, 1);
  await refused(ArgumentError, /patience must be a whole number, 1 or more, got 0/, () =>
    earlyStopping(model, { patience: 0 }),
  );
  await refused(ArgumentError, /minDelta .* got -1/, () => earlyStopping(model, { minDelta: -1 }));
  await refused(ArgumentError, /mode must be "min" or "max", got "low"/, () =>
    earlyStopping(model, { mode: "low" as never }),
  );
});

test.run();
