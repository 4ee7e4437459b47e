/**
 * Photographs in a folder for each class, as ImageNet's archives unpack and torchvision's `ImageFolder` reads them.
 * Only the names are read beforehand; a photograph is read, decoded and brought to size when a batch needs it.
 */
import { DataError } from "../engine/errors.ts";
import { hostRandom } from "../engine/hostRandom.ts";
import { printable } from "../engine/io/safetensors.ts";
import type { DatasetSplits, ImageDataset, ImageSize } from "./dataset.ts";
import { describeContents, type Folder } from "./folder.ts";
import { decodeImage } from "./image.ts";
import { fitImage } from "./resize.ts";
import { shuffleInPlace } from "./shuffle.ts";

export interface ImageFolderOptions {
  /** [channels, height, width] that every photograph is brought to; 1 channel is grey, 3 are colour. */
  readonly imageShape: readonly [number, number, number];
  /** Of the split, where the folder has none of its own. */
  readonly seed: number | string;
}

/** The part of each class that is kept for testing where the folder is not split. */
const testShare = 0.2;

interface Photograph {
  readonly folder: Folder;
  readonly file: string;
  readonly label: number;
}

/**
 * Both splits of `FOLDER/train/CLASS/*.jpg` and `FOLDER/test/CLASS/*.jpg` (or `val` where there is no `test`); or of
 * `FOLDER/CLASS/*.jpg`, where a fifth of each class, at least one, is kept for testing. Names that begin with a dot
 * are passed over, as are files that do not end in .jpg, .jpeg or .png.
 * @throws DataError when there are no classes or nothing to test on, a class has no photographs, the test set has
 * other classes, or a name is not UTF-8 or, of a class, holds control characters
 */
export async function loadImageFolder(folder: Folder, options: ImageFolderOptions): Promise<DatasetSplits> {
  const [channels, height, width] = options.imageShape;
  const size = { channels, height, width };
  const name = folder.path.split(/[\\/]/).filter(Boolean).at(-1) ?? "images";
  const present = await folder.list();
  const test = ["test", "val"].find((split) => present.includes(`${split}/`));
  if (present.includes("train/") && test) {
    const classes = await classesIn(folder.folder("train"));
    const split = async (from: string) => (await listPhotographs(folder.folder(from), classes)).flat();
    return {
      train: datasetOf(`${name}/train`, size, classes, await split("train")),
      test: datasetOf(`${name}/${test}`, size, classes, await split(test)),
    };
  }

  if (present.includes("train/")) await requireClass(folder.folder("train"), folder);
  const classes = await classesIn(folder);
  const splits = (await listPhotographs(folder, classes)).map((photographs, label) => {
    shuffleInPlace(photographs, hostRandom(`${options.seed}/split/${classes[label]}`));
    const share = Math.max(1, Math.round(photographs.length * testShare));
    const testCount = photographs.length > 1 ? share : 0;
    return { kept: photographs.slice(0, testCount), train: photographs.slice(testCount) };
  });
  const kept = splits.flatMap((split) => split.kept);
  const train = splits.flatMap((split) => split.train);
  if (kept.length === 0) {
    throw new DataError(
      `${folder.path}: each class has a single photograph, so none is left to test on`,
      "add photographs, or make the folders train and test, each with the classes in it",
    );
  }
  return {
    train: datasetOf(`${name}/train`, size, classes, train),
    test: datasetOf(`${name}/test`, size, classes, kept),
  };
}

async function classesIn(folder: Folder): Promise<string[]> {
  const present = await folder.list();
  const classes = present.filter((name) => name.endsWith("/") && !name.startsWith("."));
  if (classes.length === 0) {
    throw new DataError(
      `${folder.path}: there is no folder in it, expected one for each class`,
      "put the photographs of each class into a folder with the class's name",
    );
  }
  requireNames(folder, classes, /[\p{Cc}\ufffd]/u);
  return classes.map((name) => name.slice(0, -1));
}

/**
 * A class's name is shown and stands in weights, so control characters would spoil both. U+FFFD takes the place of
 * bytes that are not UTF-8, and nothing is found again by such a name.
 */
function requireNames({ path }: Folder, names: readonly string[], unfit: RegExp): void {
  const name = names.find((name) => unfit.test(name));
  if (name === undefined) return;
  const shown = printable(name).replaceAll("\ufffd", "\\ufffd");
  throw new DataError(
    `${path}: the name "${shown}" holds ${name.includes("\ufffd") ? "bytes that are not UTF-8" : "a control character"}`,
    "rename it, with characters that can be shown",
  );
}

/** A folder `train` may be a class, photographs of trains, but not one that holds folders alone. */
async function requireClass(train: Folder, { path }: Folder): Promise<void> {
  const present = await train.list();
  if (present.some(isPhotograph) || !present.some((name) => name.endsWith("/"))) return;
  throw new DataError(
    `${path}: there is train/, but neither test/ nor val/`,
    `add test/ with the same classes, or give ${train.path}: a fifth of each class is then kept for testing`,
  );
}

function isPhotograph(name: string): boolean {
  return /^[^.].*\.(jpe?g|png)$/i.test(name);
}

/** Of each class, in the order of the names. */
async function listPhotographs(folder: Folder, classes: readonly string[]): Promise<Photograph[][]> {
  const unknown = (await classesIn(folder)).filter((name) => !classes.includes(name));
  if (unknown.length > 0) {
    throw new DataError(
      `${folder.path}: the class ${unknown.join(", ")} has no photographs to train on`,
      "give both sets the same classes",
    );
  }
  const found: Photograph[][] = [];
  for (const [label, name] of classes.entries()) {
    const inside = folder.folder(name);
    const present = await inside.list();
    const files = present.filter(isPhotograph);
    if (files.length === 0) {
      throw new DataError(
        `${inside.path}: no photographs directly in it, expected files that end in .jpg, .jpeg or .png; ` +
          `it ${describeContents(present)}`,
        `put photographs of "${name}" directly into this folder, or move it elsewhere`,
      );
    }
    requireNames(inside, files, /\ufffd/);
    found.push(files.map((file) => ({ folder: inside, file, label })));
  }
  return found;
}

function datasetOf(
  name: string,
  size: ImageSize,
  classes: readonly string[],
  photographs: readonly Photograph[],
): ImageDataset {
  async function readImage(index: number, target: Float32Array): Promise<void> {
    const { folder, file } = photographs[index]!;
    const path = `${folder.path}/${file}`;
    target.set(fitImage(decodeImage(await folder.read(file), path), size));
  }
  const labels = Int32Array.from(photographs, ({ label }) => label);
  return { name, ...size, count: photographs.length, labels, classes, readImage };
}
