/**
 * Augmentation: small random changes to training images that leave their meaning. Flip, crop, shift, rotation and
 * scale are one affine map together, and an image is warped once, with bilinear interpolation; what comes from
 * outside is black. Whole pixels stay exact: a flip or a crop alone only moves values.
 */
import { ArgumentError } from "../engine/errors.ts";
import type { HostRandom } from "../engine/hostRandom.ts";
import type { ImageSize } from "./dataset.ts";

export interface Augmentation {
  /** Mirrors left and right, every second image on average. */
  readonly flip?: boolean;
  /** Surrounds an image with so many black pixels and cuts its old size out of that, at a random place. */
  readonly crop?: number;
  /** Shifts by up to so many pixels, also fractions, in both directions. */
  readonly shift?: number;
  /** Rotates by up to so many degrees, to either side. */
  readonly rotation?: number;
  /** Scales by a factor between 1 − this and 1 + this. */
  readonly scale?: number;
}

/** What happens to one image: mirrored, then scaled and rotated around its middle, then shifted. */
export interface Warp {
  readonly flip: boolean;
  /** Counter-clockwise, in degrees. */
  readonly rotation: number;
  readonly scale: number;
  /** In pixels, to the right. */
  readonly shiftX: number;
  /** In pixels, downwards. */
  readonly shiftY: number;
}

/** @throws ArgumentError for a number outside its range */
export function requireAugmentation({ crop = 0, shift = 0, rotation = 0, scale = 0 }: Augmentation): void {
  const help = "leave out what is not wanted";
  for (const [name, value] of Object.entries({ crop, shift, rotation })) {
    if (!(value >= 0 && value < Number.POSITIVE_INFINITY) || (name === "crop" && !Number.isInteger(value))) {
      const expected = name === "crop" ? "a whole number of pixels" : "a number";
      throw new ArgumentError(`augment: ${name} ${value}, expected ${expected} of at least 0`, help);
    }
  }
  if (!(scale >= 0 && scale < 1)) {
    throw new ArgumentError(
      `augment: scale ${scale}, expected a number from 0 up to, not including, 1`,
      help,
    );
  }
}

/** Changes an image, [channels, height, width], in place. */
export function augmentImage(
  image: Float32Array,
  size: ImageSize,
  augmentation: Augmentation,
  random: HostRandom,
): void {
  warpImage(image.slice(), size, drawWarp(augmentation, random), image);
}

/** Always draws seven numbers, so that one kind of change does not depend on whether another is asked for. */
function drawWarp(
  { flip = false, crop = 0, shift = 0, rotation = 0, scale = 0 }: Augmentation,
  random: HostRandom,
): Warp {
  const within = (reach: number) => reach * (2 * random() - 1);
  const offset = () => Math.floor(random() * (2 * crop + 1)) - crop;
  return {
    flip: random() < 0.5 && flip,
    rotation: within(rotation),
    scale: 1 + within(scale),
    shiftX: within(shift) + offset(),
    shiftY: within(shift) + offset(),
  };
}

/**
 * Writes the warped image: for every pixel of the target, the place in the source that lands there.
 * @param source [channels, height, width]
 * @param target as long, and another array
 */
export function warpImage(source: Float32Array, size: ImageSize, warp: Warp, target: Float32Array): void {
  const angle = (warp.rotation * Math.PI) / 180;
  const cosine = Math.cos(angle) / warp.scale;
  const sine = Math.sin(angle) / warp.scale;
  const mirror = warp.flip ? -1 : 1;
  const { shiftX, shiftY } = warp;
  const map = { xx: mirror * cosine, xy: -mirror * sine, yx: sine, yy: cosine, shiftX, shiftY };
  mapImage(source, size, map, target);
}

/** Where a pixel comes from, seen from the image's middle: (xx · x + xy · y, yx · x + yy · y), before the shift. */
export interface AffineMap {
  readonly xx: number;
  readonly xy: number;
  readonly yx: number;
  readonly yy: number;
  /** In pixels, to the right and downwards. */
  readonly shiftX: number;
  readonly shiftY: number;
}

/** Draws `source` as the map says into `target`, with bilinear interpolation; what comes from outside is black. */
export function mapImage(
  source: Float32Array,
  { channels, height, width }: ImageSize,
  { xx, xy, yx, yy, shiftX, shiftY }: AffineMap,
  target: Float32Array,
): void {
  const plane = height * width;
  const middleX = (width - 1) / 2;
  const middleY = (height - 1) / 2;
  target.fill(0);

  for (let row = 0; row < height; row++) {
    const y = row - middleY - shiftY;
    for (let column = 0; column < width; column++) {
      const x = column - middleX - shiftX;
      const sourceX = xx * x + xy * y + middleX;
      const sourceY = yx * x + yy * y + middleY;
      const left = Math.floor(sourceX);
      const top = Math.floor(sourceY);
      if (left < -1 || left >= width || top < -1 || top >= height) continue;
      const fromLeft = sourceX - left;
      const fromTop = sourceY - top;
      // A neighbour outside is black, which is a weight of zero on any pixel inside.
      const weightLeft = left >= 0 ? 1 - fromLeft : 0;
      const weightRight = left + 1 < width ? fromLeft : 0;
      const weightTop = top >= 0 ? 1 - fromTop : 0;
      const weightBottom = top + 1 < height ? fromTop : 0;
      const firstColumn = left >= 0 ? left : 0;
      const nextColumn = left + 1 < width ? left + 1 : firstColumn;
      const firstRow = (top >= 0 ? top : 0) * width;
      const nextRow = top + 1 < height ? (top + 1) * width : firstRow;
      let pixel = row * width + column;
      for (let base = 0; base < channels * plane; base += plane, pixel += plane) {
        target[pixel] =
          weightTop *
            (weightLeft * source[base + firstRow + firstColumn]! +
              weightRight * source[base + firstRow + nextColumn]!) +
          weightBottom *
            (weightLeft * source[base + nextRow + firstColumn]! +
              weightRight * source[base + nextRow + nextColumn]!);
      }
    }
  }
}
