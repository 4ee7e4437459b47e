/** Noise on images, and denoising autoencoders against PyTorch (see `fixtures/pytorch/autoencoders.py`). */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openDevice } from "../engine/currentDevice.ts";
import { ArgumentError } from "../engine/errors.ts";
import { generatorState, manualSeed } from "../engine/random.ts";
import { tensor } from "../engine/tensor.ts";
import { DenseAutoencoder } from "../models/autoencoder.ts";
import {
  denoisingLoss,
  gaussianNoise,
  maskingNoise,
  type Noise,
  saltAndPepperNoise,
} from "../models/noise.ts";
import { evaluateReconstruction, reconstructImages } from "../models/reconstruction.ts";
import { byAdam, followPyTorch, hashedImages, noiseAt, small } from "./autoencoders-helpers.ts";
import { close, randomImages, refused } from "./engine-helpers.ts";

const gpu = await openDevice();
test.after(() => gpu.close());

const shape = [20, 1, 32, 32];
const pixels = hashedImages(shape, 1);
const count = pixels.length;
const images = tensor(pixels, { shape });

async function corrupt(noise: Noise): Promise<Float32Array> {
  return noise(images).data();
}

test("gaussian noise has its standard deviation and no mean, and leaves [0, 1]", async () => {
  manualSeed(1);
  const noisy = await corrupt(gaussianNoise(0.5));
  const added = noisy.map((value, i) => value - pixels[i]);
  const mean = added.reduce((sum, value) => sum + value, 0) / count;
  const variance = added.reduce((sum, value) => sum + value ** 2, 0) / count;
  assert.ok(Math.abs(mean) < 4 * (0.5 / Math.sqrt(count)), `mean ${mean}`);
  assert.ok(Math.abs(variance - 0.25) < 4 * 0.25 * Math.sqrt(2 / count), `variance ${variance}`);
  assert.ok(noisy.some((value) => value < -0.1) && noisy.some((value) => value > 1.1));
});

test("masking noise makes a share of the pixels black and leaves the others alone", async () => {
  manualSeed(2);
  const masked = await corrupt(maskingNoise(0.3));
  const black = masked.filter((value) => value === 0).length;
  assert.ok(Math.abs(black / count - 0.3) < 0.015, `${black} of ${count}`);
  assert.ok(masked.every((value, i) => value === 0 || value === pixels[i]));
});

test("salt and pepper are as likely as each other, and leave the other pixels alone", async () => {
  manualSeed(3);
  const peppered = await corrupt(saltAndPepperNoise(0.4));
  const changed = peppered.map((value, i) => (value === pixels[i] ? Number.NaN : value));
  const black = changed.filter((value) => value === 0).length;
  const white = changed.filter((value) => Math.abs(value - 1) < 1e-6).length;
  for (const share of [black / count, white / count]) assert.ok(Math.abs(share - 0.2) < 0.015, `${share}`);
  assert.is(black + white, changed.filter((value) => !Number.isNaN(value)).length);
});

test("noise is drawn anew each time, and follows the seed", async () => {
  for (const noise of [gaussianNoise(0.1), maskingNoise(0.5), saltAndPepperNoise(0.5)]) {
    manualSeed(4);
    const [first, second] = [await corrupt(noise), await corrupt(noise)];
    assert.not.equal(second, first);
    manualSeed(4);
    assert.equal(await corrupt(noise), first);
  }
});

test("no noise at all changes nothing", async () => {
  for (const noise of [gaussianNoise(0), maskingNoise(0), saltAndPepperNoise(0)])
    assert.equal(await corrupt(noise), pixels);
});

test("noise that is none is refused", async () => {
  await refused(ArgumentError, /gaussianNoise: std must be a finite number ≥ 0, got -1/, () =>
    gaussianNoise(-1),
  );
  await refused(ArgumentError, /maskingNoise: probability must be from 0 to 1, got 1.5/, () =>
    maskingNoise(1.5),
  );
  await refused(ArgumentError, /saltAndPepperNoise: .* got NaN/, () => saltAndPepperNoise(Number.NaN));
});

test("a denoising autoencoder takes PyTorch's steps", async () => {
  const model = new DenseAutoencoder(small);
  await followPyTorch(
    "denoising",
    model,
    byAdam(model, (images, step) => ({ loss: denoisingLoss(model, images, noiseAt(step)) })),
  );
});

test("denoising is measured against the clean images, the same way every time", async () => {
  const dataset = randomImages({ count: 8, size: 8 });
  const model = new DenseAutoencoder(small);
  const measure = (noise?: Noise) => evaluateReconstruction(model, dataset, "mse", noise);
  manualSeed(5);
  const before = generatorState();
  const { mse } = await measure(gaussianNoise(0.5));
  assert.equal(generatorState(), before);
  manualSeed(6);
  assert.is((await measure(gaussianNoise(0.5))).mse, mse);
  assert.not.equal((await measure()).mse, mse);
  const { originals, inputs, reconstructions } = await reconstructImages(
    model,
    dataset,
    8,
    gaussianNoise(0.5),
  );
  assert.not.equal(inputs, originals);
  const squares = originals.reduce((sum, pixel, i) => sum + (pixel - reconstructions[i]) ** 2, 0);
  close([mse], [squares / originals.length], "the error", 1e-6);
});

test.run();
