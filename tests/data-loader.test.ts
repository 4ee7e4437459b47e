import { test } from "uvu";
import * as assert from "uvu/assert";
import { validateImages } from "../data/check.ts";
import { type ImageDataset, memoryDataset, selectImages, sliceDataset } from "../data/dataset.ts";
import { type BatchOptions, batches, countBatches, epochOrder, readImages } from "../data/loader.ts";
import { ArgumentError, DataError } from "../engine/errors.ts";
import { refusal } from "./data-helpers.ts";

const size = { channels: 2, height: 2, width: 3 };
const classes = ["a", "b", "c", "d"];
const pixelsOf = (count: number) =>
  Float32Array.from({ length: count * 12 }, (_, place) => Math.floor(place / 12) / 100);

/** Image i has the pixels i/100, … and the label i modulo 4. */
function numbered(count: number, pixels: Float32Array | Uint8Array = pixelsOf(count)): ImageDataset {
  const labels = Uint8Array.from({ length: count }, (_, index) => index % 4);
  return memoryDataset({ name: "numbered", ...size, pixels, labels, classes });
}

const indicesOf = (images: Float32Array) =>
  Array.from(
    images.filter((_, place) => place % 12 === 0),
    (pixel) => Math.round(pixel * 100),
  );

const plain = { batchSize: 4, shuffle: false, epoch: 0, dropLast: false } as const;

async function collect(dataset: ImageDataset, options: BatchOptions) {
  const all = [];
  for await (const batch of batches(dataset, options)) all.push(batch);
  return all;
}

const sorted = (numbers: readonly number[]) => [...numbers].sort((one, other) => one - other);

/** Leaves the event loop a turn, as a file does. */
const later = () => new Promise<void>((resolve) => setTimeout(resolve, 1));

test("batches in the dataset's order, the last one smaller or left out", async () => {
  const all = await collect(numbered(10), plain);
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
  const full = await collect(numbered(10), { ...plain, dropLast: true });
  assert.equal(
    full.map(({ count }) => count),
    [4, 4],
  );
});

test("a batch has memory of its own", async () => {
  const dataset = numbered(4);
  const [batch] = await collect(dataset, plain);
  batch!.images.fill(1);
  assert.is((await readImages(dataset, [0]))[0], 0);
});

test("bytes become floats in [0, 1]", async () => {
  const bytes = Uint8Array.from({ length: 256 * 12 }, (_, place) => Math.floor(place / 12));
  const images = await readImages(numbered(256, bytes), [0, 255, 7]);
  assert.equal(
    Array.from(images),
    [0, 1, Math.fround(7 / 255)].flatMap((value) => new Array(12).fill(value)),
  );
});

test("a shuffled epoch has every image once, with its label", async () => {
  const seen: number[] = [];
  for (const batch of await collect(numbered(50), { ...plain, batchSize: 8, shuffle: 1 })) {
    const indices = indicesOf(batch.images);
    assert.equal(
      Array.from(batch.labels),
      indices.map((index) => index % 4),
    );
    seen.push(...indices);
  }
  assert.not.equal(seen, sorted(seen));
  assert.equal(
    sorted(seen),
    Array.from({ length: 50 }, (_, index) => index),
  );
});

test("an epoch that is resumed goes on as the whole one, augmentation included", async () => {
  const options = { ...plain, batchSize: 3, shuffle: 7, epoch: 2, augment: { shift: 1, rotation: 20 } };
  const whole = await collect(numbered(20), options);
  assert.equal(await collect(numbered(20), { ...options, first: 4 }), whole.slice(4));
  assert.equal(await collect(numbered(20), { ...options, first: 7 }), []);
  for (const first of [-1, 8, 1.5]) {
    const error = await refusal(ArgumentError, () => collect(numbered(20), { ...options, first }));
    assert.match(error.message, new RegExp(`first ${first}, expected a whole number from 0 to 7`));
  }
});

test("augmentation depends on seed, epoch and image, not on batch size or order", async () => {
  const options = { ...plain, shuffle: 7, augment: { shift: 1 } };
  async function byImage(some: Partial<BatchOptions>): Promise<Map<number, number[]>> {
    const found = new Map<number, number[]>();
    const chosen = { ...options, ...some };
    const order = epochOrder(20, 7, chosen.epoch);
    for (const { images, index, count } of await collect(numbered(20), chosen)) {
      for (let i = 0; i < count; i++) {
        found.set(order[index * chosen.batchSize + i]!, Array.from(images.subarray(12 * i, 12 * i + 12)));
      }
    }
    return new Map([...found].sort(([one], [other]) => one - other));
  }
  const usual = await byImage({});
  assert.equal(await byImage({ batchSize: 7 }), usual);
  assert.not.equal(await byImage({ epoch: 1 }), usual);
  const unchanged = await byImage({ augment: undefined });
  assert.ok([...usual].filter(([index, pixels]) => `${pixels}` !== `${unchanged.get(index)}`).length > 15);
});

