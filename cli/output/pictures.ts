/**
 * Many images in one picture, enlarged so that a person sees something; originals may stand over their reconstructions.
 * PNG by fast-png, which is JavaScript through and through: the same code runs in a browser.
 */
import { encode } from "fast-png";
import { mostPixels } from "../../data/pictureLimits.ts";
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
  /** How many images each of the arrays holds. */
  readonly count: number;
  /** 1 (grey) or 3 (RGB). */
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** Images in a row. */
  readonly columns: number;
}

const background = 160;
const thinGap = 2;
const gapBetweenStacks = 8;
const largestScale = 3;
/** Images are enlarged until their longer side has this many pixels. */
const comfortableSide = 64;
/**
 * To be asked before images are made at great expense.
 * @param asked what the user asked for: "--side 1000"
 * @throws ArgumentError for a grid that is too large to be drawn
 */
export function requireDrawable(sets: number, layout: GridLayout, asked: string): void {
  const { gridWidth, gridHeight } = measureGrid(sets, layout);
  if (gridWidth * gridHeight <= mostPixels) return;
  throw new ArgumentError(
    `${asked}: the picture would have ${formatCount(gridWidth)} × ${formatCount(gridHeight)} pixels, ` +
      `and at most ${mostPixels / 1e6} million are drawn`,
    "ask for fewer images",
  );
}

/**
 * A grid of images, `columns` in a row. Of several sets, the images of one number stand right below each other: an
 * original, say, over its reconstruction.
 * @param stacked sets of count × channels × height × width values in [0, 1], NCHW; what lies outside is clamped
 * @throws ShapeError when a set's length does not fit; ArgumentError for a layout that cannot be drawn
 */
export function imageGrid(stacked: readonly Float32Array[], layout: GridLayout): Picture {
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
        `imageGrid: ${name} must be a whole number, 1 or more, got ${value}`,
        "draw at least one image",
      );
    }
  }
  const size = count * channels * height * width;
  for (const [index, values] of stacked.entries()) {
    if (values.length !== size) {
      throw new ShapeError(
        `imageGrid: set ${index} holds ${formatCount(values.length)} numbers, expected ` +
          `${count}×${channels}×${height}×${width} = ${formatCount(size)}`,
        "pass as many images as `count` says, each as channels × height × width",
      );
    }
  }

  const { scale, cellWidth, cellHeight, stackHeight, gapBelow, gridWidth, gridHeight } = measureGrid(
    stacked.length,
    layout,
  );
  const data = new Uint8Array(gridWidth * gridHeight * channels).fill(background);

  for (let image = 0; image < count; image++) {
    const left = thinGap + (image % columns) * (cellWidth + thinGap);
    const top = thinGap + Math.floor(image / columns) * (stackHeight + gapBelow);
    for (const [level, values] of stacked.entries()) {
      drawImage(values, image, left, top + level * (cellHeight + thinGap));
    }
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

/** In pixels; `gapBelow` is that below a stack. */
function measureGrid(sets: number, { count, height, width, columns }: GridLayout) {
  const scale = Math.min(largestScale, Math.ceil(comfortableSide / Math.max(height, width)));
  const cellWidth = width * scale;
  const cellHeight = height * scale;
  const stackHeight = sets * (cellHeight + thinGap) - thinGap;
  const gapBelow = sets > 1 ? gapBetweenStacks : thinGap;
  const across = Math.min(columns, count);
  const down = Math.ceil(count / columns);
  const gridWidth = across * (cellWidth + thinGap) + thinGap;
  const gridHeight = down * (stackHeight + gapBelow) - gapBelow + 2 * thinGap;
  return { scale, cellWidth, cellHeight, stackHeight, gapBelow, gridWidth, gridHeight };
}

/** The picture as the bytes of a PNG file, 8 bits a channel. */
export function encodePng(picture: Picture): Uint8Array {
  return encode({ ...picture, depth: 8 });
}
