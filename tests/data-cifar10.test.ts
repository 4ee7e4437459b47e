import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync, gzipSync } from "node:zlib";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { cifar10Archive, cifar10Classes, loadCifar10Folder } from "../data/cifar10.ts";
import { openFolder } from "../data/files.node.ts";
import { readImages } from "../data/loader.ts";
import { readTar } from "../data/tar.ts";
import { DataError } from "../engine/errors.ts";
import {
  cifar10ArchiveFile,
  cifar10Records,
  refusal,
  tarFile,
  temporaryFolder,
  writeFiles,
} from "./data-helpers.ts";

const plain = new Map([
  ["data_batch_1.bin", cifar10Records(7)],
  ["data_batch_3.bin", cifar10Records(4)],
  ["test_batch.bin", cifar10Records(5)],
]);
const packed = new Map([...plain].map(([name, bytes]) => [`${name}.gz`, new Uint8Array(gzipSync(bytes))]));
const inside = new Map([...plain].map(([name, bytes]) => [`cifar-10-batches-bin/${name}`, bytes]));
const load = (files: ReadonlyMap<string, Uint8Array>) =>
  loadCifar10Folder(openFolder(writeFiles(temporaryFolder(), files)));

test("fewer than five files, gzipped or not, or in the folder that the archive unpacks to", async () => {
  for (const files of [plain, packed, inside]) {
    const { train, test } = await load(files);
    assert.equal(
      [train.name, train.count, test.name, test.count],
      ["cifar-10/train", 11, "cifar-10/test", 5],
    );
    assert.equal([train.channels, train.height, train.width], [3, 32, 32]);
    assert.equal(Array.from(train.labels), [0, 3, 6, 9, 2, 5, 8, 0, 3, 6, 9]);
    assert.is(train.classes, cifar10Classes);
    // Image 9 is the third of the second file; its green plane begins after 1,024 pixels.
    const image = await readImages(train, [9]);
    assert.equal(
      [image[0], image[1024], image[3071]],
      [2, 1026 % 256, 3073 % 256].map((byte) => Math.fround(byte / 255)),
    );
  }
});

test("the official archive as it is", async () => {
  const { train, test } = await load(new Map([[cifar10Archive, cifar10ArchiveFile(6, 3)]]));
  assert.equal([train.count, test.count], [6, 3]);
  assert.equal(Array.from(train.labels), [0, 3, 6, 9, 2, 0]);
});

test("the real files where they are, generated ones elsewhere", async () => {
  const real = fileURLToPath(new URL("../../shared/data/cifar-10", import.meta.url));
  const isThere = existsSync(real);
  const generated = new Map([
    ["data_batch_1.bin", cifar10Records(5000)],
    ["test_batch.bin.gz", new Uint8Array(gzipSync(cifar10Records(1000)))],
  ]);
  const { train, test } = isThere ? await loadCifar10Folder(openFolder(real)) : await load(generated);
  assert.equal([train.count, test.count], [5000, 1000]);
  for (const [{ labels }, share] of [
    [train, 500],
    [test, 100],
  ] as const) {
    const counts = new Array<number>(10).fill(0);
    for (const label of labels) counts[label]!++;
    assert.equal(counts, new Array(10).fill(share));
  }
  const images = await readImages(test, [...test.labels.keys()]);
  const mean = images.reduce((sum, pixel) => sum + pixel, 0) / images.length;
  assert.ok(mean > 0.45 && mean < 0.52, `the mean pixel is ${mean}`);
});

test("missing files are named", async () => {
  const folder = await refusal(DataError, () => load(new Map()));
  assert.match(folder.message, /none of CIFAR-10's files data_batch_1\.bin, .*test_batch\.bin is there/);
  const noTest = await refusal(DataError, () => load(new Map([["data_batch_1.bin", cifar10Records(1)]])));
  assert.match(noTest.message, /none of CIFAR-10's files test_batch\.bin is there, also not with \.gz/);
  const noTrain = await refusal(DataError, () => load(new Map([["test_batch.bin", cifar10Records(1)]])));
  assert.match(noTrain.message, /data_batch_1\.bin, data_batch_2\.bin/);
});

test("bad records are named by file and index", async () => {
  const label = cifar10Records(7);
  label[3 * 3073] = 10;
  const cases: [bytes: Uint8Array, words: RegExp][] = [
    [label, /data_batch_3\.bin: record 3 has the label 10, expected 0 to 9/],
    [
      cifar10Records(7).subarray(0, 20_000),
      /data_batch_3\.bin: 20000 bytes are 6 whole records and 1562 bytes of record 6/,
    ],
    [new Uint8Array(0), /data_batch_3\.bin: 0 bytes are 0 whole records/],
    [
      new Uint8Array(gzipSync(cifar10Records(9))).subarray(0, 60),
      /data_batch_3\.bin: the gzip data is cut off/,
    ],
  ];
  for (const [bytes, words] of cases) {
    const error = await refusal(DataError, () => load(new Map([...plain, ["data_batch_3.bin", bytes]])));
    assert.match(error.message, words);
  }
});

test("archives that are cut off, damaged, or of something else", async () => {
  const whole = new Uint8Array(gunzipSync(cifar10ArchiveFile(6, 3)));
  const damaged = whole.slice();
  damaged[3] = 0x7a;
  // A length of -512 bytes. The checksum is the sum of the bytes, and "-" stands 3 below "0".
  const backwards = tarFile(new Map([["a.bin", new Uint8Array(512)]]));
  const checksum = Number.parseInt(Buffer.from(backwards.subarray(148, 154)).toString(), 8) - 3;
  backwards.set(Buffer.from("-"), 124);
  backwards.set(Buffer.from(checksum.toString(8).padStart(6, "0")), 148);
  const cases: [bytes: Uint8Array, words: RegExp][] = [
    [
      gzipSync(whole.subarray(0, 9000)),
      /cut off in cifar-10-batches-bin\/data_batch_2\.bin: 7464 of 15365 bytes/,
    ],
    [gzipSync(damaged), /no header of a tar archive at byte 0/],
    [gzipSync(backwards), /the header at byte 0 does not give its file's length/],
    [cifar10ArchiveFile(6, 3).subarray(0, 100), /tar\.gz: the gzip data is cut off/],
    [gzipSync(tarFile(new Map([["readme.txt", new Uint8Array(700)]]))), /none of CIFAR-10's files/],
  ];
  for (const [bytes, words] of cases) {
    const error = await refusal(DataError, () => load(new Map([[cifar10Archive, bytes]])));
    assert.match(error.message, words);
    assert.match(error.message, /cifar-10-binary\.tar\.gz/);
  }
});

test("an archive that a real tar program made is read, folders in it passed over", async () => {
  const folder = writeFiles(temporaryFolder(), inside);
  for (const format of ["ustar", "gnu", "v7"]) {
    execFileSync("tar", [`--format=${format}`, "-cf", "all.tar", "cifar-10-batches-bin"], { cwd: folder });
    const files = readTar(await openFolder(folder).read("all.tar"), "all.tar");
    assert.equal([...files.keys()].sort(), [...plain.keys()]);
    assert.equal(files.get("data_batch_3.bin"), plain.get("data_batch_3.bin"));
  }
});

test.run();
