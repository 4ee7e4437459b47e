/**
 * PNG (ISO/IEC 15948), decoded by the package fast-png, and brought to 8 bits, grey or colour. What is transparent
 * is shown over white, as a page or a picture viewer would: drawings with a transparent background are mostly dark.
 */
import { convertIndexedToRgb, type DecodedPng, decode, hasPngSignature } from "fast-png";
import type { DecodedImage } from "./image.ts";
import { requireSize, undecodable } from "./pictureLimits.ts";

const onlyOnce = ["IHDR", "PLTE", "tRNS", "IEND"];

export function isPng(bytes: Uint8Array): boolean {
  return bytes.length >= 8 && hasPngSignature(bytes.subarray(0, 8));
}

/** @throws DataError */
export function decodePng(bytes: Uint8Array, name: string): DecodedImage {
  // The signature, and the header chunk that comes first: length, type, width, height, depth, …, checksum.
  if (bytes.length < 33) throw undecodable(name, "the PNG file is cut off within its header");
  const chunks = pictureChunks(bytes, name);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  const [depth, colourType, isInterlaced] = [bytes[24]!, bytes[25]!, bytes[28]];
  // The colour type tells, not the chunk: a picture in full colour may bring a palette for screens of few colours.
  const isIndexed = colourType === 3;
  requireSize(name, width, height);
  if (isInterlaced && depth < 8) {
    throw undecodable(name, `an interlaced PNG of ${depth} bits a pixel, expected 8 or more`);
  }
  if (depth < 8 && colourType !== 0 && !isIndexed) {
    throw undecodable(name, `a PNG of colour type ${colourType} and ${depth} bits a value, expected 8 or 16`);
  }
  let png: DecodedPng;
  let samples: Uint8Array;
  let channels: number;
  try {
    png = decode(chunks, { checkCrc: true });
    samples = isIndexed ? convertIndexedToRgb(png) : toBytes(png);
    channels = isIndexed ? png.palette![0]!.length : png.channels;
  } catch (error) {
    throw undecodable(name, "the PNG data is cut off or damaged", error);
  }
  if (png.transparency && png.transparency.length !== channels) {
    throw undecodable(
      name,
      `the PNG's transparent colour has ${png.transparency.length} values, not ${channels}`,
    );
  }
  const visible = channels > 2 ? 3 : 1;
  const size = { width, height, channels: visible } as const;
  if (png.transparency) return { ...size, pixels: hideColour(png, samples) };
  return { ...size, pixels: channels === visible ? samples : showOverWhite(samples, visible) };
}

/**
 * The file with those chunks alone that make the picture. The package would unpack a colour profile as well, whatever
 * its size, and fail over words that it cannot read; of several headers it would take the last one, and of several
 * lists of opacities the sum.
 */
function pictureChunks(bytes: Uint8Array, name: string): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks = new Uint8Array(bytes);
  const found = new Set<string>();
  let offset = 8; // behind the signature
  let length = offset;
  while (!found.has("IEND")) {
    // Length, type and checksum take 12 bytes.
    const end = offset + 12 + (offset + 12 <= bytes.length ? view.getUint32(offset) : 0);
    if (end > bytes.length) throw undecodable(name, "the PNG data is cut off or damaged");
    const type = String.fromCharCode(...bytes.subarray(offset + 4, offset + 8));
    if (found.has(type) && onlyOnce.includes(type)) {
      throw undecodable(name, `the PNG data is damaged: there are two chunks ${type}`);
    }
    found.add(type);
    if (!found.has("IHDR")) throw undecodable(name, "the PNG file does not begin with its header");
    if (onlyOnce.includes(type) || type === "IDAT") {
      chunks.set(bytes.subarray(offset, end), length);
      length += end - offset;
    }
    offset = end;
  }
  return chunks.subarray(0, length);
}

/** Grey or colour values of any depth as bytes. */
function toBytes({ data, depth, width, height, channels }: DecodedPng): Uint8Array {
  if (depth === 8) return data as Uint8Array;
  if (depth === 16) return Uint8Array.from(data, (value) => Math.round(value / 257));
  // Grey values that share bytes, the first one in the highest bits; every row begins a byte.
  const bytesPerRow = Math.ceil((width * channels * depth) / 8);
  const white = 2 ** depth - 1;
  return Uint8Array.from({ length: width * height }, (_, pixel) => {
    const bit = (pixel % width) * depth;
    const byte = data[Math.floor(pixel / width) * bytesPerRow + (bit >> 3)]!;
    return (((byte >> (8 - depth - (bit & 7))) & white) * 255) / white;
  });
}

/** Mixes every pixel with white by its last value, the opacity. */
function showOverWhite(samples: Uint8Array, channels: number): Uint8Array {
  const pixels = new Uint8Array((samples.length / (channels + 1)) * channels);
  for (let from = 0, to = 0; to < pixels.length; from++) {
    const opacity = samples[from + channels]! / 255;
    for (let channel = 0; channel < channels; channel++, from++, to++) {
      pixels[to] = Math.round(255 + opacity * (samples[from]! - 255));
    }
  }
  return pixels;
}

/** Makes white of the one colour that a picture without opacities can call transparent. */
function hideColour({ data, depth, channels, transparency }: DecodedPng, samples: Uint8Array): Uint8Array {
  const pixels = samples.slice();
  const values = depth < 8 ? samples : data;
  const hidden = Array.from(transparency!, (value) => (depth < 8 ? (value * 255) / (2 ** depth - 1) : value));
  for (let pixel = 0; pixel < pixels.length; pixel += channels) {
    if (hidden.every((value, channel) => values[pixel + channel] === value)) {
      pixels.fill(255, pixel, pixel + channels);
    }
  }
  return pixels;
}
