import { existsSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { ImageDataset } from "../data/dataset.ts";
import { openFolder } from "../data/files.node.ts";
import type { Folder } from "../data/folder.ts";
import { loadImageFolder } from "../data/imageFolder.ts";
import { batches, readImages } from "../data/loader.ts";
import { DataError } from "../engine/errors.ts";
import { plainJpeg, pngFile, refusal, temporaryFolder, writeFiles } from "./data-helpers.ts";
import { close } from "./engine-helpers.ts";

const colours: Record<string, number[]> = { red: [200, 0, 0], green: [0, 200, 0], "dark blue": [0, 0, 90] };

/** So many photographs of each colour, of several sizes and endings. */
function photographs(counts: Readonly<Record<string, number>>): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (const [path, count] of Object.entries(counts)) {
    const colour = colours[path.split("/").at(-1)!]!;
    for (let index = 0; index < count; index++) {
      const [width, height] = [10 + 7 * index, 24 - index];
      const png = () =>
        pngFile(
          { width, height, depth: 8, colourType: 2 },
          Array(height).fill(Array(width).fill(colour).flat()),
        );
      const ending = ["jpg", "JPEG", "png"][index % 3]!;
      files.set(`${path}/${index}.${ending}`, ending === "png" ? png() : plainJpeg(width, height, colour));
    }
  }
  return files;
}

const load = (folder: string, imageShape: [number, number, number] = [3, 8, 6], seed = 1) =>
  loadImageFolder(openFolder(folder), { imageShape, seed });
const nothing = new Uint8Array(0);

/** The mean of each channel, in 255ths, of every image. */
async function meanColours(dataset: ImageDataset): Promise<number[][]> {
  const images = await readImages(dataset, [...dataset.labels.keys()]);
  const plane = dataset.height * dataset.width;
  return Array.from(dataset.labels, (_, index) =>
    Array.from({ length: dataset.channels }, (_, channel) => {
      const start = (index * dataset.channels + channel) * plane;
      return (255 * images.subarray(start, start + plane).reduce((sum, value) => sum + value, 0)) / plane;
    }),
  );
}

test("train and test, each with the classes in it; other files are passed over", async () => {
  for (const split of ["test", "val"]) {
    const folder = join(temporaryFolder(), "paint");
    const counts = { "train/red": 3, "train/green": 2, "train/dark blue": 3 };
    writeFiles(
      folder,
      photographs({ ...counts, [`${split}/red`]: 1, [`${split}/dark blue`]: 2, [`${split}/green`]: 1 }),
    );
    const others = [
      "readme.txt",
      "train/labels.csv",
      "train/red/Thumbs.db",
      "train/red/._0.jpg",
      "train/.cache/x.jpg",
    ];
    writeFiles(folder, new Map(others.map((name) => [name, nothing])));
    const { train, test } = await load(folder);
    assert.equal([train.name, train.count, test.name, test.count], ["paint/train", 8, `paint/${split}`, 4]);
    assert.equal([train.channels, train.height, train.width], [3, 8, 6]);
    assert.equal(train.classes, ["dark blue", "green", "red"]);
    assert.equal(Array.from(train.labels), [0, 0, 0, 1, 1, 2, 2, 2]);
    assert.equal(Array.from(test.labels), [0, 0, 1, 2]);
    for (const dataset of [train, test]) {
      for (const [index, mean] of (await meanColours(dataset)).entries()) {
        const expected = colours[dataset.classes[dataset.labels[index]!]!]!;
        close(
          mean.map((value) => value / 255),
          expected.map((value) => value / 255),
          `${dataset.name} ${index}`,
          0.01,
        );
      }
    }
  }
});

test("grey where one channel is wanted", async () => {
  const folder = writeFiles(temporaryFolder(), photographs({ "train/red": 1, "test/red": 1 }));
  const { train } = await load(folder, [1, 5, 5]);
  close((await meanColours(train))[0]!, [0.299 * 200], "red", 0.02);
});

test("folders of classes alone are split by the seed, a fifth of each class for testing", async () => {
  const folder = writeFiles(temporaryFolder(), photographs({ red: 10, green: 2, "dark blue": 1 }));
  const { train, test } = await load(folder);
  const count = ({ labels }: ImageDataset) =>
    [0, 1, 2].map((label) => labels.filter((l) => l === label).length);
  assert.equal(
    [count(train), count(test)],
    [
      [1, 1, 8],
      [0, 1, 2],
    ],
  );

  // Each photograph of "red" has a width of its own, and so is known by its bytes read back at that size.
  const again = await load(folder);
  assert.equal(await meanColours(again.test), await meanColours(test));
  const names = async (seed: number) => {
    const listed: string[] = [];
    const { test } = await loadImageFolder(spying(folder, listed), { imageShape: [3, 2, 2], seed });
    await readImages(test, [...test.labels.keys()]);
    return listed.sort();
  };
  assert.equal(await names(1), await names(1));
  const kept = new Set((await Promise.all([1, 2, 3, 4, 5, 6].map(names))).map(String));
  assert.ok(kept.size > 1, "every seed keeps the same photographs");
});

/** A folder that lists these names, and in each class these files; there is nothing on disk. */
const listing = (path: string, names: string[], files: string[]): Folder => ({
  ...openFolder(path),
  list: async () => names,
  folder: (name) => listing(`${path}/${name}`, files, []),
});
const loadListing = (names: string[], files: string[]) =>
  loadImageFolder(listing("set", names, files), { imageShape: [3, 8, 6], seed: 1 });

