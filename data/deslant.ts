/**
 * Deslanting, as LeCun, Bottou, Bengio, Haffner did it to handwritten digits ("Gradient-based learning applied to
 * document recognition", 1998, section III.A): an image is sheared so that its principal axis stands upright. How much
 * follows from the second moments of its own ink, and from nothing else.
 */
import { mapImage } from "./augment.ts";
import { type ImageDataset, type ImageSize, imageLength } from "./dataset.ts";

/** The same images, each deslanted when it is read. For light ink on black. */
export function deslantDataset(dataset: ImageDataset): ImageDataset {
  async function readImage(index: number, target: Float32Array): Promise<void> {
    const image = new Float32Array(imageLength(dataset));
    await dataset.readImage(index, image);
    const shear = { xx: 1, xy: slantOf(image, dataset), yx: 0, yy: 1, shiftX: 0, shiftY: 0 };
    mapImage(image, dataset, shear, target);
  }
  return { ...dataset, readImage };
}

/**
 * By how many columns the ink moves to the right with each row downwards: covariance of x and y over variance of y,
 * every pixel weighed by its value. 0 for an image without ink, or with ink in one row alone.
 * @param image [channels, height, width]
 */
export function slantOf(image: Float32Array, { height, width }: ImageSize): number {
  let [ink, sumX, sumY, sumXY, sumYY] = [0, 0, 0, 0, 0];
  for (const [place, value] of image.entries()) {
    const x = place % width;
    const y = Math.floor(place / width) % height;
    ink += value;
    sumX += value * x;
    sumY += value * y;
    sumXY += value * x * y;
    sumYY += value * y * y;
  }
  const variance = ink * sumYY - sumY * sumY;
  return variance > 0 ? (ink * sumXY - sumX * sumY) / variance : 0;
}
