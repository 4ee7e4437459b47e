import { test } from "uvu";
import * as assert from "uvu/assert";
import { validateImages } from "../data/check.ts";
import { type ImageDataset, selectImages, sliceDataset } from "../data/dataset.ts";
import { batches, countBatches, epochOrder } from "../data/loader.ts";
import { ArgumentError, DataError } from "../engine/errors.ts";
import { refusal } from "./data-helpers.ts";

/** Image i has the pixels i/100, … and the label i modulo 4. */
function numbered(count: number): ImageDataset {
  return {
    name: "numbered",
    images: Float32Array.from({ length: count * 12 }, (_, place) => Math.floor(place / 12) / 100),
    labels: Uint8Array.from({ length: count }, (_, index) => index % 4),
    count,
    channels: 2,
    height: 2,
    width: 3,
    classes: ["a", "b", "c", "d"],
  };
}

const indicesOf = (images: Float32Array) =>
  Array.from(
    images.filter((_, place) => place % 12 === 0),
    (pixel) => Math.round(pixel * 100),
  );

test("batches in the dataset's order, the last one smaller or left out", () => {
  const all = [...batches(numbered(10), { batchSize: 4, shuffle: false, epoch: 0, dropLast: false })];
  assert.equal(
    all.map(({ index, count, images }) => [index, count, indicesOf(images)]),
    [
      [0, 4, [0, 1, 2, 3]],
      [1, 4, [4, 5, 6, 7]],
      [2, 2, [8, 9]],
    ],
  );
  assert.instance(all[0]!.labels, Int32Array);
  assert.equal(Array.from(all[2]!.labels), [0, 1]);
  const full = [...batches(numbered(10), { batchSize: 4, shuffle: false, epoch: 0, dropLast: true })];
  assert.equal(
    full.map(({ count }) => count),
    [4, 4],
  );
});

test("a batch has memory of its own", () => {
  const dataset = numbered(4);
  const [batch] = batches(dataset, { batchSize: 4, shuffle: false, epoch: 0, dropLast: false });
  batch!.images.fill(1);
  assert.is(dataset.images[0], 0);
});

test("a shuffled epoch has every image once, with its label", () => {
  const seen: number[] = [];
  for (const batch of batches(numbered(50), { batchSize: 8, shuffle: 1, epoch: 0, dropLast: false })) {
    const indices = indicesOf(batch.images);
    assert.equal(
      Array.from(batch.labels),
      indices.map((index) => index % 4),
    );
    seen.push(...indices);
  }
  assert.not.equal(
    seen,
    [...seen].sort((one, other) => one - other),
  );
  assert.equal(
    [...seen].sort((one, other) => one - other),
    Array.from({ length: 50 }, (_, index) => index),
  );
});

test("the order is a function of seed and epoch alone", () => {
  const order = epochOrder(1000, 7, 3);
  epochOrder(1000, 7, 4);
  assert.equal(epochOrder(1000, 7, 3), order);
  assert.not.equal(epochOrder(1000, 7, 4), order);
  assert.not.equal(epochOrder(1000, 8, 3), order);
  // Written down, because a checkpoint from another machine or version must go on with the same order.
  assert.equal(Array.from(epochOrder(10, 7, 3)), [3, 7, 4, 2, 6, 9, 8, 0, 1, 5]);
});

test("every place is equally likely", () => {
  // 4,000 shuffles of 5: each of the 25 counts is expected at 800, with a deviation of 25.
  const counts = new Array<number>(25).fill(0);
  for (let epoch = 0; epoch < 4000; epoch++) {
    for (const [place, index] of epochOrder(5, "even", epoch).entries()) counts[5 * place + index]!++;
  }
  assert.ok(Math.min(...counts) > 680 && Math.max(...counts) < 920, `counts ${counts}`);
});

test("batch sizes that make no batch are refused", async () => {
  for (const batchSize of [0, -1, 1.5, Number.NaN]) {
    const error = await refusal(ArgumentError, () => countBatches(10, batchSize, false));
    assert.match(error.message, new RegExp(`batchSize ${batchSize}`));
  }
  const error = await refusal(ArgumentError, () => countBatches(10, 11, true));
  assert.match(error.message, /10 images make no batch of 11\n {2}help: use a batchSize of at most 10/);
  assert.is(countBatches(10, 11, false), 1);
});

test("slices are views, selections copies", async () => {
  const dataset = numbered(10);
  const slice = sliceDataset(dataset, 2, 5);
  assert.equal([slice.count, indicesOf(slice.images), Array.from(slice.labels)], [3, [2, 3, 4], [2, 3, 0]]);
  assert.is(slice.images.buffer, dataset.images.buffer);
  const chosen = selectImages(dataset, [9, 0, 9]);
  assert.equal(
    [chosen.count, indicesOf(chosen.images), Array.from(chosen.labels)],
    [3, [9, 0, 9], [1, 0, 1]],
  );
  assert.is.not(chosen.images.buffer, dataset.images.buffer);

  for (const [start, end] of [
    [-1, 2],
    [3, 2],
    [0, 11],
    [0.5, 2],
  ] as const) {
    const error = await refusal(ArgumentError, () => sliceDataset(dataset, start, end));
    assert.match(error.message, /numbered, which has 10/);
  }
  for (const index of [-1, 10, 1.5]) {
    const error = await refusal(ArgumentError, () => selectImages(dataset, [0, index]));
    assert.match(error.message, new RegExp(`index ${index} at position 1`));
  }
});

test("a bad pixel is named by image, row, column and channel", async () => {
  validateImages(numbered(10));
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, -0.001, 1.5, 255]) {
    const dataset = numbered(10);
    dataset.images[7 * 12 + 6 + 3 + 2] = value;
    dataset.images[8 * 12] = Number.NaN;
    const error = await refusal(DataError, () => validateImages(dataset));
    assert.match(
      error.message,
      /image 7 has the value (NaN|Infinity|-0\.00\d*|1\.5|255) at row 1, column 2, channel 1;/,
    );
  }
});

test("a bad label, and arrays that do not fit the sizes", async () => {
  const dataset = numbered(10);
  dataset.labels[6] = 4;
  const label = await refusal(DataError, () => validateImages(dataset));
  assert.match(label.message, /image 6 has the label 4; expected 0 to 3/);
  const short = await refusal(DataError, () => validateImages({ ...numbered(10), count: 11 }));
  assert.match(short.message, /120 pixels and 10 labels for 11 images of 2×2×3, expected 132 pixels and 11/);
});

test.run();
