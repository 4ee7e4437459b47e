import { test } from "uvu";
import * as assert from "uvu/assert";
import { memoryDataset } from "../data/dataset.ts";
import { readImages } from "../data/loader.ts";
import { fitImage, padDataset, resizeDataset, resizeImage } from "../data/resize.ts";
import { ArgumentError } from "../engine/errors.ts";
import { refusal } from "./data-helpers.ts";
import { close } from "./engine-helpers.ts";

/** Numbers that PyTorch was given as well: element i is (37 i modulo 101) / 100. */
const pattern = (length: number) => Float32Array.from({ length }, (_, i) => ((37 * i) % 101) / 100);
const grey = (height: number, width: number) => ({ channels: 1, height, width });

test("as PyTorch's bilinear interpolation with antialias=True", () => {
  // torch.nn.functional.interpolate(…, mode="bilinear", antialias=True) of PyTorch 1.13; sums over all elements.
  const cases: [from: [number, number], to: [number, number], first: number[], sum: number][] = [
    [[6, 9], [2, 3], [0.474531, 0.452222, 0.521094, 0.5775, 0.514861, 0.418906], 2.9591148],
    [[3, 4], [6, 8], [0, 0.0925, 0.2775, 0.4625, 0.6475, 0.58, 0.26, 0.1, 0.1175, 0.21, 0.395], 20.9200001],
    [[5, 5], [3, 3], [0.333061, 0.538889, 0.424082, 0.491905, 0.449877, 0.53254], 4.4033685],
    [[224, 224], [32, 32], [0.48298, 0.500793, 0.499402, 0.503764, 0.501414, 0.494271], 511.9973145],
  ];
  for (const [from, to, first, sum] of cases) {
    const resized = resizeImage(pattern(from[0] * from[1]), grey(...from), grey(...to));
    const where = `${from.join("×")} to ${to.join("×")}`;
    close(resized.subarray(0, first.length), first, where, 2e-6);
    close([resized.reduce((total, value) => total + value, 0)], [sum], `${where}, sum`, 2e-6);
  }
});

test("the shorter side is brought to size and the middle of the longer one taken", () => {
  // PyTorch again: 8×12 to 4×6, of that the four columns in the middle.
  const expected = [
    ...[0.453214, 0.543929, 0.598571, 0.545, 0.567813, 0.455625, 0.564375, 0.452188],
    ...[0.468281, 0.435, 0.496406, 0.557813, 0.481429, 0.536071, 0.626786, 0.465],
  ];
  close(resizeImage(pattern(96), grey(8, 12), grey(4, 4)), expected, "8×12 to 4×4", 2e-6);
  // The same picture on its side.
  const turned = Float32Array.from({ length: 96 }, (_, i) => pattern(96)[(i % 8) * 12 + Math.floor(i / 8)]!);
  const onSide = expected.map((_, i) => expected[(i % 4) * 4 + Math.floor(i / 4)]!);
  close(resizeImage(turned, grey(12, 8), grey(4, 4)), onSide, "12×8 to 4×4", 2e-6);
});

test("the same size changes nothing, and one colour stays that colour", () => {
  assert.equal(resizeImage(pattern(35), grey(5, 7), grey(5, 7)), pattern(35));
  for (const [height, width] of [
    [1, 1],
    [3, 500],
    [17, 13],
  ] as const) {
    const flat = resizeImage(new Float32Array(height * width).fill(1), grey(height, width), grey(8, 8));
    assert.ok(flat.every((value) => value <= 1 && value > 1 - 1e-6));
  }
});

test("stripes finer than the result become their mean, not other stripes", () => {
  const stripes = Float32Array.from({ length: 64 * 64 }, (_, i) => i % 2);
  const small = resizeImage(stripes, grey(64, 64), grey(8, 8));
  assert.ok(small.every((value) => Math.abs(value - 0.5) < 0.03));
});

test("colour to grey by the eye's weights, grey to colour three times the same", async () => {
  const colour = Float32Array.of(1, 0, 0, 1, 0, 1, 0, 1, 0, 0, 1, 1); // red, green, blue, white
  const toGrey = resizeImage(colour, { channels: 3, height: 2, width: 2 }, grey(2, 2));
  close(toGrey, [0.299, 0.587, 0.114, 1], "grey", 1e-6);
  assert.ok(toGrey[3]! <= 1);
  const back = resizeImage(Float32Array.of(0.25, 0.5), grey(1, 2), { channels: 3, height: 1, width: 2 });
  assert.equal(Array.from(back), [0.25, 0.5, 0.25, 0.5, 0.25, 0.5]);
  const error = await refusal(ArgumentError, () =>
    resizeImage(colour, { channels: 3, height: 2, width: 2 }, { channels: 2, height: 2, width: 2 }),
  );
  assert.match(error.message, /3 channel\(s\) cannot become one of 2/);
});

test("a decoded picture becomes planes in [0, 1]", () => {
  const pixels = Uint8Array.of(255, 0, 51, 102, 153, 204);
  const planes = fitImage({ width: 2, height: 1, channels: 3, pixels }, { channels: 3, height: 1, width: 2 });
  close(planes, [1, 0.4, 0, 0.6, 0.2, 0.8], "planes", 1e-6);
});

const numbers = memoryDataset({
  ...{ name: "numbers", channels: 2, height: 2, width: 3, classes: ["a"], labels: [0, 0] },
  pixels: pattern(24),
});

test("a dataset in another size", async () => {
  const colour = memoryDataset({
    ...{ name: "colour", channels: 3, height: 2, width: 2, classes: ["a"], labels: [0, 0] },
    pixels: pattern(24),
  });
  const larger = resizeDataset(colour, [3, 5, 4]);
  assert.equal([larger.channels, larger.height, larger.width, larger.count], [3, 5, 4, 2]);
  const expected = resizeImage(pattern(24).subarray(12), colour, larger);
  assert.equal(await readImages(larger, [1]), expected);
  const error = await refusal(ArgumentError, () => resizeDataset(numbers, [3, 4, 4]));
  assert.match(error.message, /2 channel\(s\) cannot become one of 3/);
});

test("sizes that are not of whole pixels are refused", async () => {
  for (const side of [0, -4, 4.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    const cases: [operation: string, action: () => unknown][] = [
      ["resizeImage", () => resizeImage(pattern(6), grey(2, 3), grey(side, 4))],
      ["resizeDataset", () => resizeDataset(numbers, [2, 4, side])],
      ["padDataset", () => padDataset(numbers, side, 6)],
    ];
    for (const [operation, action] of cases) {
      const error = await refusal(ArgumentError, action);
      assert.match(
        error.message,
        new RegExp(`^${operation}: the size .*${side}.*, expected whole numbers of pixels`),
      );
    }
  }
});

test("a dataset in a black frame", async () => {
  const padded = padDataset(numbers, 5, 6);
  assert.equal([padded.channels, padded.height, padded.width], [2, 5, 6]);
  const image = await readImages(padded, [1]);
  const source = pattern(24).subarray(12);
  const expected = new Float32Array(60);
  for (const [i, value] of source.entries()) {
    const [channel, row, column] = [Math.floor(i / 6), Math.floor(i / 3) % 2, i % 3];
    expected[channel * 30 + (row + 1) * 6 + column + 1] = value;
  }
  assert.equal(image, expected);
  const error = await refusal(ArgumentError, () => padDataset(numbers, 1, 6));
  assert.match(error.message, /2×3 pixels do not fit into 1×6/);
});

test.run();
