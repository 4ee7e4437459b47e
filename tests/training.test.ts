import { test } from "uvu";
import * as assert from "uvu/assert";
import { memoryDataset } from "../data/dataset.ts";
import { epochOrder } from "../data/loader.ts";
import { syntheticDigits } from "../data/syntheticDigits.ts";
import { openDevice, withDevice } from "../engine/currentDevice.ts";
import { ArgumentError, ShapeError } from "../engine/errors.ts";
import { openDevice as openOther } from "../engine/gpu/device.ts";
import { Dropout, Linear, Sequential } from "../engine/nn/layers.ts";
import { Module } from "../engine/nn/module.ts";
import { summarize } from "../engine/nn/summary.ts";
import { mul } from "../engine/ops/arithmetic.ts";
import { mseLoss } from "../engine/ops/losses.ts";
import { mean, sum } from "../engine/ops/reduce.ts";
import { Adam } from "../engine/optim/adam.ts";
import type { Optimizer } from "../engine/optim/optimizer.ts";
import { SGD } from "../engine/optim/sgd.ts";
import { manualSeed } from "../engine/random.ts";
import { ones, type Tensor, tensor } from "../engine/tensor.ts";
import { type Autoencoder, ConvolutionalAutoencoder, DenseAutoencoder } from "../models/autoencoder.ts";
import { evaluateReconstruction } from "../models/reconstruction.ts";
import { findModel } from "../models/registry.ts";
import { chooseSettings } from "../models/settings.ts";
import { descent, type ImageBatch, imageBatches, train } from "../models/training.ts";
import { close, randomImages, refused } from "./engine-helpers.ts";

const gpu = await openDevice();
test.after(() => gpu.close());

const { train: digits } = syntheticDigits({ seed: 1, trainCount: 100, testCount: 1 });

interface Run {
  readonly seed: number;
  readonly epochs?: number;
  readonly build?: () => Autoencoder;
}

function lossUpdate(optimizer: Optimizer, model: Autoencoder) {
  return descent(optimizer, ({ images }: ImageBatch) => ({ loss: model.loss(images) }));
}

/** Trains on the digits in batches of 16, the last one of 4; the losses, and the weights as their bits. */
async function run({ seed, epochs = 2, build = () => new DenseAutoencoder({ widths: [16, 4] }) }: Run) {
  manualSeed(seed);
  const model = build();
  const optimizer = new Adam(model.parameters(), { learningRate: 5e-3 });
  const source = imageBatches(digits, { batchSize: 16, seed });
  const update = lossUpdate(optimizer, model);
  const losses: number[] = [];
  const sizes: number[] = [];
  for await (const epoch of train({ source, epochs, update })) {
    for await (const step of epoch) {
      losses.push(await step.losses.loss.item());
      sizes.push(step.samples);
    }
  }
  const weights = await Promise.all([...model.stateDict().values()].map((tensor) => tensor.data()));
  const bits = weights.map((data) => [...new Uint32Array(data.buffer)]);
  return { model, losses, sizes, bits };
}

test("the same seed gives the same bits; another seed, or another order, does not", async () => {
  const [first, second, other] = [await run({ seed: 7 }), await run({ seed: 7 }), await run({ seed: 8 })];
  assert.equal(second.bits, first.bits);
  assert.equal(second.losses, first.losses);
  for (const [i, bits] of other.bits.entries()) assert.not.equal(bits, first.bits[i]);
});

test("dropout and the initial weights follow the seed, on a second device as well", async () => {
  async function once(): Promise<Float32Array> {
    manualSeed(3);
    const model = new Sequential(new Linear(8, 12), new Dropout(0.5), new Linear(12, 4));
    const optimizer = new SGD(model.parameters(), { learningRate: 0.1, momentum: 0.9 });
    for (let step = 0; step < 10; step++) {
      const loss = mean(model.call(ones([4, 8])));
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
    }
    return model.stateDict().get("0.weight")!.data();
  }
  const here = await once();
  assert.equal(await once(), here);
  const other = await openOther();
  assert.equal(await withDevice(other, once), here);
  await other.close();
});

for (const name of ["autoencoder", "convolutional-autoencoder"]) {
  test(`${name}: every image takes part, and the loss falls`, async () => {
    const { open, settings } = findModel(name);
    const shape = { inputShape: [1, 28, 28], classes: digits.classes };
    const build = () => open(shape, chooseSettings(settings, [])).model as Autoencoder;
    const { model, losses, sizes } = await run({ seed: 1, epochs: 6, build });
    assert.equal(sizes.slice(0, 7), [16, 16, 16, 16, 16, 16, 4]);
    assert.is(losses.length, 42);
    assert.ok(losses.every((loss) => loss > 0 && loss < 1));
    const { mse, loss } = await evaluateReconstruction(model, digits);
    assert.ok(mse < 0.5 * losses[0], `from ${losses[0]} to ${mse}`);
    assert.ok(Math.abs(mse - loss) < 1e-7);
    assert.ok(model.training);
  });
}