test("a class may have hundreds of thousands of photographs", async () => {
  const files = Array.from({ length: 200_000 }, (_, index) => `${index}.jpg`);
  const { train, test } = await loadListing(["a/", "b/"], files);
  assert.equal([train.count, test.count], [320_000, 80_000]);
});

test("names that cannot be shown or found again are refused before training", async () => {
  const cases: [classes: string[], files: string[], words: RegExp][] = [
    [
      ["a\tb/", "c/"],
      ["1.jpg"],
      /^set: the name "a\\u0009b\/" holds a control character\n {2}help: rename it/,
    ],
    [["a/", "b\nc/"], ["1.jpg"], /^set: the name "b\\u000ac\/" holds a control character/],
    [["a\u0085/", "b/"], ["1.jpg"], /^set: the name "a\\u0085\/" holds a control character/],
    [["caf\ufffd/", "tea/"], ["1.jpg"], /^set: the name "caf\\ufffd\/" holds bytes that are not UTF-8/],
    [
      ["a/", "b/"],
      ["1.jpg", "\ufffd2.jpg"],
      /^set\/a: the name "\\ufffd2\.jpg" holds bytes that are not UTF-8/,
    ],
  ];
  for (const [classes, files, words] of cases) {
    const error = await refusal(DataError, () => loadListing(classes, files));
    assert.match(error.message, words);
  }
});

test("classes are in the order in which Python sorts their names", async () => {
  const expected = ["cat", "cat 3", "cat-2", "cat.x", "catz", "x\uff5e", "x\u{10000}"];
  const files = expected.map((name) => [`${name}/1.jpg`, nothing] as const);
  const folder = writeFiles(temporaryFolder(), new Map([...files, ["cat/2.jpg", nothing]]));
  assert.equal((await load(folder)).train.classes, expected);
});

test("a class may be called train", async () => {
  const files = [...photographs({ red: 2 })].map(
    ([name, bytes]) => [name.replace("red", "train"), bytes] as const,
  );
  const folder = writeFiles(temporaryFolder(), new Map([...files, ...photographs({ green: 2 })]));
  assert.equal((await load(folder)).train.classes, ["green", "train"]);
});

/** Notes which files are read. */
function spying(path: string, read: string[]): ReturnType<typeof openFolder> {
  const folder = openFolder(path);
  return {
    ...folder,
    read: (name) => {
      read.push(join(path, name));
      return folder.read(name);
    },
    folder: (name) => spying(join(path, name), read),
  };
}

test("a photograph is read when it is needed, and a bad one named", async () => {
  const folder = writeFiles(temporaryFolder(), photographs({ "train/red": 6, "test/red": 1 }));
  writeFiles(folder, new Map([["train/red/3.jpg", new TextEncoder().encode("oops")]]));
  const { train } = await load(folder);
  const seen: number[] = [];
  const error = await refusal(DataError, async () => {
    for await (const { index } of batches(train, {
      batchSize: 2,
      shuffle: false,
      epoch: 0,
      dropLast: false,
    })) {
      seen.push(index);
    }
  });
  assert.equal(seen, [0]);
  assert.match(
    error.message,
    /\/train: image 3: .*red\/3\.jpg: this is text, expected a JPEG or PNG picture/,
  );
});

test("folders that are no set of photographs are refused", async () => {
  const cases: [files: Map<string, Uint8Array>, words: RegExp][] = [
    [new Map([["a.jpg", nothing]]), /there is no folder in it, expected one for each class/],
    [photographs({ red: 1, green: 1 }), /each class has a single photograph, so none is left to test on/],
    [
      new Map([...photographs({ red: 3 }), ["green/x.txt", nothing]]),
      /green: no photographs directly in it, expected .*\.png; it holds x\.txt\n {2}help: put .* or move it elsewhere$/,
    ],
    [
      new Map([...photographs({ red: 3 }), ["green/large/1.jpg", nothing]]),
      /green: no photographs directly in it, .*; it holds large\/\n {2}help: put photographs of "green" directly into/,
    ],
    [
      photographs({ "train/red": 2, "train/green": 2 }),
      /: there is train\/, but neither test\/ nor val\/\n {2}help: add test\/ with the same classes, or give .*train: /,
    ],
    [
      photographs({ "train/red": 1, "test/red": 1, "test/green": 1 }),
      /the class green has no photographs to train/,
    ],
  ];
  for (const [files, words] of cases) {
    const error = await refusal(DataError, () => load(writeFiles(temporaryFolder(), files)));
    assert.match(error.message, words);
  }
});

test("real photographs through links where they are, made ones elsewhere", async () => {
  const real = fileURLToPath(new URL("../../shared/data/imagenet-sample/images", import.meta.url));
  const isThere = existsSync(real);
  const folder = temporaryFolder();
  const images = isThere
    ? real
    : writeFiles(temporaryFolder(), photographs({ red: 4, green: 4, "dark blue": 4 }));
  mkdirSync(join(folder, "set"));
  for (const split of ["train", "test"]) symlinkSync(images, join(folder, "set", split));
  const { train, test } = await load(join(folder, "set"), [3, 224, 224]);
  assert.equal([train.count, train.classes.length], isThere ? [80, 80] : [12, 3]);
  for await (const batch of batches(test, { batchSize: 4, shuffle: 1, epoch: 0, dropLast: false })) {
    assert.is(batch.images.length, 4 * 3 * 224 * 224);
    const mean = batch.images.reduce((sum, value) => sum + value, 0) / batch.images.length;
    assert.ok(mean > 0.05 && mean < 0.95, `the mean is ${mean}`);
    if (batch.index === 2) break;
  }
});

test.run();
