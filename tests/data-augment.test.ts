import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  type Augmentation,
  augmentImage,
  requireAugmentation,
  type Warp,
  warpImage,
} from "../data/augment.ts";
import { ArgumentError } from "../engine/errors.ts";
import { hostRandom } from "../engine/hostRandom.ts";
import { refusal } from "./data-helpers.ts";
import { close } from "./engine-helpers.ts";

const still: Warp = { flip: false, rotation: 0, scale: 1, shiftX: 0, shiftY: 0 };

/** One channel, given row by row. */
function warped(rows: readonly (readonly number[])[], warp: Partial<Warp>): number[] {
  const size = { channels: 1, height: rows.length, width: rows[0]!.length };
  const target = new Float32Array(size.height * size.width).fill(9);
  warpImage(Float32Array.from(rows.flat()), size, { ...still, ...warp }, target);
  return Array.from(target);
}

const letters = [
  [1, 2, 3],
  [4, 5, 6],
];
const square = [
  [1, 2, 3],
  [4, 5, 6],
  [7, 8, 9],
];

test("nothing, a flip, and whole shifts are exact", () => {
  assert.equal(warped(letters, {}), [1, 2, 3, 4, 5, 6]);
  assert.equal(warped(letters, { flip: true }), [3, 2, 1, 6, 5, 4]);
  assert.equal(warped(letters, { shiftX: 1 }), [0, 1, 2, 0, 4, 5]);
  assert.equal(warped(letters, { shiftX: -2, shiftY: 1 }), [0, 0, 0, 3, 0, 0]);
  assert.equal(warped(letters, { flip: true, shiftX: 1 }), [0, 3, 2, 0, 6, 5]);
  assert.equal(warped(letters, { shiftY: 2 }), [0, 0, 0, 0, 0, 0]);
});

test("half a pixel is the mean of two, with black beyond the edge", () => {
  assert.equal(warped(letters, { shiftX: 0.5 }), [0.5, 1.5, 2.5, 2, 4.5, 5.5]);
  assert.equal(warped(letters, { shiftY: -0.25 }), [1.75, 2.75, 3.75, 3, 3.75, 4.5]);
});

test("a quarter turn counter-clockwise, a half one, and one of a picture that is not square", () => {
  close(warped(square, { rotation: 90 }), [3, 6, 9, 2, 5, 8, 1, 4, 7], "90°", 1e-6);
  close(warped(square, { rotation: -90 }), [7, 4, 1, 8, 5, 2, 9, 6, 3], "-90°", 1e-6);
  close(warped(letters, { rotation: 180 }), [6, 5, 4, 3, 2, 1], "180°", 1e-6);
  // Flipped first, then rotated.
  close(warped(square, { flip: true, rotation: 90 }), [1, 4, 7, 2, 5, 8, 3, 6, 9], "flip, 90°", 1e-6);
  const wide = [[1, 2, 3, 4, 5]];
  close(warped(wide, { rotation: 90 }), [0, 0, 3, 0, 0], "5×1", 1e-6);
});

test("scaled around the middle", () => {
  close(warped(square, { scale: 2 }), [3, 3.5, 4, 4.5, 5, 5.5, 6, 6.5, 7], "twice", 1e-6);
  close(warped(square, { scale: 0.5 }), [0, 0, 0, 0, 5, 0, 0, 0, 0], "half", 1e-6);
});

test("all channels move together", () => {
  const size = { channels: 2, height: 1, width: 3 };
  const target = new Float32Array(6);
  warpImage(Float32Array.of(1, 2, 3, 4, 5, 6), size, { ...still, shiftX: 1 }, target);
  assert.equal(Array.from(target), [0, 1, 2, 0, 4, 5]);
});

/** What becomes of a single white pixel in the middle of 9×9 black ones. */
function spot(augmentation: Augmentation, seed: string): Float32Array {
  const image = new Float32Array(81);
  image[40] = 1;
  augmentImage(image, { channels: 1, height: 9, width: 9 }, augmentation, hostRandom(seed));
  return image;
}
const seeds = Array.from({ length: 400 }, (_, index) => `${index}`);

