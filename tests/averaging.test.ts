/** The exponential moving average of weights against PyTorch's (see `fixtures/pytorch/clipping.py`). */
import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openDevice } from "../engine/currentDevice.ts";
import { ArgumentError, DtypeError, ShapeError } from "../engine/errors.ts";
import { copyInto } from "../engine/ops/elementwise.ts";
import { exponentialMovingAverage } from "../engine/optim/averaging.ts";
import { ones, type Tensor, tensor, zeros } from "../engine/tensor.ts";
import { close, refused } from "./engine-helpers.ts";

const gpu = await openDevice();
test.after(() => gpu.close());

test("a parameter that is listed twice is averaged once", async () => {
  const parameter = tensor([10]);
  const average = exponentialMovingAverage([parameter, parameter], { decay: 0.5 });
  average.update();
  copyInto(parameter, tensor([20]));
  average.update();
  assert.is(await average.use(() => parameter.item()), 15);
  assert.is(await parameter.item(), 20);
});

interface Fixture {
  readonly shapes: number[][];
  readonly decay: number;
  /** [update][parameter] */
  readonly weights: number[][][];
  readonly averages: number[][][];
}

const { shapes, decay, weights, averages }: Fixture = JSON.parse(
  readFileSync(new URL("./fixtures/pytorch/clipping.json", import.meta.url), "utf8"),
);

function set(parameter: Tensor, values: ArrayLike<number>): void {
  copyInto(parameter, tensor(Float32Array.from(values), { shape: parameter.shape }));
}

test("the averages are PyTorch's, also from a saved state on", async () => {
  const parameters = shapes.map((shape) => zeros(shape));
  let average = exponentialMovingAverage(parameters, { decay });
  for (const [update, row] of weights.entries()) {
    parameters.forEach((parameter, i) => {
      set(parameter, row[i]);
    });
    average.update();
    for (const [i, values] of average.averages.entries())
      close(await values.data(), averages[update][i], `parameter ${i} after update ${update + 1}`, 1e-6);
    const resumed = exponentialMovingAverage(parameters, { decay });
    resumed.loadStateDict(average.stateDict());
    average = resumed;
  }
});

test("use puts the averages in the place of the parameters, and takes them out again", async () => {
  const parameter = ones([4099]);
  const average = exponentialMovingAverage([parameter], { decay: 0.5 });
  average.update();
  set(parameter, new Float32Array(4099).fill(3));
  average.update();
  const inside = await average.use(async () => (await parameter.data()).every((value) => value === 2));
  assert.ok(inside);
  assert.ok((await parameter.data()).every((value) => value === 3));
  assert.ok((await average.averages[0].data()).every((value) => value === 2));
  await average
    .use(() => {
      throw new RangeError("from within");
    })
    .then(
      () => assert.unreachable(),
      (error) => assert.instance(error, RangeError),
    );
  assert.is((await parameter.data())[0], 3);
});

test("updates take no memory, one command a parameter, and no wait", async () => {
  const parameters = [ones([3]), ones([70, 5])];
  const average = exponentialMovingAverage(parameters);
  average.update();
  await parameters[0].data();
  const { bytesInUse } = gpu.memory();
  const { dispatches } = gpu.counters();
  for (let update = 0; update < 5; update++) average.update();
  assert.ok(gpu.memory().bytesInUse <= bytesInUse); // less when the collector has found what earlier tests left
  await parameters[0].data();
  assert.is(gpu.counters().dispatches - dispatches, 2 * 5);
});

test("what makes no sense is refused", async () => {
  await refused(ArgumentError, /decay must be from 0 up to \(not including\) 1, got 1/, () =>
    exponentialMovingAverage([ones([1])], { decay: 1 }),
  );
  await refused(DtypeError, /parameter 0 must be float32, got int32/, () =>
    exponentialMovingAverage([ones([1], { dtype: "int32" })]),
  );
  const average = exponentialMovingAverage([ones([2])]);
  await average.use(async () => {
    await refused(ArgumentError, /update\(\) while use\(\) has the averages/, () => average.update());
    await refused(ArgumentError, /use\(\) while use\(\) has/, () => average.use(() => {}));
    await refused(ArgumentError, /stateDict\(\) while/, () => average.stateDict());
  });
  const other = exponentialMovingAverage([ones([3])]);
  await refused(ShapeError, /0.average is \[3\] in the state, but the parameter is \[2\]/, () =>
    average.loadStateDict(other.stateDict()),
  );
  await refused(ArgumentError, /the state lacks 0.average/, () =>
    average.loadStateDict({ numbers: { updates: 1 }, tensors: {} }),
  );
  const two = exponentialMovingAverage([ones([2]), ones([2])]);
  await refused(ArgumentError, /not one of an average of 1 parameters/, () =>
    average.loadStateDict(two.stateDict()),
  );
});

test.run();
