/**
 * The dataset that is always there: handwritten-like digits, drawn instead of downloaded. A digit is a few pen
 * strokes, each a smooth curve (Catmull and Rom, 1974) through some points. Every image moves the points, bends,
 * slants, turns and stretches the whole, takes a pen of its own, and is then fitted as MNIST's images are: the
 * ink within 20×20 pixels, its centre of mass near the middle of 28×28.
 *
 * Reproducible to the bit on every platform: only +, −, ×, ÷ and √, which IEEE 754 rounds exactly, and no sine.
 */

import { ArgumentError } from "../engine/errors.ts";
import { hostRandom } from "../engine/hostRandom.ts";
import { type DatasetSplits, type ImageDataset, memoryDataset } from "./dataset.ts";
import { digitClasses } from "./mnist.ts";
import { shuffleInPlace } from "./shuffle.ts";

/**
 * The ways to write each digit. A way is a list of strokes, a stroke a list of points `x y`, with y downwards;
 * a digit is 100 high and about 65 wide. `!` after a point makes it a corner instead of a curve.
 */
const glyphs: readonly (readonly (readonly string[])[])[] = [
  [
    ["34 0, 10 16, 0 50, 9 84, 34 100, 58 84, 66 50, 58 15, 33 1"],
    ["48 5, 22 3, 4 32, 4 74, 28 99, 56 82, 65 40, 50 8, 34 0"],
  ],
  [
    ["30 0, 31 50, 30 100"],
    ["36 0, 30 34, 28 70, 31 100"],
    ["8 24, 32 0!, 32 50, 31 100"],
    ["12 20, 32 0!, 32 50, 32 100", "8 100, 34 99, 58 100"],
  ],
  [
    ["5 22, 20 3, 45 2, 58 20, 50 46, 28 72, 3 100!, 34 97, 64 97"],
    ["6 20, 24 1, 50 7, 55 34, 38 68, 16 94, 2 88, 14 76, 38 90, 66 96"],
    ["4 14, 28 0, 54 12, 52 38, 30 66, 4 98!, 30 88, 60 98"],
    ["2 12, 26 6, 50 4, 52 24, 28 62, 4 92!, 44 90, 90 86"],
  ],
  [
    ["6 12, 30 0, 54 12, 50 36, 24 47!, 54 57, 60 82, 36 100, 3 88"],
    ["4 4, 32 2, 57 2!, 28 42!, 54 50, 62 78, 40 100, 4 92"],
    ["8 14, 32 1, 52 16, 42 38, 22 46, 46 50, 60 72, 46 96, 20 99, 2 86"],
  ],
  [
    ["10 0, 6 28, 4 54!, 36 53, 68 50", "54 8, 52 50, 48 100"],
    ["46 0, 26 30, 2 65!, 36 64, 70 62", "46 0, 47 50, 46 100"],
    ["14 2, 4 34, 12 52, 34 54, 54 42, 58 4!, 56 50, 52 100"],
  ],
  [
    ["60 2, 38 3, 15 2!, 10 42!, 38 37, 61 56, 56 86, 30 100, 2 90"],
    ["14 6, 9 45!, 36 40, 58 60, 52 88, 28 100, 4 92", "14 5, 40 3, 68 0"],
    ["74 0, 48 6, 26 12!, 16 40, 38 44, 48 66, 36 90, 10 100, 0 92"],
  ],
  [
    ["50 0, 22 22, 5 60, 12 90, 36 100, 58 84, 54 62, 32 53, 9 70"],
    ["42 0, 16 38, 4 74, 18 98, 46 96, 60 74, 44 56, 18 65, 6 82"],
    ["20 0, 8 40, 6 78, 26 100, 62 92, 70 70, 50 58, 24 70, 16 92"],
  ],
  [
    ["3 6, 32 5, 62 3!, 42 44, 24 100"],
    ["3 5, 32 3, 64 3!, 44 42, 30 100", "16 51, 38 49, 60 46"],
    ["4 22, 6 5!, 34 4, 64 2!, 42 50, 30 100"],
  ],
  [
    ["54 12, 32 0, 10 14, 19 36, 44 54, 60 78, 38 100, 10 90, 8 68, 30 50, 53 30, 53 10"],
    ["33 0, 13 8, 10 28, 28 46, 50 36, 54 14, 34 0", "31 46, 8 60, 4 84, 28 100, 56 88, 56 62, 31 46"],
    ["58 8, 34 0, 12 12, 22 38, 50 62, 54 90, 28 100, 6 86, 18 60, 46 38, 60 12"],
  ],
  [
    ["58 16, 36 0, 11 13, 8 37, 29 48, 53 32, 59 10!, 55 54, 46 100"],
    ["56 18, 34 0, 10 14, 8 38, 30 49, 54 34, 58 14!, 60 52, 50 86, 28 100, 8 92"],
    ["54 12, 30 2, 8 20, 16 42, 42 40, 56 12!, 46 58, 30 100"],
  ],
];

