/** Variational autoencoders against PyTorch (see `fixtures/pytorch/autoencoders.py`), and against what can be computed. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openDevice } from "../engine/currentDevice.ts";
import { ArgumentError } from "../engine/errors.ts";
import { inferenceMode } from "../engine/gradMode.ts";
import { copyInto } from "../engine/ops/elementwise.ts";
import { generatorState, manualSeed } from "../engine/random.ts";
import { full, type Tensor, tensor, zeros } from "../engine/tensor.ts";
import {
  ConvolutionalVariationalAutoencoder,
  DenseVariationalAutoencoder,
  evaluateElbo,
  importanceWeightedBound,
  klWarmUp,
  reparameterise,
  type VariationalAutoencoder,
} from "../models/variational.ts";
import {
  byAdam,
  followPyTorch,
  hashedImages,
  noiseOf,
  small,
  smallChannels,
} from "./autoencoders-helpers.ts";
import { close, randomImages, refused } from "./engine-helpers.ts";

const gpu = await openDevice();
test.after(() => gpu.close());

const dataset = randomImages({ count: 60, size: 8 });

/** The losses with the codes that PyTorch drew. */
function withGivenNoise(model: VariationalAutoencoder, beta: (step: number) => number) {
  return byAdam(model, (images, step) => {
    const { loss, reconstruction, kl } = model.loss(images, beta(step), noiseOf(step, [4, small.codeSize]));
    return { loss, reconstruction, kl };
  });
}

test("a variational autoencoder takes PyTorch's steps, with β warming up", async () => {
  const model = new DenseVariationalAutoencoder(small);
  await followPyTorch("variational", model, withGivenNoise(model, klWarmUp(4)));
});

test("with a gaussian likelihood it takes PyTorch's steps, with β = 4", async () => {
  const model = new DenseVariationalAutoencoder({ ...small, likelihood: { gaussian: 0.5 } });
  await followPyTorch(
    "gaussian",
    model,
    withGivenNoise(model, () => 4),
  );
});

test("a convolutional one takes PyTorch's steps", async () => {
  const options = { ...small, channels: smallChannels, up: "transposed" } as const;
  const model = new ConvolutionalVariationalAutoencoder(options);
  await followPyTorch(
    "convolutionalVariational",
    model,
    withGivenNoise(model, () => 1),
  );
});

test("β warms up in a straight line", () => {
  assert.equal([0, 1, 2, 4, 5, 100].map(klWarmUp(4, 2)), [0, 0.5, 1, 2, 2, 2]);
  assert.equal([0, 1].map(klWarmUp(0)), [1, 1]);
});

test("codes are drawn from the posterior, other ones each time", async () => {
  const posterior = { mean: full([5000, 2], 3), logVariance: full([5000, 2], Math.log(0.25)) };
  manualSeed(1);
  const [codes, others] = [await reparameterise(posterior).data(), await reparameterise(posterior).data()];
  assert.not.equal(others, codes);
  const mean = codes.reduce((sum, code) => sum + code, 0) / codes.length;
  const variance = codes.reduce((sum, code) => sum + (code - 3) ** 2, 0) / codes.length;
  assert.ok(Math.abs(mean - 3) < 0.02, `mean ${mean}`);
  assert.ok(Math.abs(variance - 0.25) < 0.015, `variance ${variance}`);
});

test("samples have the images' shape and follow the seed", async () => {
  const model = new DenseVariationalAutoencoder(small);
  async function draw(): Promise<Float32Array> {
    manualSeed(2);
    const samples = inferenceMode(() => model.sample(3));
    assert.equal(samples.shape, [3, 1, 8, 8]);
    return samples.data();
  }
  const first = await draw();
  assert.equal(await draw(), first);
  assert.ok(first.every((pixel) => pixel > 0 && pixel < 1));
  assert.not.equal(first.slice(0, 64), first.slice(64, 128));
});

test("an interpolation begins and ends with the reconstructions, and goes straight between their codes", async () => {
  const model = new DenseVariationalAutoencoder(small);
  const [from, to] = [1, 2].map((salt) => tensor(hashedImages([2, 1, 8, 8], salt), { shape: [2, 1, 8, 8] }));
  const way = inferenceMode(() => model.interpolate(from, to, 3));
  assert.equal(way.shape, [6, 1, 8, 8]);
  const images = await way.data();
  const image = (index: number) => images.slice(64 * index, 64 * (index + 1));
  const [starts, ends] = [await model.call(from).data(), await model.call(to).data()];
  for (const pair of [0, 1]) {
    close(image(3 * pair), starts.slice(64 * pair, 64 * (pair + 1)), "the start", 1e-6);
    close(image(3 * pair + 2), ends.slice(64 * pair, 64 * (pair + 1)), "the end", 1e-6);
  }
  const [first, last] = [await model.encode(from).mean.data(), await model.encode(to).mean.data()];
  const middle = tensor(first.map((code, i) => (code + last[i]) / 2).slice(0, 4), { shape: [1, 4] });
  close(image(1), await model.decode(middle).data(), "the middle", 1e-6);
  await refused(ArgumentError, /interpolate: steps must be a whole number, 2 or more, got 1/, () =>
    model.interpolate(from, to, 1),
  );
});

