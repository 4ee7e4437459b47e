/** Grids of images, plain ones and stacked ones, pixel by pixel, and through PNG and back. */
import { decode } from "fast-png";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { encodePng, imageGrid, type Picture, requireDrawable } from "../cli/output/pictures.ts";
import { ArgumentError, ShapeError } from "../engine/errors.ts";

/** What the tests name the parts of the grid by: images are enlarged 3 times, gaps are 2 wide, 8 between pairs. */
const scale = 3;
const gap = 2;
const gapBetweenPairs = 8;
const background = 160;

function pixel(picture: Picture, x: number, y: number): number[] {
  const at = (y * picture.width + x) * picture.channels;
  return [...picture.data.subarray(at, at + picture.channels)];
}

test("grey: every pair is in its place, enlarged, clamped and rounded", () => {
  const layout = { count: 3, channels: 1, height: 2, width: 3, columns: 2 };
  const originals = new Float32Array(18).map((_, i) => i / 17);
  const reconstructions = new Float32Array(18).map((_, i) => 1.5 - i / 8); // above 1, below 0
  const picture = imageGrid([originals, reconstructions], layout);
  const cell = { width: 3 * scale, height: 2 * scale };
  const pair = 2 * cell.height + gap;
  assert.is(picture.channels, 1);
  assert.is(picture.width, 2 * cell.width + 3 * gap);
  assert.is(picture.height, 2 * pair + gapBetweenPairs + 2 * gap);
  assert.is(picture.data.length, picture.width * picture.height);

  const drawn = new Set<number>();
  for (let image = 0; image < 3; image++) {
    const left = gap + (image % 2) * (cell.width + gap);
    const top = gap + Math.floor(image / 2) * (pair + gapBetweenPairs);
    for (let y = 0; y < cell.height; y++) {
      for (let x = 0; x < cell.width; x++) {
        const source = image * 6 + Math.floor(y / scale) * 3 + Math.floor(x / scale);
        const clamped = Math.min(1, Math.max(0, 1.5 - source / 8));
        const below = top + cell.height + gap + y;
        assert.equal(pixel(picture, left + x, top + y), [Math.round((source / 17) * 255)]);
        assert.equal(pixel(picture, left + x, below), [Math.round(clamped * 255)]);
        drawn.add((top + y) * picture.width + left + x).add(below * picture.width + left + x);
      }
    }
  }
  for (let at = 0; at < picture.data.length; at++) {
    if (!drawn.has(at)) assert.is(picture.data[at], background);
  }
});

for (const sets of [1, 3]) {
  test(`${sets === 1 ? "a plain grid" : "three sets"}: everything in its place, and background elsewhere`, () => {
    const layout = { count: 5, channels: 1, height: 3, width: 2, columns: 3 };
    const level = (set: number, image: number) => 10 * (1 + set * 5 + image);
    const stacked = Array.from({ length: sets }, (_, set) =>
      Float32Array.from({ length: 5 * 6 }, (_, place) => level(set, Math.floor(place / 6)) / 255),
    );
    const picture = imageGrid(stacked, layout);
    const cell = { width: 2 * scale, height: 3 * scale };
    const stack = sets * (cell.height + gap) - gap;
    const between = sets === 1 ? gap : gapBetweenPairs; // a plain grid is as tight downwards as across
    assert.equal([picture.width, picture.height], [3 * cell.width + 4 * gap, 2 * stack + between + 2 * gap]);
    const expected = new Uint8Array(picture.width * picture.height).fill(background);
    for (let set = 0; set < sets; set++) {
      for (let image = 0; image < 5; image++) {
        const left = gap + (image % 3) * (cell.width + gap);
        const top = gap + Math.floor(image / 3) * (stack + between) + set * (cell.height + gap);
        for (let y = top; y < top + cell.height; y++) {
          const row = y * picture.width + left;
          expected.fill(level(set, image), row, row + cell.width);
        }
      }
    }
    assert.is(expected.length, picture.data.length);
    assert.is(
      expected.findIndex((value, place) => value !== picture.data[place]),
      -1,
      "the first other pixel",
    );
  });
}

