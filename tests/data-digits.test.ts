import { createHash } from "node:crypto";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { validateImages } from "../data/check.ts";
import type { ImageDataset } from "../data/dataset.ts";
import { readImages } from "../data/loader.ts";
import { syntheticDigits } from "../data/syntheticDigits.ts";
import { ArgumentError } from "../engine/errors.ts";
import { refusal } from "./data-helpers.ts";

const digits = syntheticDigits({ seed: 1, trainCount: 2000, testCount: 500 });

const allImages = (dataset: ImageDataset) => readImages(dataset, [...dataset.labels.keys()]);
const images = { train: await allImages(digits.train), test: await allImages(digits.test) };

const countLabels = (dataset: ImageDataset) =>
  dataset.labels.reduce(
    (counts, label) => counts.with(label, counts[label]! + 1),
    new Array<number>(10).fill(0),
  );

test("sizes, classes and values are those of MNIST", () => {
  for (const [dataset, pixels, count] of [
    [digits.train, images.train, 2000],
    [digits.test, images.test, 500],
  ] as const) {
    assert.equal([dataset.count, dataset.channels, dataset.height, dataset.width], [count, 1, 28, 28]);
    assert.is(dataset.classes.length, 10);
    validateImages(dataset);
    assert.ok(pixels.every((pixel) => Math.fround(Math.round(pixel * 255) / 255) === pixel));
  }
});

test("classes are balanced and shuffled", () => {
  assert.equal(countLabels(digits.train), new Array(10).fill(200));
  assert.equal(countLabels(digits.test), new Array(10).fill(50));
  assert.equal(
    countLabels(syntheticDigits({ seed: 1, trainCount: 13, testCount: 1 }).train).sort(),
    [1, 1, 1, 1, 1, 1, 1, 2, 2, 2],
  );
  const repeats = digits.train.labels.filter((label, index, labels) => label === labels[index + 1]).length;
  // Of 2,000 neighbours in random order a tenth are equal, with a deviation of 13.
  assert.ok(repeats > 140 && repeats < 260, `${repeats} equal neighbours`);
});

test("the seed fixes every pixel, on every platform", async () => {
  const again = syntheticDigits({ seed: 1, trainCount: 2000, testCount: 500 });
  assert.equal(await allImages(again.train), images.train);
  assert.equal(again.test.labels, digits.test.labels);
  const other = syntheticDigits({ seed: 2, trainCount: 2000, testCount: 500 });
  assert.not.equal(await allImages(other.train), images.train);
  assert.not.equal(images.test, images.train.subarray(0, images.test.length));
  // Written down: results of a training are compared across machines and versions.
  const bytes = Uint8Array.from(images.train, (pixel) => Math.round(pixel * 255));
  assert.is(
    createHash("sha256").update(bytes).digest("hex"),
    "99835240e179e96067e40abc7e405d3a9f9f36f4de66973b8256d807d0da7f0c",
  );
});

test("every image has ink, with its centre of mass in the middle", () => {
  for (let index = 0; index < digits.train.count; index++) {
    const image = images.train.subarray(index * 784, (index + 1) * 784);
    let [mass, massX, massY] = [0, 0, 0];
    for (const [pixel, value] of image.entries()) {
      mass += value;
      massX += value * (pixel % 28);
      massY += value * Math.floor(pixel / 28);
    }
    assert.ok(mass > 20 && mass < 250, `image ${index} has ${mass} of ink`);
    const away = Math.max(Math.abs(massX / mass - 13.5), Math.abs(massY / mass - 13.5));
    assert.ok(away < 2, `image ${index} is ${away} pixels off the middle`);
  }
});

test("the images show their labels: the nearest class mean finds most", () => {
  const means = Array.from({ length: 10 }, () => new Float64Array(784));
  for (const [place, pixel] of images.train.entries()) {
    means[digits.train.labels[Math.floor(place / 784)]!]![place % 784]! += pixel / 200;
  }
  let correct = 0;
  for (let index = 0; index < digits.test.count; index++) {
    const image = images.test.subarray(index * 784, (index + 1) * 784);
    const distances = means.map((mean) =>
      image.reduce((sum, pixel, place) => sum + (pixel - mean[place]!) ** 2, 0),
    );
    if (distances.indexOf(Math.min(...distances)) === digits.test.labels[index]) correct++;
  }
  // Not all either: a dataset that a mean solves would teach nothing.
  assert.ok(correct > 350 && correct < 490, `${correct} of 500`);
});

test("counts that are no counts are refused", async () => {
  for (const trainCount of [0, -5, 2.5]) {
    const error = await refusal(ArgumentError, () => syntheticDigits({ seed: 1, trainCount, testCount: 1 }));
    assert.match(error.message, new RegExp(`digits/train: ${trainCount} images`));
  }
});

test.run();
