/**
 * JPEG (ITU-T T.81), decoded by the package jpeg-js. What stands in a file's header is read here before: the size,
 * the kinds that the package would decode to wrong pixels, how the colours are stored, and how the camera was held.
 */
import { decode } from "jpeg-js";
import { DataError } from "../engine/errors.ts";
import type { DecodedImage } from "./image.ts";
import { requireSize, undecodable } from "./pictureLimits.ts";

export function isJpeg(bytes: Uint8Array): boolean {
  return bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;
}

/** @throws DataError */
export function decodeJpeg(bytes: Uint8Array, name: string): DecodedImage {
  const { width, height, components, storesRgb, orientation } = readHeader(bytes, name);
  requireSize(name, width, height);
  const channels = components === 1 ? 1 : 3;
  let rgb: Uint8Array;
  try {
    rgb = decode(bytes, {
      useTArray: true,
      formatAsRGBA: false,
      // Of use for one thing alone: a scan whose restart interval does not divide its number of blocks.
      tolerantDecoding: true,
      maxMemoryUsageInMB: 2048,
      colorTransform: storesRgb ? false : undefined,
    }).data;
  } catch (error) {
    const isWhole = bytes.at(-2) === 0xff && bytes.at(-1) === 0xd9;
    if (isWhole && definesRestarts(bytes)) {
      const reason = (error as Error).message;
      throw new DataError(
        `${name}: a JPEG with restart markers in a way that is not read here, or damaged (${reason})`,
        "save it again without restart markers, or as PNG; or remove it from the set",
        { cause: error },
      );
    }
    throw undecodable(name, `the JPEG data is ${isWhole ? "damaged" : "cut off or damaged"}`, error);
  }
  const pixels = channels === 3 ? rgb : firstOfThree(rgb);
  return turnUpright({ width, height, channels, pixels }, orientation);
}

/** jpeg-js gives grey pictures in colour. */
function firstOfThree(rgb: Uint8Array): Uint8Array {
  const grey = new Uint8Array(rgb.length / 3);
  for (let pixel = 0; pixel < grey.length; pixel++) grey[pixel] = rgb[3 * pixel]!;
  return grey;
}

interface Header {
  readonly width: number;
  readonly height: number;
  readonly components: number;
  /** Red, green and blue as they are, not as brightness and two colour differences. */
  readonly storesRgb: boolean;
  /** EXIF's number for how the camera was held: 1 is upright. */
  readonly orientation: number;
}

const startOfFrame: Record<number, string> = {
  192: "baseline",
  193: "extended",
  194: "progressive",
  195: "lossless",
  197: "hierarchical",
  198: "hierarchical",
  199: "hierarchical",
  201: "arithmetic-coded",
  202: "arithmetic-coded",
  203: "arithmetic-coded",
  205: "hierarchical",
  206: "hierarchical",
  207: "hierarchical",
};

/** Goes from marker to marker up to the frame's header, which gives the size. */
function readHeader(bytes: Uint8Array, name: string): Header {
  let orientation = 1;
  let adobeTransform: number | undefined;
  let isJfif = false;
  for (const [marker, segment] of segments(bytes)) {
    if (marker === 0xd9 || marker === 0xda)
      throw undecodable(name, "the JPEG file has no header of an image");
    if (marker in startOfFrame) {
      if (segment.length < 6) throw undecodable(name, "the JPEG file is cut off within its header");
      const kind = startOfFrame[marker]!;
      if (marker > 0xc2) throw undecodable(name, `${kind} JPEG, expected baseline or progressive`);
      const [precision, components] = [segment[0]!, segment[5]!];
      if (precision !== 8) throw undecodable(name, `a JPEG of ${precision} bits a value, expected 8`);
      const identifiers = String.fromCharCode(segment[6]!, segment[9]!, segment[12]!);
      return {
        height: shortAt(segment, 1),
        width: shortAt(segment, 3),
        components,
        storesRgb: components === 3 && (adobeTransform === 0 || (!isJfif && identifiers === "RGB")),
        orientation,
      };
    }
    if (marker === 0xe0 && startsWith(segment, "JFIF\0")) isJfif = true;
    if (marker === 0xe1 && startsWith(segment, "Exif\0\0"))
      orientation = readOrientation(segment.subarray(6));
    if (marker === 0xee && startsWith(segment, "Adobe")) adobeTransform = segment[11];
  }
  throw undecodable(name, "the JPEG file is cut off within its header");
}

/** Whether the first scan has restart markers, between which it can be decoded without what came before. */
function definesRestarts(bytes: Uint8Array): boolean {
  for (const [marker, segment] of segments(bytes)) {
    if (marker === 0xda) return false;
    if (marker === 0xdd && shortAt(segment, 0) > 0) return true;
  }
  return false;
}

/** Each marker with what belongs to it; right as far as the first scan, whose data have no length. */
function* segments(bytes: Uint8Array): Generator<[marker: number, segment: Uint8Array]> {
  let offset = 2;
  for (;;) {
    while (offset < bytes.length && !(bytes[offset] === 0xff && bytes[offset + 1]! !== 0xff)) offset++;
    if (offset + 4 > bytes.length) return;
    const marker = bytes[offset + 1]!;
    offset += 2;
    if (marker <= 0x01 || (marker >= 0xd0 && marker <= 0xd8)) continue; // these stand alone
    const length = shortAt(bytes, offset);
    yield [marker, bytes.subarray(offset + 2, offset + length)];
    offset += length;
  }
}

function shortAt(bytes: Uint8Array, offset: number): number {
  return (bytes[offset]! << 8) | bytes[offset + 1]!;
}

function startsWith(bytes: Uint8Array, words: string): boolean {
  return [...words].every((character, index) => bytes[index] === character.charCodeAt(0));
}

/** The tag 0x0112 of EXIF data, which have the form of a TIFF file; 1 where there is none, or none that is right. */
function readOrientation(exif: Uint8Array): number {
  const view = new DataView(exif.buffer, exif.byteOffset, exif.byteLength);
  const littleEndian = startsWith(exif, "II");
  if (exif.length < 8) return 1;
  const directory = view.getUint32(4, littleEndian);
  if (directory + 2 > exif.length) return 1;
  const entries = view.getUint16(directory, littleEndian);
  for (let index = 0; index < entries; index++) {
    const entry = directory + 2 + 12 * index;
    if (entry + 12 > exif.length) return 1;
    if (view.getUint16(entry, littleEndian) !== 0x0112) continue;
    const orientation = view.getUint16(entry + 8, littleEndian);
    return orientation >= 1 && orientation <= 8 ? orientation : 1;
  }
  return 1;
}

/** The picture as it is to be seen: mirrored, rotated or both (EXIF 2.3, orientation). */
function turnUpright(image: DecodedImage, orientation: number): DecodedImage {
  if (orientation === 1) return image;
  const swapped = orientation >= 5;
  const fromRight = [2, 3, 7, 8].includes(orientation);
  const fromBottom = [3, 4, 6, 7].includes(orientation);
  const { channels, pixels: source } = image;
  const width = swapped ? image.height : image.width;
  const height = swapped ? image.width : image.height;
  const pixels = new Uint8Array(source.length);
  let place = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const column = swapped ? y : x;
      const row = swapped ? x : y;
      const sourceColumn = fromRight ? image.width - 1 - column : column;
      const sourceRow = fromBottom ? image.height - 1 - row : row;
      const from = (sourceRow * image.width + sourceColumn) * channels;
      for (let channel = 0; channel < channels; channel++) pixels[place++] = source[from + channel]!;
    }
  }
  return { width, height, channels, pixels };
}