interface Point {
  readonly x: number;
  readonly y: number;
  readonly corner: boolean;
}

/** A straight piece of a stroke, in pixels, with the pen's radius there. */
interface Piece {
  readonly fromX: number;
  readonly fromY: number;
  readonly toX: number;
  readonly toY: number;
  readonly radius: number;
}

const parsedGlyphs: readonly (readonly (readonly (readonly Point[])[])[])[] = glyphs.map((ways) =>
  ways.map((strokes) => strokes.map((stroke) => stroke.split(",").map(parsePoint))),
);

const side = 28;
const boxSide = 20;
const piecesPerCurve = 6;

/**
 * Handwritten-like digits, 28×28 grey pixels in ten classes: as many of each class as the counts allow, in
 * shuffled order. Every pixel is a whole number of 255ths. Training and test images are drawn independently.
 * @throws ArgumentError for counts that are no positive whole numbers
 */
export function syntheticDigits(options: {
  seed: number | string;
  trainCount: number;
  testCount: number;
}): DatasetSplits {
  return {
    train: drawSplit("digits/train", options.seed, options.trainCount),
    test: drawSplit("digits/test", options.seed, options.testCount),
  };
}

function drawSplit(name: string, seed: number | string, count: number): ImageDataset {
  if (!Number.isInteger(count) || count < 1) {
    throw new ArgumentError(`${name}: ${count} images, expected a whole number of at least 1`);
  }
  const random = hostRandom(`${name}/${seed}`);
  const labels = new Uint8Array(count).map((_, index) => index % 10);
  shuffleInPlace(labels, random);
  const pixels = new Uint8Array(count * side * side);
  for (let index = 0; index < count; index++) {
    drawDigit(labels[index]!, random, pixels.subarray(index * side * side, (index + 1) * side * side));
  }
  return memoryDataset({
    name,
    pixels,
    labels,
    channels: 1,
    height: side,
    width: side,
    classes: digitClasses,
  });
}

/** Draws one digit into `pixels`, [28, 28], which is black. */
function drawDigit(digit: number, random: () => number, pixels: Uint8Array): void {
  const between = (low: number, high: number) => low + (high - low) * random();
  /** About normal with deviation 1: a sum of uniform numbers, so that no logarithm is needed. */
  const normal = () => (random() + random() + random() + random() - 2) * 1.7320508;

  const ways = parsedGlyphs[digit]!;
  const way = ways[Math.floor(random() * ways.length)]!;

  // Rotation by the half angle's tangent t: cos = (1 − t²) / (1 + t²), sin = 2t / (1 + t²).
  const halfTangent = 0.07 * normal();
  const cosine = (1 - halfTangent * halfTangent) / (1 + halfTangent * halfTangent);
  const sine = (2 * halfTangent) / (1 + halfTangent * halfTangent);
  const slant = 0.16 + 0.24 * normal();
  const stretch = between(0.75, 1.4);
  const bendX = 0.3 * normal();
  const bendY = 0.25 * normal();
  const jitter = between(0.01, 0.05);
  const hand = (point: Point): Point => {
    const x = point.x - 0.33 + jitter * normal();
    const y = point.y - 0.5 + jitter * normal();
    const bentX = (x + bendX * y * y) * stretch - slant * y;
    const bentY = y + bendY * x * x;
    return { x: cosine * bentX - sine * bentY, y: sine * bentX + cosine * bentY, corner: point.corner };
  };
  const curves = way.map((stroke) => smooth(stroke.map(hand)));

  const pen = between(0.9, 2);
  const pieces = fit(curves, pen, between(0.86, 1), between(-0.6, 0.6), between(-0.6, 0.6), () =>
    between(0.8, 1.1),
  );
  const image = new Float32Array(side * side);
  ink(pieces, image);

  const darkness = between(0.88, 1);
  const grain = between(0, 0.12);
  for (let pixel = 0; pixel < image.length; pixel++) {
    const value = image[pixel]!;
    if (value > 0) pixels[pixel] = Math.round(255 * value * darkness * (1 - grain * random()));
  }
}