test("the map of a code shows the decoder at the quantiles of the normal distribution", async () => {
  const model = new DenseVariationalAutoencoder({ ...small, codeSize: 2 });
  const map = inferenceMode(() => model.latentMap(40));
  assert.equal(map.shape, [1600, 1, 8, 8]);
  const images = await map.data();
  // The quantiles of 1/80, 19/80 and 79/80, from a table.
  const [low, some, high] = [-2.2414027276, -0.7143674, 2.2414027276];
  const codes = tensor([
    [low, low],
    [some, low],
    [high, some],
  ]);
  const expected = await model.decode(codes).data();
  for (const [i, place] of [0, 9, 9 * 40 + 39].entries())
    close(images.slice(64 * place, 64 * (place + 1)), expected.slice(64 * i, 64 * (i + 1)), `place ${place}`);
  await refused(ArgumentError, /latentMap: only a code of two dimensions .* this one has 4/, () =>
    new DenseVariationalAutoencoder(small).latentMap(3),
  );
});

test("a likelihood that is none is refused", async () => {
  for (const gaussian of [0, -1, Number.NaN]) {
    const options = { ...small, likelihood: { gaussian } };
    await refused(ArgumentError, /standard deviation of a gaussian likelihood .* got/, () => {
      return new DenseVariationalAutoencoder(options);
    });
    await refused(ArgumentError, /standard deviation of a gaussian likelihood .* got/, () => {
      return new ConvolutionalVariationalAutoencoder(options);
    });
  }
});

/** Codes of every image are N(mean, exp(logVariance)), and every image is drawn with these logits. */
function indifferent(mean: number, logVariance: number, logits: Float32Array): DenseVariationalAutoencoder {
  const model = new DenseVariationalAutoencoder({ ...small, codeSize: 2 });
  const set = (layer: { weight: Tensor; bias?: Tensor }, bias: Tensor) => {
    copyInto(layer.weight, zeros(layer.weight.shape));
    copyInto(layer.bias!, bias);
  };
  set(model.fc21, full([2], mean));
  set(model.fc22, full([2], logVariance));
  set(model.fc4, tensor(logits));
  return model;
}

test("where the code says nothing, the bound on many codes is the images' likelihood itself", async () => {
  const logits = hashedImages([64], 7);
  const pixels = new Float32Array(64);
  let exact = 0;
  for (let image = 0; image < dataset.count; image++) {
    await dataset.readImage(image, pixels);
    exact += pixels.reduce((sum, pixel, i) => sum + Math.log1p(Math.exp(logits[i])) - pixel * logits[i], 0);
  }
  exact /= dataset.count;
  const model = indifferent(0.5, -0.5, logits);
  const kl = 2 * 0.5 * (0.5 ** 2 + Math.exp(-0.5) + 0.5 - 1);
  const report = await evaluateElbo(model, dataset);
  close([report.reconstruction, report.kl], [exact, kl], "reconstruction and kl", 1e-4);
  close([report.negativeElbo], [exact + kl], "the negative bound", 1e-4);
  const one = await importanceWeightedBound(model, dataset, 1);
  assert.ok(
    Math.abs(one - (exact + kl)) < 0.4,
    `${one}: with one code, it is the bound of the loss, up to chance`,
  );
  const many = await importanceWeightedBound(model, dataset, 500);
  assert.ok(Math.abs(many - exact) < 0.02, `${many} instead of ${exact}`);
  const same = await importanceWeightedBound(indifferent(0, 0, logits), dataset, 3);
  close([same], [exact], "codes from N(0, 1)", 1e-4);
});

test("measuring follows its seed alone, and leaves the model and the generator as they were", async () => {
  const model = new DenseVariationalAutoencoder({ ...small, likelihood: { gaussian: 0.3 } });
  manualSeed(3);
  const before = generatorState();
  const measure = async (seed?: number) => [
    (await evaluateElbo(model, dataset, seed)).negativeElbo,
    await importanceWeightedBound(model, dataset, 30, seed),
  ];
  const first = await measure();
  assert.equal(generatorState(), before);
  assert.ok(model.training);
  manualSeed(4);
  assert.equal(await measure(), first);
  const other = await measure(1);
  assert.ok(other[0] !== first[0] && other[1] !== first[1]);
  assert.ok(first[1] < first[0], `${first[1]} is a tighter bound than ${first[0]}`);
  await refused(ArgumentError, /samples must be a whole number, 1 or more, got 0/, () =>
    importanceWeightedBound(model, dataset, 0),
  );
});

test.run();
