/** Measures of likeness; the structural similarity against PyTorch's convolutions in float64. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openDevice } from "../engine/currentDevice.ts";
import { ShapeError } from "../engine/errors.ts";
import { Module } from "../engine/nn/module.ts";
import { mul } from "../engine/ops/arithmetic.ts";
import type { Tensor } from "../engine/tensor.ts";
import { peakSignalToNoise, structuralSimilarity } from "../models/imageQuality.ts";
import { evaluateReconstruction, reconstructImages } from "../models/reconstruction.ts";
import { hashedImages, similarity } from "./autoencoders-helpers.ts";
import { close, randomImages, refused } from "./engine-helpers.ts";

const gpu = await openDevice();
test.after(() => gpu.close());

const { planes, height, width, value } = similarity;
const layout = { count: planes, height, width };
const shape = [planes, height, width];
const images = hashedImages(shape, 3000);
const others = hashedImages(shape, 3001).map((noise, i) => 0.75 * images[i] + 0.25 * noise);

test("the structural similarity is PyTorch's", () => {
  assert.ok(value > 0.5 && value < 0.99, `${value} tells something`);
  close([structuralSimilarity(images, others, layout)], [value], "the similarity", 1e-7);
});

test("the structural similarity of equal images is 1, of flat ones that of their brightness", () => {
  close([structuralSimilarity(others, others, layout)], [1], "equal", 1e-12);
  const [dark, bright] = [0.25, 0.75].map((grey) => new Float32Array(121).fill(grey));
  const expected = (2 * 0.25 * 0.75 + 1e-4) / (0.25 ** 2 + 0.75 ** 2 + 1e-4);
  close([structuralSimilarity(dark, bright, { count: 1, height: 11, width: 11 })], [expected], "flat", 1e-9);
  const negative = images.map((pixel) => 1 - pixel);
  assert.ok(structuralSimilarity(images, negative, layout) < -0.5);
});

test("what has no structural similarity is refused", async () => {
  const low = { count: 1, height: 10, width: 20 };
  await refused(ShapeError, /images of 10 × 20 are smaller than its window of 11 × 11/, () =>
    structuralSimilarity(new Float32Array(200), new Float32Array(200), low),
  );
  await refused(ShapeError, /2 planes of 13 × 14 are 364 numbers, got 364 and 100/, () =>
    structuralSimilarity(images, new Float32Array(100), layout),
  );
});

test("the peak signal-to-noise ratio is in decibels", () => {
  close([peakSignalToNoise(1), peakSignalToNoise(0.01)], [0, 20], "decibels", 1e-12);
});

/** Draws images half as bright. */
class Half extends Module {
  forward(images: Tensor): Tensor {
    return mul(images, 0.5);
  }
}

test("the quality of reconstructions is the mean over all images, of more than one batch", async () => {
  const dataset = randomImages({ count: 253, size: 12 });
  const pixels = new Float32Array(253 * 144);
  for (let i = 0; i < 253; i++) await dataset.readImage(i, pixels.subarray(i * 144, (i + 1) * 144));
  const model = new Half();
  const { mse, psnr, ssim, loss } = await evaluateReconstruction(model, dataset);
  const expected = pixels.reduce((sum, pixel) => sum + (pixel / 2) ** 2, 0) / pixels.length;
  close([mse, loss, psnr], [expected, expected, -10 * Math.log10(expected)], "mse, loss and psnr", 1e-6);
  const half = pixels.map((pixel) => pixel / 2);
  const planes = { count: 253, height: 12, width: 12 };
  close([ssim!], [structuralSimilarity(pixels, half, planes)], "the similarity", 1e-9);
  const shown = await reconstructImages(model, dataset, 3);
  assert.is(shown.count, 3);
  assert.equal(shown.originals, pixels.slice(0, 3 * 144));
  assert.equal(shown.inputs, shown.originals);
  assert.equal(shown.reconstructions, half.slice(0, 3 * 144));
  assert.is((await reconstructImages(model, dataset, 1000)).count, 253);
  const tiny = await evaluateReconstruction(model, randomImages({ count: 3, size: 10 }));
  assert.not.ok("ssim" in tiny);
});

test.run();
