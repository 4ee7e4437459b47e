import { gzipSync } from "node:zlib";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { gunzip, isGzip } from "../data/gzip.ts";
import { decodeIdxImages, decodeIdxLabels } from "../data/idx.ts";
import { DataError } from "../engine/errors.ts";
import { idxFile, refusal } from "./data-helpers.ts";

const size = { height: 2, width: 3 };
const images = idxFile([2, 2, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 255]);
const labels = idxFile([4], [0, 9, 3, 1]);
const text = (content: string) => new TextEncoder().encode(content);

test("images and labels are read", () => {
  const decoded = decodeIdxImages(images, "images", size);
  assert.is(decoded.count, 2);
  assert.equal(Array.from(decoded.pixels), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 255]);
  assert.equal(Array.from(decodeIdxLabels(labels, "labels", 10)), [0, 9, 3, 1]);
});

test("a file in the middle of a larger buffer is read", () => {
  const buffer = new Uint8Array(images.length + 7).fill(0xee);
  buffer.set(images, 5);
  const decoded = decodeIdxImages(buffer.subarray(5, 5 + images.length), "images", size);
  assert.equal(Array.from(decoded.pixels.subarray(10)), [11, 255]);
});

const refused: [name: string, bytes: Uint8Array, ...words: RegExp[]][] = [
  ["an empty file", new Uint8Array(0), /the file is empty/, /expected IDX images/],
  ["an HTML page", text("\n<!DOCTYPE html><html>404"), /HTML page/, /expected IDX images/],
  ["an XML error", text('<?xml version="1.0"?><Error/>'), /XML document/],
  ["a Git LFS pointer", text("version https://git-lfs.github.com/spec/v1\noid"), /Git LFS pointer/],
  ["a ZIP archive", text("PK\x03\x04rest"), /ZIP archive: unpack it/],
  ["gzip within gzip", new Uint8Array(gzipSync(images)), /gzip that has gzip in it/],
  ["other bytes", Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59), /first bytes 93 4e 55 4d/],
  ["three bytes", images.subarray(0, 3), /first bytes 00 00 08/],
  ["a type that IDX does not have", Uint8Array.of(0, 0, 7, 3, 0, 0, 0, 0), /no IDX file/],
  ["floats", Uint8Array.of(0, 0, 0x0d, 3, 0, 0, 0, 0), /32-bit floats/, /unsigned bytes/],
  ["labels in place of images", labels, /file of labels, expected images/, /idx3-ubyte/],
  ["two dimensions", idxFile([2, 3], [1, 2, 3, 4, 5, 6]), /an array of 2 dimensions, expected images/],
  ["a header cut off", images.subarray(0, 11), /within its header: 11 of 16 bytes/],
  ["other image sizes", idxFile([1, 3, 2], [1, 2, 3, 4, 5, 6]), /3×2 pixels, expected 2×3/],
  [
    "an image cut off",
    images.subarray(0, 27),
    /announces 2 images \(28 bytes\), found 1 whole ones \(27 bytes\)/,
  ],
  [
    "a count beyond all memory",
    idxFile([0xffffffff, 2, 3], [1]),
    /announces 4294967295 images/,
    /found 0 whole/,
  ],
  ["bytes too many", Uint8Array.of(...images, 0, 0), /too long/, /found 2 bytes more/],
  ["no image at all", idxFile([0, 2, 3], []), /announces 0 images, expected at least one/],
];
for (const [name, bytes, ...words] of refused) {
  test(`refused as images: ${name}`, async () => {
    const error = await refusal(DataError, () => decodeIdxImages(bytes, "some-file", size));
    for (const word of [/^some-file: /, ...words, /\n {2}help: \w/]) assert.match(error.message, word);
  });
}

test("refused as labels: images, a cut, a label out of range", async () => {
  const swapped = await refusal(DataError, () => decodeIdxLabels(images, "labels", 10));
  assert.match(swapped.message, /file of images, expected labels/);
  const cut = await refusal(DataError, () => decodeIdxLabels(labels.subarray(0, 10), "labels", 10));
  assert.match(cut.message, /announces 4 labels \(12 bytes\), found 2 whole ones \(10 bytes\)/);
  const outside = await refusal(DataError, () => decodeIdxLabels(labels, "labels", 9));
  assert.match(outside.message, /record 1 has the label 9, expected 0 to 8/);
});

test("gzip is recognised and unpacked", async () => {
  const content = Uint8Array.from({ length: 300_000 }, (_, index) => (index * index) % 251);
  const packed = new Uint8Array(gzipSync(content));
  assert.ok(isGzip(packed));
  assert.not(isGzip(content));
  assert.not(isGzip(new Uint8Array(0)));
  assert.equal(await gunzip(packed, "file.gz"), content);
});

test("damaged gzip is refused", async () => {
  const packed = new Uint8Array(
    gzipSync(Uint8Array.from({ length: 5000 }, (_, index) => (index * index) % 251)),
  );
  const flipped = packed.slice();
  flipped[packed.length - 6]! ^= 1;
  for (const damaged of [packed.subarray(0, packed.length / 2), packed.subarray(0, 5), flipped]) {
    const error = await refusal(DataError, () => gunzip(damaged, "file.gz"));
    assert.match(error.message, /^file\.gz: the gzip data is cut off or damaged/);
    assert.match(error.message, /help: download the file again/);
  }
});

test("gzip that unpacks to more than memory should hold is refused", async () => {
  // A gzip file may have several members: 5 times 64 MiB of zeros make a small file of 320 MiB.
  const member = new Uint8Array(gzipSync(new Uint8Array(2 ** 26)));
  const bomb = new Uint8Array(5 * member.length);
  for (let copy = 0; copy < 5; copy++) bomb.set(member, copy * member.length);
  const error = await refusal(DataError, () => gunzip(bomb, "bomb.gz"));
  assert.match(error.message, /unpack to more than 268435456/);
});

test.run();
