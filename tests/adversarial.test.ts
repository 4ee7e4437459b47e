/** Adversarial autoencoders against PyTorch (see `fixtures/pytorch/autoencoders.py`), their priors and their memory. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openDevice } from "../engine/currentDevice.ts";
import { ReleasedTensorError } from "../engine/errors.ts";
import { copyInto } from "../engine/ops/elementwise.ts";
import { Adam } from "../engine/optim/adam.ts";
import { SGD } from "../engine/optim/sgd.ts";
import { manualSeed } from "../engine/random.ts";
import { type Tensor, tensor } from "../engine/tensor.ts";
import {
  AdversarialAutoencoder,
  adversarialUpdate,
  circlePrior,
  codeStatistics,
  gaussianPrior,
} from "../models/adversarial.ts";
import { adversarialAtWork } from "../models/kinds/adversarial.ts";
import { followPyTorch, hashedImages, learningRate, noiseOf, small } from "./autoencoders-helpers.ts";
import { close, collectGarbage, randomImages, refused } from "./engine-helpers.ts";

const gpu = await openDevice();
test.after(() => gpu.close());

const shape = [4, ...small.imageShape];
const images = tensor(hashedImages(shape, 1), { shape });

/** Plain gradient descent, so that a rate of 0 leaves a set of parameters alone. */
function descending(model: AdversarialAutoencoder, rates: readonly [number, number, number]) {
  const [reconstruction, discriminator, generator] = rates.map((learningRate) => ({ learningRate }));
  const { encoder, decoder } = model;
  return adversarialUpdate(model, {
    reconstruction: new SGD([...encoder.parameters(), ...decoder.parameters()], reconstruction),
    discriminator: new SGD(model.discriminator.parameters(), discriminator),
    generator: new SGD(encoder.parameters(), generator),
  });
}

test("an adversarial autoencoder takes PyTorch's steps", async () => {
  let step = 0;
  const prior = (count: number) => noiseOf(step, [count, small.codeSize]);
  const model = new AdversarialAutoencoder({ ...small, discriminatorWidths: [16], prior });
  await followPyTorch("adversarial", model, () => {
    const update = adversarialUpdate(model, {
      reconstruction: new Adam([...model.encoder.parameters(), ...model.decoder.parameters()], {
        learningRate,
      }),
      discriminator: new Adam(model.discriminator.parameters(), { learningRate }),
      generator: new Adam(model.encoder.parameters(), { learningRate }),
    });
    return (batch, index) => {
      step = index;
      return update(batch);
    };
  });
});

test("each update moves its own parameters alone", async () => {
  const parts = ["encoder", "decoder", "discriminator"] as const;
  const expected = [
    [true, true, false],
    [false, false, true],
    [true, false, false],
  ];
  for (const [index, moves] of expected.entries()) {
    const model = new AdversarialAutoencoder(small);
    const weights = () => Promise.all(parts.map(async (part) => [...model[part].parameters()][0].data()));
    const rates = [0, 0, 0].map((_, i) => (i === index ? 1 : 0)) as [number, number, number];
    const before = await weights();
    descending(model, rates)(images);
    const after = await weights();
    assert.equal(
      after.map((weight, part) => weight.some((value, i) => value !== before[part][i])),
      moves,
    );
  }
});

test("the losses of a step can be read until the next one has ended, and memory stays flat", async () => {
  const update = descending(new AdversarialAutoencoder(small), [0.1, 0.1, 0.1]);
  const memories = [];
  update(images); // what was made before the first step's end is left to the collector
  let last = update(images);
  for (let step = 0; step < 8; step++) {
    const next = update(images);
    await refused(ReleasedTensorError, /the training step after the one that made it has ended/, () =>
      last.loss.item(),
    );
    for (const loss of Object.values(next)) assert.ok((await loss.item()) > 0);
    last = next;
    await collectGarbage();
    memories.push(gpu.memory());
  }
  for (const memory of memories.slice(3)) assert.equal(memory, memories[2]);
});

test("the gaussian prior is N(0, 1)", async () => {
  manualSeed(1);
  const codes = await gaussianPrior(2)(5000).data();
  assert.is(codes.length, 10_000);
  const mean = codes.reduce((sum, code) => sum + code, 0) / codes.length;
  const variance = codes.reduce((sum, code) => sum + code ** 2, 0) / codes.length;
  assert.ok(Math.abs(mean) < 0.04 && Math.abs(variance - 1) < 0.06, `mean ${mean}, variance ${variance}`);
});

test("the circle's modes are equally likely, and codes lie around them", async () => {
  manualSeed(2);
  const count = 5000;
  const codes = await circlePrior(10)(count).data();
  const hits = new Array(10).fill(0);
  let squares = 0;
  for (let i = 0; i < count; i++) {
    const [x, y] = codes.slice(2 * i, 2 * i + 2);
    const mode = (Math.round((Math.atan2(y, x) / (2 * Math.PI)) * 10) + 10) % 10;
    hits[mode]++;
    const angle = (2 * Math.PI * mode) / 10;
    squares += (x - 4 * Math.cos(angle)) ** 2 + (y - 4 * Math.sin(angle)) ** 2;
  }
  for (const hit of hits) assert.ok(Math.abs(hit / count - 0.1) < 0.02, `${hits}`);
  // Codes from beyond the middle between two modes count for the nearer one, which lowers the variance a little.
  const variance = squares / (2 * count);
  assert.ok(variance > 0.22 && variance < 0.26, `${variance}`);
});

test("the statistics of codes are those of all images", async () => {
  const dataset = randomImages({ count: 253, size: 8 });
  const model = new AdversarialAutoencoder(small);
  const pixels = new Float32Array(253 * 64);
  for (let i = 0; i < 253; i++) await dataset.readImage(i, pixels.subarray(64 * i, 64 * (i + 1)));
  const codes = await model.encode(tensor(pixels, { shape: [253, 1, 8, 8] })).data();
  const dimensions = [0, 1, 2, 3].map((dimension) => codes.filter((_, i) => i % 4 === dimension));
  const means = dimensions.map((values) => values.reduce((sum, value) => sum + value, 0) / 253);
  const stds = dimensions.map((values, i) =>
    Math.sqrt(values.reduce((sum, value) => sum + (value - means[i]) ** 2, 0) / 253),
  );
  const { mean, std } = await codeStatistics(model, dataset);
  close(mean, means, "the means");
  close(std, stds, "the standard deviations");
});

test("codes that are all the same are told as that, and those that are no numbers as well", async () => {
  const test = randomImages({ count: 100, size: 8 });
  const model = new AdversarialAutoencoder(small);
  const shape = { inputShape: small.imageShape, classes: ["0"] };
  const { evaluate } = adversarialAtWork({ model, shape, deslants: false });
  const [weight, bias] = [...model.encoder.parameters()].slice(-2);
  const fill = (parameter: Tensor, values: number[]) =>
    copyInto(parameter, tensor(Float32Array.from(values), { shape: parameter.shape }));
  fill(weight, new Array(weight.size).fill(0));
  fill(bias, [0.0865, 0.1211, 1 / 3, 100]);
  const collapsed = (await evaluate({ train: test, test })).metrics;
  assert.equal([collapsed.codeMean, collapsed.codeStd], [100, 0]);
  fill(bias, [0, 0, Number.NaN, 0]);
  const diverged = (await evaluate({ train: test, test })).metrics;
  assert.equal([diverged.codeMean, diverged.codeStd], [Number.NaN, Number.NaN]);
});

test.run();