test("normalised with one mean and one deviation for each channel", async () => {
  const normalize = { mean: [0.1, 0.5], std: [0.5, 2] };
  const [batch] = await collect(numbered(3), { ...plain, normalize });
  const found = Array.from(batch!.images.subarray(2 * 12), (value) => Math.round(1e4 * value) / 1e4);
  assert.equal(found, [...new Array(6).fill(-0.16), ...new Array(6).fill(-0.24)]);
  for (const bad of [
    { mean: [0], std: [1, 1] },
    { mean: [0, 0], std: [1, 0] },
    { mean: [0, Number.NaN], std: [1, 1] },
  ]) {
    const error = await refusal(ArgumentError, () => collect(numbered(3), { ...plain, normalize: bad }));
    assert.match(error.message, /for images of 2 channel\(s\)/);
  }
});

test("the next batch is read while the one before is worked on", async () => {
  const read: number[] = [];
  const source = numbered(12);
  async function readImage(index: number, target: Float32Array): Promise<void> {
    await later();
    read.push(index);
    await source.readImage(index, target);
  }
  for await (const { index } of batches({ ...source, readImage }, plain)) {
    for (let turn = 0; turn < 50 && read.length < Math.min(12, 4 * (index + 2)); turn++) await later();
    assert.equal(sorted(read), [...Array(Math.min(12, 4 * (index + 2))).keys()], `in batch ${index}`);
  }
});

test("few images are read at a time, and none after the loop was left", async () => {
  let reading = 0;
  let most = 0;
  let begun = 0;
  async function readImage(): Promise<void> {
    begun++;
    most = Math.max(most, ++reading);
    await later();
    reading--;
  }
  const dataset = { ...numbered(1), count: 400, labels: new Int32Array(400), readImage };
  for await (const _ of batches(dataset, { ...plain, batchSize: 100 })) break;
  while (reading > 0) await later();
  assert.ok(most > 1 && most <= 8, `${most} at a time`);
  assert.ok(begun <= 108, `${begun} begun`);
});

test("a bad record is named with its file and index; before it, and without it, all is well", async () => {
  const source = numbered(12);
  async function readImage(index: number, target: Float32Array): Promise<void> {
    await later();
    if (index === 6) throw new DataError("photographs/six.jpg: cut off", "get it again");
    await source.readImage(index, target);
  }
  const dataset = { ...source, readImage };
  const seen: number[] = [];
  const error = await refusal(DataError, async () => {
    for await (const { index } of batches(dataset, plain)) seen.push(index);
  });
  assert.equal(seen, [0]);
  assert.is(error.message, "numbered: image 6: photographs/six.jpg: cut off\n  help: get it again");

  // Left while the batch with the bad record is being read: nobody is told, and nothing is left unhandled.
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => unhandled.push(reason);
  process.on("unhandledRejection", note);
  for await (const _ of batches(dataset, plain)) break;
  for (let turn = 0; turn < 20; turn++) await later();
  process.off("unhandledRejection", note);
  assert.equal(unhandled, []);

  const range = { ...source, readImage: (_: number, target: Float32Array) => void target.fill(2) };
  const outside = await refusal(DataError, () => collect(range, plain));
  assert.match(outside.message, /numbered: image 0 has the value 2 at row 0, column 0, channel 0;/);
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

test("slices and selections are views", async () => {
  const pixels = pixelsOf(10);
  const dataset = numbered(10, pixels);
  const slice = sliceDataset(dataset, 2, 5);
  const chosen = selectImages(slice, [2, 0, 2]);
  const all = async (view: ImageDataset) => indicesOf(await readImages(view, [...view.labels.keys()]));
  assert.equal([slice.count, await all(slice), Array.from(slice.labels)], [3, [2, 3, 4], [2, 3, 0]]);
  assert.equal([chosen.count, await all(chosen), Array.from(chosen.labels)], [3, [4, 2, 4], [0, 2, 0]]);
  pixels.fill(0.5, 48, 60);
  assert.equal(await all(chosen), [50, 2, 50]);

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
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, -0.001, 1.5, 255]) {
    const pixels = pixelsOf(10);
    pixels[7 * 12 + 6 + 3 + 2] = value;
    pixels[8 * 12] = Number.NaN;
    const error = await refusal(DataError, () => numbered(10, pixels));
    assert.match(
      error.message,
      /image 7 has the value (NaN|Infinity|-0\.00\d*|1\.5|255) at row 1, column 2, channel 1;/,
    );
  }
});

test("a bad label, and arrays that do not fit the sizes", async () => {
  const dataset = numbered(10);
  validateImages(dataset);
  dataset.labels[6] = 4;
  const label = await refusal(DataError, () => validateImages(dataset));
  assert.match(label.message, /image 6 has the label 4; expected 0 to 3/);
  dataset.labels[6] = -1;
  assert.match((await refusal(DataError, () => validateImages(dataset))).message, /image 6 has the label -1/);
  const short = await refusal(DataError, () => numbered(11, pixelsOf(10)));
  assert.match(short.message, /120 pixels for 11 labels and images of 2×2×3, expected 132/);
  for (const bad of [0.9, -0.5, Number.NaN, 2 ** 32]) {
    const memory = { name: "memory", ...size, pixels: pixelsOf(2), labels: [0, bad], classes };
    const error = await refusal(DataError, () => memoryDataset(memory));
    assert.match(error.message, `memory: image 1 has the label ${bad}; expected 0 to 3`);
  }
  const labels = await refusal(DataError, () => validateImages({ ...numbered(10), count: 11 }));
  assert.match(labels.message, /10 labels for 11 images/);
});

test.run();
