/**
 * What the tests of data/ share: real files in a temporary folder, and errors as values to look at.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { deflateSync, gzipSync } from "node:zlib";
import { encode } from "jpeg-js";
import * as assert from "uvu/assert";
import type { WgradError } from "../engine/errors.ts";

const root = mkdtempSync(join(tmpdir(), "wgrad-test-"));
process.on("exit", () => rmSync(root, { recursive: true, force: true }));

/** A new folder, gone when the process ends. */
export function temporaryFolder(): string {
  return mkdtempSync(join(root, "folder-"));
}

/** Writes files into a folder, which is made, with those that their names tell of. */
export function writeFiles(folder: string, files: ReadonlyMap<string, Uint8Array>): string {
  for (const [name, bytes] of files) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
  }
  return folder;
}

/** The error with which `action` refuses, which has to be of the class `kind` and to say what to do. */
export async function refusal(
  kind: new (problem: string, help?: string) => WgradError,
  action: () => unknown,
): Promise<WgradError> {
  try {
    await action();
  } catch (error) {
    assert.instance(error, kind, `expected a ${kind.name}, got ${error}`);
    return error as WgradError;
  }
  assert.unreachable(`expected a ${kind.name}, and nothing was refused`);
  throw new Error("unreachable");
}

/** An IDX file of unsigned bytes. */
export function idxFile(sizes: readonly number[], values: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(4 + 4 * sizes.length + values.length);
  bytes.set([0, 0, 8, sizes.length]);
  const view = new DataView(bytes.buffer);
  for (const [axis, size] of sizes.entries()) view.setUint32(4 + 4 * axis, size);
  bytes.set(values, 4 + 4 * sizes.length);
  return bytes;
}

/** The four files of a small set in MNIST's form: the pixels of image i are i, i + 1, … modulo 256. */
export function mnistFiles(trainCount: number, testCount: number): Map<string, Uint8Array> {
  const images = (count: number) =>
    idxFile(
      [count, 28, 28],
      Uint8Array.from({ length: count * 784 }, (_, place) => Math.floor(place / 784) + (place % 784)),
    );
  const labels = (count: number) =>
    idxFile(
      [count],
      Uint8Array.from({ length: count }, (_, index) => (3 * index) % 10),
    );
  return new Map([
    ["train-images-idx3-ubyte", images(trainCount)],
    ["train-labels-idx1-ubyte", labels(trainCount)],
    ["t10k-images-idx3-ubyte", images(testCount)],
    ["t10k-labels-idx1-ubyte", labels(testCount)],
  ]);
}

/** Records of CIFAR-10: record i has the label 3i modulo 10 and the pixels i, i + 1, … modulo 256. */
export function cifar10Records(count: number): Uint8Array {
  return Uint8Array.from({ length: count * 3073 }, (_, place) => {
    const index = Math.floor(place / 3073);
    const inside = place % 3073;
    return inside === 0 ? (3 * index) % 10 : index + inside - 1;
  });
}

/** A tar archive of plain files, as POSIX has it. */
export function tarFile(files: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const blocks: Uint8Array[] = [];
  for (const [name, bytes] of files) {
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write("0000644\0", 100);
    header.write(`${bytes.length.toString(8).padStart(11, "0")}\0`, 124);
    header.write("        0", 148);
    header.write("ustar\x0000", 257);
    const checksum = header.reduce((sum, byte) => sum + byte, 0);
    header.write(`${checksum.toString(8).padStart(6, "0")}\0 `, 148);
    blocks.push(header, bytes, new Uint8Array((512 - (bytes.length % 512)) % 512));
  }
  return new Uint8Array(Buffer.concat([...blocks, new Uint8Array(1024)]));
}

/** CIFAR-10's archive with two training files, one of them with a single record. */
export function cifar10ArchiveFile(trainCount: number, testCount: number): Uint8Array {
  const files = new Map([
    ["cifar-10-batches-bin/batches.meta.txt", new TextEncoder().encode("airplane\n")],
    ["cifar-10-batches-bin/data_batch_2.bin", cifar10Records(trainCount - 1)],
    ["cifar-10-batches-bin/data_batch_5.bin", cifar10Records(1)],
    ["cifar-10-batches-bin/test_batch.bin", cifar10Records(testCount)],
  ]);
  return new Uint8Array(gzipSync(tarFile(files)));
}

/** A JPEG of one colour. */
export function plainJpeg(width: number, height: number, [red, green, blue]: readonly number[]): Uint8Array {
  const data = Uint8Array.from({ length: 4 * width * height }, (_, i) => [red!, green!, blue!, 255][i % 4]!);
  return new Uint8Array(encode({ width, height, data }, 95).data);
}

/**
 * A PNG from its bytes as they stand in the file.
 * @param rows each row's bytes, unfiltered
 * @param chunks others, in front of the pixels
 */
export function pngFile(
  header: { width: number; height: number; depth: number; colourType: number; interlaced?: boolean },
  rows: readonly (readonly number[])[],
  chunks: Readonly<Record<string, readonly number[]>> = {},
): Uint8Array {
  const sizes = Buffer.alloc(8);
  sizes.writeUInt32BE(header.width);
  sizes.writeUInt32BE(header.height, 4);
  const { depth, colourType, interlaced = false } = header;
  return new Uint8Array(
    Buffer.concat([
      Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10),
      pngChunk("IHDR", [...sizes, depth, colourType, 0, 0, Number(interlaced)]),
      ...Object.entries(chunks).map(([name, bytes]) => pngChunk(name, bytes)),
      pngChunk("IDAT", deflateSync(Uint8Array.from(rows.flatMap((row) => [0, ...row])))),
      pngChunk("IEND", []),
    ]),
  );
}

function pngChunk(name: string, content: ArrayLike<number>): Uint8Array {
  const bytes = Buffer.alloc(12 + content.length);
  bytes.writeUInt32BE(content.length);
  bytes.write(name, 4);
  bytes.set(Uint8Array.from(content), 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + content.length)), 8 + content.length);
  return bytes;
}

/** The checksum of a PNG's chunks (ISO/IEC 15948, annex D). */
function crc32(bytes: Uint8Array): number {
  let remainder = 0xffffffff;
  for (const byte of bytes) {
    remainder ^= byte;
    for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? 0xedb88320 : 0);
  }
  return ~remainder >>> 0;
}