test("colour: planes become pixels", () => {
  const original = Float32Array.of(1, 0, /* green */ 0, 1, /* blue */ 0.2, 0.4);
  const picture = imageGrid([original, new Float32Array(6)], {
    count: 1,
    channels: 3,
    height: 1,
    width: 2,
    columns: 8,
  });
  assert.is(picture.width, 2 * scale + 2 * gap, "no wider than the images there are");
  assert.equal(pixel(picture, gap, gap), [255, 0, 51]);
  assert.equal(pixel(picture, gap + scale, gap), [0, 255, 102]);
  assert.equal(pixel(picture, gap, gap + scale + gap), [0, 0, 0]);
  assert.equal(pixel(picture, 0, 0), [background, background, background]);
});

test("large images are not enlarged, middling ones twice", () => {
  for (const [side, factor] of [
    [28, 3],
    [32, 2],
    [224, 1],
  ] as const) {
    const values = new Float32Array(side * side);
    const picture = imageGrid([values, values], {
      count: 1,
      channels: 1,
      height: side,
      width: side,
      columns: 1,
    });
    assert.is(picture.width, side * factor + 2 * gap);
  }
});

test("a value that is no number is drawn black", () => {
  const layout = { count: 1, channels: 1, height: 1, width: 1, columns: 1 };
  const picture = imageGrid([Float32Array.of(1), Float32Array.of(Number.NaN)], layout);
  assert.equal(pixel(picture, gap, gap + scale + gap), [0]);
});

test("PNG: a decoder finds the same pixels again", () => {
  for (const channels of [1, 3]) {
    const values = new Float32Array(4 * channels * 28 * 28).map((_, i) => Math.abs(Math.sin(i)));
    const picture = imageGrid([values, values], {
      count: 4,
      channels,
      height: 28,
      width: 28,
      columns: 4,
    });
    const decoded = decode(encodePng(picture), { checkCrc: true });
    assert.is(decoded.width, picture.width);
    assert.is(decoded.height, picture.height);
    assert.is(decoded.channels, channels);
    assert.is(decoded.depth, 8);
    assert.equal(Uint8Array.from(decoded.data), picture.data);
  }
});

test("what cannot be drawn is refused in words", () => {
  const layout = { count: 2, channels: 1, height: 2, width: 2, columns: 2 };
  const right = new Float32Array(8);
  const refused = (message: RegExp, kind: typeof ArgumentError, action: () => unknown) =>
    assert.throws(action, (error: Error) => error instanceof kind && message.test(error.message));
  refused(/imageGrid: set 1 holds 7 numbers, expected 2×1×2×2 = 8/, ShapeError, () =>
    imageGrid([right, new Float32Array(7)], layout),
  );
  refused(/1 channel \(grey\) or 3 \(RGB\), got 2/, ArgumentError, () =>
    imageGrid([right, right], { ...layout, channels: 2 }),
  );
  for (const name of ["count", "height", "width", "columns"]) {
    refused(new RegExp(`${name} must be a whole number, 1 or more, got 0`), ArgumentError, () =>
      imageGrid([right, right], { ...layout, [name]: 0 }),
    );
  }
});

test("a grid that is too large is known from its layout, gaps and all", () => {
  const ofSide = (side: number) => ({
    channels: 1,
    height: 28,
    width: 28,
    columns: side,
    count: side * side,
  });
  requireDrawable(1, ofSide(82), "--side 82"); // 7054² pixels
  assert.throws(
    () => requireDrawable(1, ofSide(83), "--side 83"),
    (error: Error) =>
      error instanceof ArgumentError &&
      /^--side 83: .* 7,140 × 7,140 pixels, and at most 50 million/.test(error.message),
  );
  assert.throws(() => requireDrawable(2, ofSide(60), "two sets"), /5,162 × 10,676 pixels/);
});

test.run();
