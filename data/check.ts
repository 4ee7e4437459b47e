/**
 * The last look at images and labels before they train a model: one NaN among 47 million pixels turns every weight
 * into NaN within a step, and nothing later can say which image it came from.
 */
import { DataError } from "../engine/errors.ts";
import type { ImageDataset } from "./dataset.ts";

/** What of a dataset is checked here; labels as they came, before 0.9 or NaN turns into the integer 0. */
interface Labelled extends Pick<ImageDataset, "name" | "count" | "classes"> {
  readonly labels: ArrayLike<number>;
}

/**
 * Checks what can be checked without reading an image: that every image has a label, and every label is the index
 * of a class. Pixels are checked when they are read (loader.ts).
 * @throws DataError that names the first image that is wrong
 */
export function validateImages({ name, count, labels, classes }: Labelled): void {
  if (labels.length !== count) {
    throw new DataError(
      `${name}: ${labels.length} labels for ${count} images`,
      "build the dataset with one label an image",
    );
  }
  const badLabel = Array.from(labels).findIndex(
    (label) => !(Number.isInteger(label) && label >= 0 && label < classes.length),
  );
  if (badLabel !== -1) {
    throw new DataError(
      `${name}: image ${badLabel} has the label ${labels[badLabel]}; expected 0 to ${classes.length - 1}`,
      `give every label a class: there are ${classes.length} class names`,
    );
  }
}

/**
 * Checks that every pixel is a number in [0, 1].
 * @param first the index in the dataset of the first image in `pixels`
 * @param pixels whole images, one after another
 * @throws DataError that names the first image that is wrong, and the pixel
 */
export function requirePixels(dataset: ImageDataset, first: number, pixels: Float32Array): void {
  let bad = 0;
  // A plain loop, because it sees every pixel of every batch. NaN, which compares false with everything, ends it too.
  while (bad < pixels.length && pixels[bad]! >= 0 && pixels[bad]! <= 1) bad++;
  if (bad === pixels.length) return;
  const { name, channels, height, width } = dataset;
  const column = bad % width;
  const row = Math.floor(bad / width) % height;
  const channel = Math.floor(bad / (width * height)) % channels;
  const index = first + Math.floor(bad / (width * height * channels));
  throw new DataError(
    `${name}: image ${index} has the value ${pixels[bad]} at row ${row}, column ${column}` +
      `${channels > 1 ? `, channel ${channel}` : ""}; expected a number from 0 to 1`,
    "scale pixels to [0, 1] (bytes: divide by 255) and leave out images that did not decode",
  );
}
