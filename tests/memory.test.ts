import { test } from "uvu";
import * as assert from "uvu/assert";
import { openDevice } from "../engine/currentDevice.ts";
import { ReleasedTensorError } from "../engine/errors.ts";
import type { MemoryReport } from "../engine/gpu/buffers.ts";
import { inferenceMode } from "../engine/gradMode.ts";
import { mul, neg, square } from "../engine/ops/arithmetic.ts";
import { reshape } from "../engine/ops/layout.ts";
import { mean, sum } from "../engine/ops/reduce.ts";
import { Adam } from "../engine/optim/adam.ts";
import { manualSeed } from "../engine/random.ts";
import type { DeviceNumber } from "../engine/recordedStep.ts";
import { ones, type Tensor, tensor } from "../engine/tensor.ts";
import { DenseAutoencoder, type ReconstructionLoss } from "../models/autoencoder.ts";
import { evaluateReconstruction, reconstructImages } from "../models/reconstruction.ts";
import { descent, type ImageBatch, imageBatches, train } from "../models/training.ts";
import { collectGarbage, randomImages, refused } from "./engine-helpers.ts";

const gpu = await openDevice();
test.after(() => gpu.close());

/** In the last batch of 8 there are 4. */
const dataset = randomImages({ count: 60, size: 4 });

function small(widths: number[]) {
  manualSeed(1);
  const model = new DenseAutoencoder({ imageShape: [1, 4, 4], widths });
  return { model, optimizer: new Adam(model.parameters(), { learningRate: 1e-3 }) };
}

function updateOf({ model, optimizer }: ReturnType<typeof small>, kind?: ReconstructionLoss) {
  return descent(optimizer, ({ images }: ImageBatch) => ({ loss: model.loss(images, kind) }));
}

/** In the pool there may be less, when buffers of earlier tests go back to the driver. */
function assertFlat(memory: MemoryReport, before: MemoryReport, step: number): void {
  for (const name of ["bytesInUse", "buffersInUse", "peakBytesInUse"] as const)
    assert.is(memory[name], before[name], `${name} in step ${step}`);
  for (const name of ["bytesPooled", "buffersPooled"] as const)
    assert.ok(memory[name] <= before[name], `step ${step}: ${name} ${memory[name]}, ${before[name]} before`);
}

test("2,000 steps of training hold the same bytes and buffers once both sizes of batches were seen", async () => {
  const update = updateOf(small([8, 4]));
  const source = imageBatches(dataset, { batchSize: 8, seed: 1 });
  let count = 0;
  let before = gpu.memory();
  for await (const epoch of train({ source, epochs: 250, update })) {
    for await (const _ of epoch) {
      count++;
      const grown = gpu.memory().bytesInUse - before.bytesInUse;
      if (count === 8) assert.ok(grown <= 256, `${grown} bytes for a constant of the smaller batch`);
      if (count === 9) await collectGarbage();
      if (count > 9) assertFlat(gpu.memory(), before, count);
      before = gpu.memory();
    }
  }
  assert.is(count, 2000);
});

test("so does a loop written by hand", async () => {
  const { model, optimizer } = small([4]);
  const batches = [0, 1, 2].map((i) =>
    tensor(dataset.images.slice(128 * i, 128 * (i + 1)), { shape: [8, 1, 4, 4] }),
  );
  let before = gpu.memory();
  for (let step = 1; step <= 2000; step++) {
    const loss = model.loss(batches[step % 3]);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    if (step === 3) await collectGarbage();
    if (step > 3) assertFlat(gpu.memory(), before, step);
    before = gpu.memory();
    if (step % 100 === 0) await loss.item();
  }
});

test("batches made in the loop go back when the collector finds them", async () => {
  const { model, optimizer } = small([4]);
  async function steps(count: number): Promise<void> {
    for (let step = 0; step < count; step++) {
      const loss = model.loss(tensor(dataset.images.slice(0, 128), { shape: [8, 1, 4, 4] }));
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      await gpu.flush();
    }
    await collectGarbage();
  }
  await steps(3);
  const { bytesInUse, buffersInUse } = gpu.memory();
  await steps(100);
  assert.equal([gpu.memory().bytesInUse, gpu.memory().buffersInUse], [bytesInUse, buffersInUse]);
});

const stepEnded =
  /the training step after the one that made it has ended\n {2}help: .*data\(\)\), or call tensor\.keep/;