/** Every pixel times a weight of its own. */
class Scale extends Module {
  readonly weight = tensor([0.5, -2], { requiresGrad: true });
  forward(images: Tensor): Tensor {
    return mul(images, this.weight);
  }
}

test("the weights do what the formula says: two steps of SGD on one image", async () => {
  const model = new Scale();
  const optimizer = new SGD(model.parameters(), { learningRate: 0.25 });
  const pixels = Float32Array.of(1, 0.5);
  const dataset = memoryDataset({ ...randomImages({ count: 1, size: 1 }), width: 2, pixels });
  const source = imageBatches(dataset, { batchSize: 4, seed: 1 });
  const update = descent(optimizer, ({ images }: ImageBatch) => ({
    loss: mseLoss(model.call(images), images, { reduction: "sum" }),
  }));
  for await (const epoch of train({ source, epochs: 2, update })) for await (const _ of epoch);
  // (w - 1)² x² by w is 2 (w - 1) x²: a step leaves 1 - x²/2 of the distance from 1.
  close(await model.weight.data(), [1 - 0.5 * 0.25, 1 - 3 * (1 - 0.125) ** 2], "the weight");
});

test("each epoch visits all images once, in the order of its seed and number", async () => {
  const dataset = randomImages({ count: 10, size: 1 });
  const model = new Scale();
  const optimizer = new SGD(model.parameters(), { learningRate: 0 });
  const seen: Promise<Float32Array>[] = [];
  const labels: Promise<Int32Array>[] = [];
  const steps: number[] = [];
  const update = descent(optimizer, (batch: ImageBatch, step) => {
    seen.push(batch.images.data());
    labels.push(batch.labels.data<Int32Array>());
    steps.push(step());
    return { loss: mean(model.call(batch.images)) };
  });
  const source = imageBatches(dataset, { batchSize: 4, seed: 5 });
  assert.equal([source.steps, source.samples], [3, 10]);
  const counts: number[][] = [];
  for await (const epoch of train({ source, epochs: 2, update, eager: true })) {
    assert.is(epoch.steps, 3);
    for await (const { index, samples } of epoch) counts.push([epoch.index, index, samples]);
  }
  assert.equal(steps, [0, 1, 2, 3, 4, 5], "counted over the whole training");
  assert.equal(counts, [
    [0, 0, 4],
    [0, 1, 4],
    [0, 2, 2],
    [1, 0, 4],
    [1, 1, 4],
    [1, 2, 2],
  ]);
  const order = [0, 1].flatMap((epoch) => [...epochOrder(10, 5, epoch)]);
  assert.equal(
    (await Promise.all(seen)).flatMap((images) => [...images]),
    order.map((i) => dataset.images[i]),
  );
  assert.equal(
    (await Promise.all(labels)).flatMap((list) => [...list]),
    order.map((i) => dataset.labels[i]),
  );
});

test("leaving either loop stops the training after the step", async () => {
  const model = new DenseAutoencoder({ widths: [4] });
  const optimizer = new Adam(model.parameters());
  let losses = 0;
  const update = descent(optimizer, ({ images }: ImageBatch) => {
    losses++;
    return { loss: model.loss(images) };
  });
  const source = imageBatches(digits, { batchSize: 16, seed: 1 });
  for await (const epoch of train({ source, epochs: 3, update, eager: true })) {
    for await (const { index } of epoch) if (index === 2) break;
    if (epoch.index === 1) break;
  }
  assert.is(losses, 6);
  const weights = await model.stateDict().get("encoder.1.weight")!.data();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.is(losses, 6);
  assert.equal(await model.stateDict().get("encoder.1.weight")!.data(), weights);
});

test("a training that goes on from a number of steps does the rest of them, and no other", async () => {
  const dataset = randomImages({ count: 10, size: 1 });
  /** A line a step of what the loop tells, then a line a step of what the update was given. */
  async function from(stepsDone: number, epochs = 3): Promise<string[]> {
    const told: string[] = [];
    const seen: Promise<string>[] = [];
    const model = new Scale();
    const update = descent(
      new SGD(model.parameters(), { learningRate: 0 }),
      ({ images, labels }: ImageBatch, step) => {
        const number = step();
        seen.push(labels.data<Int32Array>().then((list) => `${number}: ${list.join(" ")}`));
        return { loss: mean(model.call(images)) };
      },
    );
    const source = imageBatches(dataset, { batchSize: 4, seed: 5 });
    for await (const epoch of train({ source, epochs, stepsDone, update, eager: true }))
      for await (const { index, samples } of epoch) told.push(`${epoch.index}.${index}: ${samples}`);
    return [...told, ...(await Promise.all(seen))];
  }
  const whole = await from(0);
  assert.is(whole.length, 18);
  for (const stepsDone of [1, 2, 3, 5, 8]) {
    const expected = [...whole.slice(stepsDone, 9), ...whole.slice(9 + stepsDone)];
    assert.equal(await from(stepsDone), expected, `from step ${stepsDone}`);
  }
  assert.equal(await from(9), [], "nothing is left to do");
  assert.equal(await from(0, 0), []);
});

