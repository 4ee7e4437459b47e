/** What the table of operations cannot see of batch normalisation: running statistics, modes, names, refusals. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openDevice } from "../engine/currentDevice.ts";
import { ShapeError } from "../engine/errors.ts";
import { noGrad } from "../engine/gradMode.ts";
import { BatchNorm1d, BatchNorm2d } from "../engine/nn/normalisation.ts";
import { tensor } from "../engine/tensor.ts";
import { close, refused } from "./engine-helpers.ts";

const gpu = await openDevice();
test.after(() => gpu.close());

/** Three examples of two channels: means 3 and 10, unbiased variances 4 and 100. */
const examples = [
  [1, 0],
  [3, 10],
  [5, 20],
];

test("the state dict has PyTorch's names", () => {
  assert.equal(
    [...new BatchNorm2d(4).stateDict().keys()],
    ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"],
  );
});

test("training normalises by the batch and moves the running statistics a tenth of the way", async () => {
  const layer = new BatchNorm1d(2);
  const y = layer.call(tensor(examples));
  const [high, low] = [Math.sqrt(1.5), 0];
  close(await y.data(), [-high, -high, low, low, high, high], "output", 1e-4);
  const state = layer.stateDict();
  close(await state.get("running_mean")!.data(), [0.3, 1], "running_mean");
  close(await state.get("running_var")!.data(), [0.9 + 0.4, 0.9 + 10], "running_var");
  assert.equal([...(await state.get("num_batches_tracked")!.data<Int32Array>())], [1]);
});

test("evaluation normalises by the running statistics and leaves them alone", async () => {
  const layer = new BatchNorm1d(2);
  layer.call(tensor(examples));
  layer.eval();
  const y = noGrad(() => layer.call(tensor([[1.3, 11.9]])));
  close(await y.data(), [1 / Math.sqrt(1.3), 10.9 / Math.sqrt(10.9)], "output", 1e-4);
  close(await layer.stateDict().get("running_mean")!.data(), [0.3, 1], "running_mean");
});

test("a batch with one value a channel cannot be trained on", async () => {
  await refused(ShapeError, /batchNorm/, () => new BatchNorm1d(2).call(tensor([[1, 2]])));
});

test.run();
