import { test } from "uvu";
import * as assert from "uvu/assert";
import { memoryDataset } from "../data/dataset.ts";
import { deslantDataset, slantOf } from "../data/deslant.ts";

const size = { channels: 1, height: 5, width: 5 };

/** A line of one pixel a row, at these columns. */
function stroke(columns: readonly number[]): Float32Array {
  const image = new Float32Array(25);
  for (const [row, column] of columns.entries()) image[5 * row + column] = 1;
  return image;
}

async function deslanted(pixels: Float32Array): Promise<Float32Array> {
  const dataset = memoryDataset({ name: "strokes", ...size, pixels, labels: [0], classes: ["stroke"] });
  const target = new Float32Array(25);
  await deslantDataset(dataset).readImage(0, target);
  return target;
}

test("a leaning stroke stands upright, whichever way it leaned", async () => {
  assert.is(slantOf(stroke([4, 3, 2, 1, 0]), size), -1);
  assert.equal(await deslanted(stroke([4, 3, 2, 1, 0])), stroke([2, 2, 2, 2, 2]));
  assert.equal(await deslanted(stroke([0, 1, 2, 3, 4])), stroke([2, 2, 2, 2, 2]));
});

test("an upright stroke stays as it is, beside the middle too", async () => {
  for (const column of [0, 2, 3]) {
    const upright = stroke([column, column, column, column, column]);
    assert.equal(await deslanted(upright), upright);
  }
});

test("the slant does not depend on where the ink is, nor on how much there is", () => {
  const left = stroke([0, 0, 1, 1, 2]);
  const right = stroke([2, 2, 3, 3, 4]).map((value) => 0.25 * value);
  assert.ok(Math.abs(slantOf(left, size) - 0.5) < 1e-12);
  assert.ok(Math.abs(slantOf(right, size) - 0.5) < 1e-12);
});

test("an image without ink, or with ink in one row alone, is left alone", async () => {
  const empty = new Float32Array(25);
  const row = Float32Array.from({ length: 25 }, (_, place) => (place >= 10 && place < 14 ? 0.5 : 0));
  assert.equal(await deslanted(empty), empty);
  assert.equal(await deslanted(row), row);
});

test.run();
