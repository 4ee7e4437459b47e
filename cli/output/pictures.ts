/**
 * Originals over reconstructions, side by side in one picture, enlarged so that a person sees something.
 * PNG by fast-png, which is JavaScript through and through: the same code runs in a browser.
 */
import { encode } from "fast-png";
import { ArgumentError, ShapeError } from "../../engine/errors.ts";
import { formatCount } from "./format.ts";

/** Pixels as PNG has them: row by row, the channels of a pixel together; 1 channel is grey, 3 are RGB. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly data: Uint8Array;
}

export interface GridLayout {
  /** How many images each of the two arrays holds. */
  readonly count: number;
  /** 1 (grey) or 3 (RGB). */
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** Pairs in a row. */
  readonly columns: number;
}

const background = 160;
const thinGap = 2;
const gapBetweenPairs = 8;
const largestScale = 3;
/** Images are enlarged until their longer side has this many pixels. */
const comfortableSide = 64;

/**
 * A grid of pairs: each original with its reconstruction right below it, `columns` pairs in a row.
 * @param originals count × channels × height × width values in [0, 1], NCHW; what lies outside is clamped
 * @param reconstructions the same images in the same order, as the model gave them back
 * @throws ShapeError when an array's length does not fit; ArgumentError for a layout that cannot be drawn
 */
export function reconstructionGrid(
  originals: Float32Array,
  reconstructions: Float32Array,
  layout: GridLayout,
): Picture {
  const { count, channels, height, width, columns } = layout;
  if (channels !== 1 && channels !== 3) {
    throw new ArgumentError(
      `a picture has 1 channel (grey) or 3 (RGB), got ${channels}`,
      "draw one channel at a time, or choose three",
    );
  }
  for (const [name, value] of Object.entries({ count, height, width, columns })) {
    if (!Number.isInteger(value) || value < 1) {
      throw new ArgumentError(
        `reconstructionGrid: ${name} must be a whole number, 1 or more, got ${value}`,
        "draw at least one image",
      );
    }
  }
  const size = count * channels * height * width;
  for (const [name, values] of Object.entries({ originals, reconstructions })) {
    if (values.length !== size) {
      throw new ShapeError(
        `reconstructionGrid: ${name} holds ${formatCount(values.length)} numbers, expected ` +
          `${count}×${channels}×${height}×${width} = ${formatCount(size)}`,
        "pass as many images as `count` says, each as channels × height × width",
      );
    }
  }

  const scale = Math.min(largestScale, Math.ceil(comfortableSide / Math.max(height, width)));
  const cellWidth = width * scale;
  const cellHeight = height * scale;
  const pairHeight = 2 * cellHeight + thinGap;
  const across = Math.min(columns, count);
  const down = Math.ceil(count / columns);
  const gridWidth = across * (cellWidth + thinGap) + thinGap;
  const gridHeight = down * (pairHeight + gapBetweenPairs) - gapBetweenPairs + 2 * thinGap;
  const data = new Uint8Array(gridWidth * gridHeight * channels).fill(background);

  for (let image = 0; image < count; image++) {
    const left = thinGap + (image % columns) * (cellWidth + thinGap);
    const top = thinGap + Math.floor(image / columns) * (pairHeight + gapBetweenPairs);
    drawImage(originals, image, left, top);
    drawImage(reconstructions, image, left, top + cellHeight + thinGap);
  }
  return { width: gridWidth, height: gridHeight, channels, data };

  function drawImage(values: Float32Array, image: number, left: number, top: number) {
    for (let channel = 0; channel < channels; channel++) {
      const plane = (image * channels + channel) * height * width;
      for (let y = 0; y < cellHeight; y++) {
        const row = plane + Math.floor(y / scale) * width;
        for (let x = 0; x < cellWidth; x++) {
          const value = values[row + Math.floor(x / scale)]!;
          const pixel = (top + y) * gridWidth + left + x;
          data[pixel * channels + channel] = Math.round(255 * Math.min(1, Math.max(0, value)));
        }
      }
    }
  }
}

/** The picture as the bytes of a PNG file, 8 bits a channel. */
export function encodePng(picture: Picture): Uint8Array {
  return encode({ ...picture, depth: 8 });
}