test("descent: the schedule's learning rate at every step, and gradients no longer than clipNorm", async () => {
  const model = new Scale();
  const optimizer = new SGD(model.parameters(), { learningRate: 1 });
  const rates: number[] = [];
  const schedule = (step: number) => 2 ** -step;
  const update = descent(
    optimizer,
    ({ images }: ImageBatch) => {
      rates.push(optimizer.learningRate);
      return { loss: sum(model.call(images)) };
    },
    { schedule, clipNorm: 5 },
  );
  const before = await model.weight.data();
  const [small, large] = [tensor([[3, 4]]), tensor([[30, 40]])].map((images) => ({
    ...{ count: 1, labels: tensor([0], { dtype: "int32" }) },
    images,
  }));
  update(small!, () => 0); // a gradient of length 5 stays as it is
  close(await model.weight.data(), [before[0] - 3, before[1] - 4], "after a step of rate 1");
  update(large!, () => 1); // a gradient of length 50 becomes one of length 5
  close(await model.weight.data(), [before[0] - 3 - 1.5, before[1] - 4 - 2], "after a step of rate 1/2");
  assert.equal(rates, [1, 0.5]);
});

test("what cannot be trained is refused", async () => {
  const model = new DenseAutoencoder({ widths: [4] });
  const optimizer = new Adam(model.parameters());
  const update = lossUpdate(optimizer, model);
  const source = imageBatches(digits, { batchSize: 4, seed: 1 });
  await refused(ArgumentError, /batchSize 0/, () => imageBatches(digits, { batchSize: 0, seed: 1 }));
  for (const bad of [-1, 1.5, Number.NaN]) {
    await refused(ArgumentError, /train: epochs must be a whole number, 0 or more, got /, () =>
      train({ source, epochs: bad, update }).next(),
    );
    await refused(ArgumentError, /train: stepsDone must be a whole number, 0 or more, got /, () =>
      train({ source, epochs: 1, stepsDone: bad, update }).next(),
    );
  }
  const coloured = randomImages({ count: 3, size: 4 });
  await refused(ShapeError, /^encoder\.1: linear: .* 784 features .* got \[3, 16\]/, async () => {
    const unfit = imageBatches(coloured, { batchSize: 4, seed: 1 });
    for await (const epoch of train({ source: unfit, epochs: 1, update })) for await (const _ of epoch);
  });
  await refused(ArgumentError, /images of 30 × 28 cannot be halved twice\n {2}help: pad/, () => {
    return new ConvolutionalAutoencoder({ imageShape: [1, 30, 28] });
  });
  await refused(ArgumentError, /widths must be whole numbers ≥ 1, got \[3.5\]/, () => {
    return new DenseAutoencoder({ widths: [3.5] });
  });
  await refused(ArgumentError, /no model "autoencodr"\n {2}help: choose one of: autoencoder, conv/, () =>
    findModel("autoencodr"),
  );
});

test("the summary counts parameters and FLOPs, and allocates nothing", () => {
  const before = { ...gpu.memory(), ...gpu.counters() };
  const callOn = (count: number) => (model: Autoencoder) => model.call(ones([count, 1, 28, 28]));
  const dense = summarize(() => new DenseAutoencoder(), callOn(1));
  const convolutional = summarize(() => new ConvolutionalAutoencoder(), callOn(2));
  assert.equal({ ...gpu.memory(), ...gpu.counters() }, before);
  assert.is(dense.parameters, 476_720);
  assert.is(convolutional.parameters, 111_521);
  const linear = dense.rows.filter(({ parameters }) => parameters > 0);
  assert.equal(
    linear.map(({ path, layer, outputShape, parameters, flops }) => [
      path,
      layer,
      outputShape,
      parameters,
      flops,
    ]),
    [
      ["encoder.1", "Linear(784, 256)", [256], 200_960, 2 * 784 * 256],
      ["encoder.3", "Linear(256, 128)", [128], 32_896, 2 * 256 * 128],
      ["encoder.5", "Linear(128, 32)", [32], 4128, 2 * 128 * 32],
      ["decoder.0", "Linear(32, 128)", [128], 4224, 2 * 32 * 128],
      ["decoder.2", "Linear(128, 256)", [256], 33_024, 2 * 128 * 256],
      ["decoder.4", "Linear(256, 784)", [784], 201_488, 2 * 256 * 784],
    ],
  );
  const [first, , second] = convolutional.rows;
  assert.equal(first, {
    path: "encoder.0",
    layer: "Conv2d(1, 16, 3, stride 2, padding 1)",
    outputShape: [16, 14, 14],
    parameters: 160,
    flops: 2 * 2 * 16 * 14 * 14 * 9, // for two images
  });
  assert.is(second.flops, 2 * 2 * 32 * 7 * 7 * 9 * 16);
  for (const { rows, flops } of [dense, convolutional])
    assert.is(
      rows.reduce((sum, row) => sum + row.flops, 0),
      flops,
    );
});

test.run();
