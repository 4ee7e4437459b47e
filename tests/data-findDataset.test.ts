import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { findDataset } from "../cli/findDataset.ts";
import type { DatasetSplits } from "../data/dataset.ts";
import { ArgumentError, DataError } from "../engine/errors.ts";
import {
  cifar10ArchiveFile,
  cifar10Records,
  mnistFiles,
  plainJpeg,
  refusal,
  temporaryFolder,
  writeFiles,
} from "./data-helpers.ts";

const imageShape = [3, 4, 5] as const;
const options = { seed: 1, signal: new AbortController().signal, onDownload: () => {}, imageShape };

const describe = ({ train, test }: DatasetSplits) => [
  [train.channels, train.height, train.width],
  train.count,
  test.count,
];

test("what is in a folder says which kind of set it is", async () => {
  const cifar = new Map([
    ["data_batch_1.bin", cifar10Records(4)],
    ["test_batch.bin", cifar10Records(3)],
  ]);
  const unpacked = new Map([...cifar].map(([name, bytes]) => [`cifar-10-batches-bin/${name}`, bytes]));
  const photographs = ["cat/1.jpg", "cat/2.jpg", "dog/1.JPG", "dog/2.jpeg"].map(
    (name) => [name, plainJpeg(9, 9, [1, 2, 3])] as const,
  );
  const cases: [files: Map<string, Uint8Array>, expected: unknown[]][] = [
    [mnistFiles(6, 2), [[1, 28, 28], 6, 2]],
    [cifar, [[3, 32, 32], 4, 3]],
    [unpacked, [[3, 32, 32], 4, 3]],
    [new Map([["cifar-10-binary.tar.gz", cifar10ArchiveFile(5, 2)]]), [[3, 32, 32], 5, 2]],
    [new Map(photographs), [imageShape, 2, 2]],
  ];
  for (const [files, expected] of cases) {
    const load = findDataset(writeFiles(temporaryFolder(), files));
    assert.equal(describe(await load(options)), expected);
  }
});

test("the synthetic digits by their name", async () => {
  assert.equal(describe(await findDataset("digits")(options)), [[1, 28, 28], 6000, 1000]);
});

test("an incomplete set is told what it lacks, not that it is none", async () => {
  const files = mnistFiles(2, 2);
  files.delete("t10k-labels-idx1-ubyte");
  const error = await refusal(DataError, () => findDataset(writeFiles(temporaryFolder(), files))(options));
  assert.match(error.message, /1 of the four MNIST files are missing/);
});

test("a folder that is no dataset is told what was looked for", async () => {
  const folder = writeFiles(temporaryFolder(), new Map([["cat.jpg", plainJpeg(9, 9, [1, 2, 3])]]));
  const error = await refusal(DataError, () => findDataset(folder)(options));
  for (const words of [
    /MNIST's four files/,
    /CIFAR-10's files .* or archive/,
    /a folder for each class/,
    /The folder holds cat\.jpg/,
  ]) {
    assert.match(error.message, words);
  }
  const file = await refusal(DataError, () => findDataset(join(folder, "cat.jpg"))(options));
  assert.match(file.message, /cat\.jpg: it is not a folder/);
});

test("a name that is nothing lists the names that there are", async () => {
  const error = await refusal(ArgumentError, () => findDataset("mnits"));
  assert.match(error.message, /neither a dataset nor a folder "mnits"/);
  assert.match(
    error.message,
    /digits, mnist, fashion-mnist, cifar-10; or give the path of a folder with MNIST's/,
  );
});

test.run();