test("a crop reaches every offset, in whole pixels", () => {
  const places = seeds.map((seed) => spot({ crop: 2 }, seed).indexOf(1));
  assert.not(places.includes(-1));
  const expected = [2, 3, 4, 5, 6].flatMap((row) => [2, 3, 4, 5, 6].map((column) => 9 * row + column));
  assert.equal(
    [...new Set(places)].sort((one, other) => one - other),
    expected,
  );
});

test("shift, rotation and scale stay within their bounds, and use them", () => {
  /** The centre of mass, and what there is in all. */
  function measure(image: Float32Array) {
    const sum = image.reduce((total, value) => total + value, 0);
    const x = image.reduce((total, value, place) => total + value * (place % 9), 0) / sum - 4;
    const y = image.reduce((total, value, place) => total + value * Math.floor(place / 9), 0) / sum - 4;
    return { sum, x, y };
  }
  const moved = seeds.map((seed) => measure(spot({ shift: 2.5 }, seed)));
  const reach = Math.max(...moved.flatMap(({ x, y }) => [Math.abs(x), Math.abs(y)]));
  assert.ok(reach > 2.4 && reach <= 2.5 + 1e-6, `shifted by up to ${reach}`);

  // A slope from left to right shows in its middle by how much it was turned, and how far drawn out.
  const slopes = (augmentation: Augmentation) =>
    seeds.map((seed) => {
      const image = Float32Array.from({ length: 81 }, (_, place) => (place % 9) / 10);
      augmentImage(image, { channels: 1, height: 9, width: 9 }, augmentation, hostRandom(seed));
      const [right, down] = [image[41]! - image[40]!, image[49]! - image[40]!];
      return { degrees: (Math.atan2(-down, right) * 180) / Math.PI, scale: 0.1 / Math.hypot(right, down) };
    });
  const degrees = slopes({ rotation: 30 }).map((slope) => slope.degrees);
  assert.ok(Math.max(...degrees) > 28 && Math.max(...degrees) < 30.01, `up to ${Math.max(...degrees)}°`);
  assert.ok(Math.min(...degrees) < -28 && Math.min(...degrees) > -30.01, `down to ${Math.min(...degrees)}°`);
  const scales = slopes({ scale: 0.25 }).map(({ scale }) => scale);
  assert.ok(Math.max(...scales) > 1.23 && Math.max(...scales) < 1.2501, `up to ${Math.max(...scales)}`);
  assert.ok(Math.min(...scales) < 0.77 && Math.min(...scales) > 0.7499, `down to ${Math.min(...scales)}`);
});

test("every second image is flipped, and what else is asked for does not change which", () => {
  const flipped = (augmentation: Augmentation) =>
    seeds.map((seed) => {
      const image = new Float32Array(81);
      image[9 * 4 + 1] = 1;
      augmentImage(image, { channels: 1, height: 9, width: 9 }, augmentation, hostRandom(seed));
      return image.findIndex((value) => value > 0.1) % 9 > 4;
    });
  const usual = flipped({ flip: true });
  const count = usual.filter(Boolean).length;
  assert.ok(count > 160 && count < 240, `${count} of 400`);
  assert.equal(flipped({ flip: true, crop: 1, rotation: 5 }), usual);
  assert.not(flipped({ crop: 1 }).includes(true));
});

test("numbers that are no bounds are refused", async () => {
  requireAugmentation({ flip: true, crop: 4, shift: 0.5, rotation: 180, scale: 0.99 });
  const cases: [augmentation: Augmentation, words: RegExp][] = [
    [{ crop: 1.5 }, /crop 1.5, expected a whole number of pixels of at least 0/],
    [{ shift: -1 }, /shift -1, expected a number of at least 0/],
    [{ rotation: Number.NaN }, /rotation NaN/],
    [{ scale: 1 }, /scale 1, expected a number from 0 up to, not including, 1/],
  ];
  for (const [augmentation, words] of cases) {
    const error = await refusal(ArgumentError, () => requireAugmentation(augmentation));
    assert.match(error.message, words);
  }
});

test.run();
