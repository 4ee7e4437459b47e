import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { validateImages } from "../data/check.ts";
import { openFolder } from "../data/files.node.ts";
import { readImages } from "../data/loader.ts";
import { digitClasses, fashionClasses, loadMnistFolder } from "../data/mnist.ts";
import { DataError } from "../engine/errors.ts";
import { idxFile, mnistFiles, refusal, temporaryFolder } from "./data-helpers.ts";

function write(folder: string, files: ReadonlyMap<string, Uint8Array>): string {
  mkdirSync(folder, { recursive: true });
  for (const [name, bytes] of files) writeFileSync(join(folder, name), bytes);
  return folder;
}

const renamed = (files: ReadonlyMap<string, Uint8Array>, change: (name: string) => string) =>
  new Map([...files].map(([name, bytes]) => [change(name), bytes]));

const packed = (files: ReadonlyMap<string, Uint8Array>) =>
  new Map([...files].map(([name, bytes]) => [`${name}.gz`, new Uint8Array(gzipSync(bytes))]));

test("the four files are read: gzipped, unpacked, and with the other names", async () => {
  const plain = mnistFiles(12, 5);
  const dotted = renamed(plain, (name) => name.replace("-idx", ".idx"));
  for (const files of [plain, packed(plain), dotted, packed(dotted)]) {
    const { train, test } = await loadMnistFolder(openFolder(write(temporaryFolder(), files)));
    assert.is(train.count, 12);
    assert.is(test.count, 5);
    assert.equal([train.channels, train.height, train.width], [1, 28, 28]);
    assert.is((await readImages(train, [3]))[40], Math.fround(43 / 255));
    assert.equal(Array.from(train.labels), [0, 3, 6, 9, 2, 5, 8, 1, 4, 7, 0, 3]);
    assert.equal(train.classes, digitClasses);
    validateImages(train);
    validateImages(test);
  }
});

test("a folder named after fashion has its classes, and takes its name to the dataset", async () => {
  const folder = write(join(temporaryFolder(), "Fashion-MNIST"), mnistFiles(3, 3));
  const { train, test } = await loadMnistFolder(openFolder(folder));
  assert.equal(train.classes, fashionClasses);
  assert.is(train.name, "Fashion-MNIST/train");
  assert.is(test.name, "Fashion-MNIST/test");
});

test("the real files where they are, generated ones elsewhere", async () => {
  const real = fileURLToPath(new URL("../../shared/data/mnist", import.meta.url));
  const isThere = existsSync(real);
  const folder = isThere ? real : write(temporaryFolder(), packed(mnistFiles(10_000, 5_000)));
  const { train, test } = await loadMnistFolder(openFolder(folder));
  assert.is(train.count, 10_000);
  assert.is(test.count, 5_000);
  validateImages(train);
  validateImages(test);
  // The beginning of MNIST's labels, known from every tutorial; the generated ones go up in threes.
  const first = isThere ? [5, 0, 4, 1, 9, 2, 1, 3, 1, 4] : [0, 3, 6, 9, 2, 5, 8, 1, 4, 7];
  assert.equal(Array.from(train.labels.subarray(0, 10)), first);
  const counts = new Array<number>(10).fill(0);
  for (const label of train.labels) counts[label]!++;
  assert.equal(
    counts,
    isThere ? [1001, 1127, 991, 1032, 980, 863, 1014, 1070, 944, 978] : new Array(10).fill(1000),
  );
});

test("a missing folder and a file in place of a folder are refused", async () => {
  const parent = write(temporaryFolder(), new Map([["a-file", new Uint8Array(1)]]));
  const missing = await refusal(DataError, () => loadMnistFolder(openFolder(join(parent, "nowhere"))));
  assert.match(missing.message, /nowhere: it does not exist\n {2}help: /);
  const file = await refusal(DataError, () => loadMnistFolder(openFolder(join(parent, "a-file"))));
  assert.match(file.message, /a-file: it is not a folder\n {2}help: /);
});

test("missing files: what was looked for, and what is there", async () => {
  const empty = await refusal(DataError, () => loadMnistFolder(openFolder(temporaryFolder())));
  assert.match(empty.message, /4 of the four MNIST files are missing/);
  assert.match(empty.message, /the folder is empty/);

  const files = mnistFiles(2, 2);
  files.delete("t10k-labels-idx1-ubyte");
  const folder = write(temporaryFolder(), files);
  mkdirSync(join(folder, "t10k-labels-idx1-ubyte"));
  const error = await refusal(DataError, () => loadMnistFolder(openFolder(folder)));
  assert.match(error.message, /1 of the four MNIST files/);
  assert.match(
    error.message,
    /looked for t10k-labels-idx1-ubyte\.gz or t10k-labels-idx1-ubyte or t10k-labels\.idx1/,
  );
  assert.match(
    error.message,
    /the folder holds t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte\/, train-images/,
  );
});

test("files that are not what they should be are named", async () => {
  const cases: [name: string, bytes: Uint8Array, words: RegExp][] = [
    ["train-images-idx3-ubyte", mnistFiles(2, 2).get("train-labels-idx1-ubyte")!, /labels, expected images/],
    ["train-labels-idx1-ubyte", idxFile([3], [1, 2, 3]), /has 2 images and .* has 3 labels/],
    ["t10k-images-idx3-ubyte", idxFile([2, 32, 32], new Uint8Array(2048)), /32×32 pixels, expected 28×28/],
    ["t10k-labels-idx1-ubyte", idxFile([2], [1, 10]), /record 1 has the label 10, expected 0 to 9/],
    [
      "train-images-idx3-ubyte",
      new Uint8Array(gzipSync("x".repeat(99))).subarray(0, 12),
      /cut off or damaged/,
    ],
  ];
  for (const [name, bytes, words] of cases) {
    const folder = write(temporaryFolder(), mnistFiles(2, 2).set(name, bytes));
    const error = await refusal(DataError, () => loadMnistFolder(openFolder(folder)));
    assert.match(error.message, new RegExp(name));
    assert.match(error.message, words);
  }
});

test.run();