test("a loss can be read until the next step ends; then it says what to do, unless it is kept", async () => {
  const { model, optimizer } = small([4]);
  const images = tensor(dataset.images.slice(0, 128), { shape: [8, 1, 4, 4] });
  const losses: Tensor[] = [];
  const kept: Tensor[] = [];
  const values: number[] = [];
  for (let step = 0; step < 6; step++) {
    losses.push(model.loss(images));
    kept.push(mul(losses[step], 1).keep());
    optimizer.zeroGrad();
    losses[step].backward();
    if (step > 0) values.push(await losses[step - 1].item()); // a step later
    optimizer.step();
    if (step > 1) await refused(ReleasedTensorError, stepEnded, () => losses[step - 1].item());
  }
  const keptValues = await Promise.all(kept.map((loss) => loss.item()));
  assert.equal(values, keptValues.slice(0, 5));
  assert.is(new Set(values).size, 5);
});

test("in an eager loop of train() a loss can be read, and waited for later", async () => {
  const update = updateOf(small([4]));
  const source = imageBatches(dataset, { batchSize: 12, seed: 1 });
  const losses: DeviceNumber[] = [];
  const reads: Promise<number>[] = [];
  for await (const epoch of train({ source, epochs: 1, update, eager: true })) {
    for await (const step of epoch) {
      losses.push(step.losses.loss);
      reads.push(step.losses.loss.item());
      if (step.index > 1) await refused(ReleasedTensorError, stepEnded, () => losses[step.index - 1].item());
    }
  }
  assert.ok((await Promise.all(reads)).every((value) => value > 0 && value < 1));
  assert.is(reads.length, 5);
});

test("inferenceMode gives everything back but what it returns, however that is wrapped", async () => {
  const x = ones([100]);
  const before = gpu.memory().buffersInUse;
  let inside: Tensor | undefined;
  const { sums, more } = inferenceMode(() => {
    inside = neg(square(x));
    const nested = inferenceMode(() => mul(neg(inside!), inside!));
    return { sums: [mean(nested)], more: { view: reshape(neg(inside), [10, 10]) } };
  });
  assert.is(gpu.memory().buffersInUse, before + 2);
  assert.is(await sums[0].item(), -1);
  assert.equal(await more.view.data(), new Float32Array(100).fill(1));
  await refused(ReleasedTensorError, /inferenceMode\(\) has ended/, () => inside!.data());
});

test("what an operation needs for itself goes back at once", () => {
  const x = ones([100_000], { requiresGrad: true });
  const before = gpu.memory().buffersInUse;
  const total = sum(x); // by way of partial sums
  assert.is(gpu.memory().buffersInUse, before + 1);
  total.backward(); // the gradient: the sum's own, spread over all elements
  assert.is(gpu.memory().buffersInUse, before + 2);
});

test("inferenceMode leaves alone what is kept in it, and what was there before", async () => {
  const earlier = neg(ones([3]));
  let kept: Tensor | undefined;
  inferenceMode(() => {
    kept = neg(earlier).keep();
    earlier.detach();
    reshape(earlier, [3, 1]);
  });
  assert.equal(await kept!.toArray(), [1, 1, 1]);
  assert.equal(await earlier.toArray(), [-1, -1, -1]);
});

test("what nobody can reach any more is collected: results, graphs without a backward, views", async () => {
  const x = ones([1000], { requiresGrad: true });
  await collectGarbage();
  const before = gpu.memory().buffersInUse;
  let view: Tensor | undefined = (() => {
    const result = mean(square(neg(x)));
    for (let i = 0; i < 50; i++) square(square(x));
    return reshape(result.detach(), [1, 1]);
  })();
  assert.ok(gpu.memory().buffersInUse > before + 100);
  await collectGarbage();
  assert.is(gpu.memory().buffersInUse, before + 1); // the view keeps its memory
  assert.is(await view.item(), 1);
  view = undefined;
  await collectGarbage();
  assert.is(gpu.memory().buffersInUse, before);
});

test("evaluating and drawing between epochs leaves memory flat", async () => {
  const { model, optimizer } = small([4]);
  const update = updateOf({ model, optimizer }, "bce");
  const source = imageBatches(dataset, { batchSize: 8, seed: 1 });
  const many = randomImages({ count: 270, size: 4 }); // more than a batch of the evaluation
  const memories = [];
  for await (const epoch of train({ source, epochs: 6, update })) {
    for await (const _ of epoch);
    memories.push(gpu.memory());
    const { mse, psnr } = await evaluateReconstruction(model, many, "bce");
    assert.ok(Math.abs(psnr + 10 * Math.log10(mse)) < 1e-9);
    await reconstructImages(model, many, 5);
    await collectGarbage();
  }
  for (const memory of memories.slice(2)) assert.equal(memory, memories[1]);
});

test.run();
