/** Twenty recorded steps against twenty eager ones of the models whose images are large. */
import { test } from "uvu";
import { openDevice } from "../../engine/currentDevice.ts";
import { models } from "../../models/registry.ts";
import { assertSameBothWays, hasLargeImages } from "../recording-helpers.ts";

const gpu = await openDevice();
test.after(() => gpu.close());

for (const { name } of models) {
  if (!hasLargeImages(name)) continue;
  test(`${name}: twenty recorded steps are the eager ones, bit for bit`, () =>
    assertSameBothWays(name, { batchSize: 1, samples: 2, steps: 20, learningRate: 1e-5 }));
}

test.run();
