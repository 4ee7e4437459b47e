/**
 * A drawing in the form of MNIST's images, as its makers describe it (LeCun, Cortes, Burges, "The MNIST database of
 * handwritten digits"): the ink fitted into 20 × 20 pixels without changing its proportions, and laid into 28 × 28 so
 * that its centre of mass is in the middle.
 */
import { resizeImage } from "../../data/resize.ts";

const side = 28;
const boxSide = 20;
/** Less is no ink. */
const faintest = 0.05;

/**
 * @param ink [size, size], each value in [0, 1]
 * @returns [28, 28], or undefined where there is no ink
 */
export function mnistForm(ink: Float32Array, size: number): Float32Array | undefined {
  let [left, right, top, bottom] = [size, -1, size, -1];
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      if (ink[y * size + x] < faintest) continue;
      [left, right] = [Math.min(left, x), Math.max(right, x)];
      [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
    }
  }
  if (right < 0) return undefined;

  const [width, height] = [right - left + 1, bottom - top + 1];
  const length = Math.max(width, height);
  const square = new Float32Array(length * length);
  const [offsetX, offsetY] = [Math.floor((length - width) / 2), Math.floor((length - height) / 2)];
  for (let y = 0; y < height; y++) {
    const row = (top + y) * size + left;
    square.set(ink.subarray(row, row + width), (offsetY + y) * length + offsetX);
  }
  const box = resizeImage(
    square,
    { channels: 1, height: length, width: length },
    { channels: 1, height: boxSide, width: boxSide },
  );

  let [mass, massX, massY] = [0, 0, 0];
  for (let y = 0; y < boxSide; y++) {
    for (let x = 0; x < boxSide; x++) {
      const value = box[y * boxSide + x];
      mass += value;
      massX += value * (x + 0.5);
      massY += value * (y + 0.5);
    }
  }
  const place = (centre: number) => Math.min(side - boxSide, Math.max(0, Math.round(side / 2 - centre)));
  const [placeX, placeY] = [place(massX / mass), place(massY / mass)];
  const image = new Float32Array(side * side);
  for (let y = 0; y < boxSide; y++)
    image.set(box.subarray(y * boxSide, (y + 1) * boxSide), (placeY + y) * side + placeX);
  return image;
}
