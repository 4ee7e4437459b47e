/**
 * The last look at a dataset before it trains a model: one NaN among 47 million pixels turns every weight
 * into NaN within a step, and nothing later can say which image it came from.
 */
import { DataError } from "../engine/errors.ts";
import { type ImageDataset, imageLength } from "./dataset.ts";

/**
 * Checks that the arrays have the lengths that the sizes announce, that every pixel is a number in [0, 1] and
 * every label the index of a class.
 * @throws DataError that names the first image that is wrong, and the pixel
 */
export function validateImages(dataset: ImageDataset): void {
  const { name, images, labels, count, channels, height, width, classes } = dataset;
  if (images.length !== count * imageLength(dataset) || labels.length !== count) {
    throw new DataError(
      `${name}: ${images.length} pixels and ${labels.length} labels for ${count} images of ` +
        `${channels}×${height}×${width}, expected ${count * imageLength(dataset)} pixels and ${count} labels`,
      "build the dataset with images as [count, channels, height, width] and one label an image",
    );
  }
  // Written so that NaN, which compares false with everything, fails too.
  const badPixel = images.findIndex((value) => !(value >= 0 && value <= 1));
  if (badPixel !== -1) {
    const column = badPixel % width;
    const row = Math.floor(badPixel / width) % height;
    const channel = Math.floor(badPixel / (width * height)) % channels;
    const index = Math.floor(badPixel / imageLength(dataset));
    throw new DataError(
      `${name}: image ${index} has the value ${images[badPixel]} at row ${row}, column ${column}` +
        `${channels > 1 ? `, channel ${channel}` : ""}; expected a number from 0 to 1`,
      "scale pixels to [0, 1] (bytes: divide by 255) and leave out images that did not decode",
    );
  }
  const badLabel = labels.findIndex((label) => label >= classes.length);
  if (badLabel !== -1) {
    throw new DataError(
      `${name}: image ${badLabel} has the label ${labels[badLabel]}; expected 0 to ${classes.length - 1}`,
      `give every label a class: there are ${classes.length} class names`,
    );
  }
}
