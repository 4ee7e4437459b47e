/** Picture files as pixels: which format it is, and the limits and errors that all formats share. */
import { DataError } from "../engine/errors.ts";
import { describeFile, firstBytes } from "./describeFile.ts";
import { decodeJpeg, isJpeg } from "./jpeg.ts";
import { decodePng, isPng } from "./png.ts";

export interface DecodedImage {
  readonly width: number;
  readonly height: number;
  /** 1 (grey) or 3 (red, green, blue). */
  readonly channels: 1 | 3;
  /** [height, width, channels], 0 to 255. */
  readonly pixels: Uint8Array;
}

/**
 * Decodes a JPEG (baseline or progressive; grey, colour or CMYK; turned upright as its EXIF data say) or a PNG
 * (1 to 16 bits, palette, transparent parts shown over white). The content decides, not the name.
 * @param name the file's name, for messages
 * @throws DataError when the file is neither, is cut off or damaged, or has more than 50 million pixels
 */
export function decodeImage(bytes: Uint8Array, name: string): DecodedImage {
  if (isJpeg(bytes)) return decodeJpeg(bytes, name);
  if (isPng(bytes)) return decodePng(bytes, name);
  const found =
    bytes.length === 0
      ? "the file is empty"
      : `this is ${describeFile(bytes) ?? `no picture that is known here (first bytes ${firstBytes(bytes)})`}`;
  throw new DataError(
    `${name}: ${found}, expected a JPEG or PNG picture`,
    "convert it to JPEG or PNG, or remove it",
  );
}