/** The curve through the points, as a chain of points: a uniform Catmull-Rom spline, broken at corners. */
function smooth(points: readonly Point[]): Point[] {
  const chain: Point[] = [points[0]!];
  for (let index = 0; index + 1 < points.length; index++) {
    const from = points[index]!;
    const to = points[index + 1]!;
    // At a corner or an end, the neighbour beyond does not pull.
    const before = index === 0 || from.corner ? from : points[index - 1]!;
    const after = index + 2 === points.length || to.corner ? to : points[index + 2]!;
    for (let step = 1; step <= piecesPerCurve; step++) {
      const t = step / piecesPerCurve;
      chain.push({
        x: spline(before.x, from.x, to.x, after.x, t),
        y: spline(before.y, from.y, to.y, after.y, t),
        corner: false,
      });
    }
  }
  return chain;
}

function spline(before: number, from: number, to: number, after: number, t: number): number {
  return (
    from +
    0.5 *
      t *
      (to - before + t * (2 * before - 5 * from + 4 * to - after + t * (3 * (from - to) + after - before)))
  );
}

/**
 * Scales the curves to the box, with room for the pen, and moves their centre of mass to the image's middle.
 * @param size the part of the box that is used
 * @param pressure drawn anew for both ends of a stroke: how much of its radius the pen gives there
 */
function fit(
  curves: readonly (readonly Point[])[],
  pen: number,
  size: number,
  shiftX: number,
  shiftY: number,
  pressure: () => number,
): Piece[] {
  let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
  let [mass, massX, massY] = [0, 0, 0];
  for (const curve of curves) {
    for (const [index, point] of curve.entries()) {
      left = Math.min(left, point.x);
      right = Math.max(right, point.x);
      top = Math.min(top, point.y);
      bottom = Math.max(bottom, point.y);
      if (index === 0) continue;
      const previous = curve[index - 1]!;
      const width = point.x - previous.x;
      const height = point.y - previous.y;
      const length = Math.sqrt(width * width + height * height);
      mass += length;
      massX += (length * (point.x + previous.x)) / 2;
      massY += (length * (point.y + previous.y)) / 2;
    }
  }
  const scale = (size * (boxSide - 2 * pen)) / Math.max(right - left, bottom - top);
  const middle = (side - 1) / 2;
  const toX = (x: number) => middle + shiftX + scale * (x - massX / mass);
  const toY = (y: number) => middle + shiftY + scale * (y - massY / mass);

  const pieces: Piece[] = [];
  for (const curve of curves) {
    const startRadius = pen * pressure();
    const endRadius = pen * pressure();
    for (let index = 1; index < curve.length; index++) {
      const from = curve[index - 1]!;
      const to = curve[index]!;
      pieces.push({
        fromX: toX(from.x),
        fromY: toY(from.y),
        toX: toX(to.x),
        toY: toY(to.y),
        radius: startRadius + ((endRadius - startRadius) * index) / curve.length,
      });
    }
  }
  return pieces;
}

/** Blackens each pixel by its distance to the nearest piece: full inside the pen, none a soft edge further out. */
function ink(pieces: readonly Piece[], image: Float32Array): void {
  const softness = 1.2;
  for (const { fromX, fromY, toX, toY, radius } of pieces) {
    const reach = radius + softness / 2;
    const firstColumn = Math.max(0, Math.ceil(Math.min(fromX, toX) - reach));
    const lastColumn = Math.min(side - 1, Math.floor(Math.max(fromX, toX) + reach));
    const firstRow = Math.max(0, Math.ceil(Math.min(fromY, toY) - reach));
    const lastRow = Math.min(side - 1, Math.floor(Math.max(fromY, toY) + reach));
    const alongX = toX - fromX;
    const alongY = toY - fromY;
    const lengthSquared = alongX * alongX + alongY * alongY;
    for (let row = firstRow; row <= lastRow; row++) {
      for (let column = firstColumn; column <= lastColumn; column++) {
        const offsetX = column - fromX;
        const offsetY = row - fromY;
        const projection = lengthSquared === 0 ? 0 : (offsetX * alongX + offsetY * alongY) / lengthSquared;
        const t = Math.min(1, Math.max(0, projection));
        const awayX = offsetX - t * alongX;
        const awayY = offsetY - t * alongY;
        const distance = Math.sqrt(awayX * awayX + awayY * awayY);
        const value = Math.min(1, (reach - distance) / softness);
        const pixel = row * side + column;
        if (value > image[pixel]!) image[pixel] = value;
      }
    }
  }
}

function parsePoint(text: string): Point {
  const corner = text.endsWith("!");
  const [x, y] = text.replace("!", "").trim().split(" ").map(Number) as [number, number];
  return { x: x / 100, y: y / 100, corner };
}
