/**
 * Reads IDX, the format of MNIST and its relatives: two zero bytes, a byte for the type of the values, a byte
 * for the number of dimensions, each dimension as a big-endian 32-bit number, then the values, last dimension
 * fastest. Described on the page of the MNIST database, "File formats for the MNIST database".
 */
import { DataError } from "../engine/errors.ts";
import { describeFile, firstBytes } from "./describeFile.ts";
import { isGzip } from "./gzip.ts";

const typeNames: Record<number, string> = {
  8: "unsigned bytes",
  9: "signed bytes",
  11: "16-bit integers",
  12: "32-bit integers",
  13: "32-bit floats",
  14: "64-bit floats",
};

const getTheFileAgain = "get the file again from its source; a complete one has exactly the announced length";

/**
 * Grey images.
 * @param bytes the file, unpacked
 * @param file its name, for messages
 * @returns the pixels as [count, height, width], 0 to 255, as a view of `bytes`
 * @throws DataError when this is no IDX file of images of that size, or is not whole
 */
export function decodeIdxImages(
  bytes: Uint8Array,
  file: string,
  expected: { height: number; width: number },
): { count: number; pixels: Uint8Array } {
  const [count, height, width] = readHeader(bytes, file, "images") as [number, number, number];
  if (height !== expected.height || width !== expected.width) {
    throw new DataError(
      `${file}: images of ${height}×${width} pixels, expected ${expected.height}×${expected.width}`,
      `use a file of ${expected.height}×${expected.width} images, such as MNIST's`,
    );
  }
  return { count, pixels: readBody(bytes, file, "images", count, height * width) };
}

/**
 * Labels.
 * @param bytes the file, unpacked
 * @param file its name, for messages
 * @param classCount every label must be smaller than this
 * @returns [count], as a view of `bytes`
 * @throws DataError when this is no IDX file of labels, is not whole, or has a label out of range
 */
export function decodeIdxLabels(bytes: Uint8Array, file: string, classCount: number): Uint8Array {
  const [count] = readHeader(bytes, file, "labels") as [number];
  const labels = readBody(bytes, file, "labels", count, 1);
  const bad = labels.findIndex((label) => label >= classCount);
  if (bad !== -1) {
    throw new DataError(
      `${file}: record ${bad} has the label ${labels[bad]}, expected 0 to ${classCount - 1}`,
      `use a file with ${classCount} classes; if it should have them, get it again from its source`,
    );
  }
  return labels;
}

/** The sizes in the header, once it is certain that the file is what it should be. */
function readHeader(bytes: Uint8Array, file: string, kind: "images" | "labels"): number[] {
  const dimensions = kind === "images" ? 3 : 1;
  const wanted = `IDX ${kind} (first bytes 00 00 08 0${dimensions})`;
  if (bytes.length === 0) {
    throw new DataError(`${file}: the file is empty, expected ${wanted}`, getTheFileAgain);
  }
  if (bytes.length < 4 || bytes[0] !== 0 || bytes[1] !== 0 || !(bytes[2]! in typeNames)) {
    throw new DataError(`${file}: ${describe(bytes)}, expected ${wanted}`, getTheFileAgain);
  }
  if (bytes[2] !== 0x08) {
    throw new DataError(
      `${file}: IDX with ${typeNames[bytes[2]!]}, expected ${wanted} with unsigned bytes`,
      `convert the values to bytes: pixels from 0 to 255, labels from 0`,
    );
  }
  if (bytes[3] !== dimensions) {
    const found =
      bytes[3] === 1 ? "labels" : bytes[3] === 3 ? "images" : `an array of ${bytes[3]} dimensions`;
    throw new DataError(
      `${file}: this is an IDX file of ${found}, expected ${kind}`,
      "check the file names: images end in idx3-ubyte, labels in idx1-ubyte",
    );
  }
  const headerLength = 4 + 4 * dimensions;
  if (bytes.length < headerLength) {
    throw new DataError(
      `${file}: cut off within its header: ${bytes.length} of ${headerLength} bytes`,
      getTheFileAgain,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: dimensions }, (_, axis) => view.getUint32(4 + 4 * axis));
}

/** The values, once it is certain that the file has as many as its header says. */
function readBody(
  bytes: Uint8Array,
  file: string,
  kind: "images" | "labels",
  count: number,
  recordLength: number,
): Uint8Array {
  const headerLength = kind === "images" ? 16 : 8;
  const expected = headerLength + count * recordLength;
  const announced = `its header announces ${count} ${kind}`;
  if (count === 0) {
    throw new DataError(`${file}: ${announced}, expected at least one`, getTheFileAgain);
  }
  if (bytes.length < expected) {
    const whole = Math.floor((bytes.length - headerLength) / recordLength);
    throw new DataError(
      `${file}: cut off: ${announced} (${expected} bytes), found ${whole} whole ones (${bytes.length} bytes)`,
      getTheFileAgain,
    );
  }
  if (bytes.length > expected) {
    throw new DataError(
      `${file}: too long: ${announced} (${expected} bytes), found ${bytes.length - expected} bytes more`,
      getTheFileAgain,
    );
  }
  return bytes.subarray(headerLength);
}

function describe(bytes: Uint8Array): string {
  if (isGzip(bytes)) return "this is gzip that has gzip in it";
  const known = describeFile(bytes);
  return known ? `this is ${known}` : `this is no IDX file (first bytes ${firstBytes(bytes)})`;
}
