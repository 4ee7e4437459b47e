/**
 * MNIST and the sets that took over its form (Fashion-MNIST, KMNIST): four IDX files in a folder, images of
 * 28×28 grey pixels in ten classes, gzipped as they are published or unpacked. A folder may hold a part of a
 * set: the counts are those of the files.
 */
import { DataError } from "../engine/errors.ts";
import { type DatasetSplits, type ImageDataset, memoryDataset } from "./dataset.ts";
import { describeContents, type Folder } from "./folder.ts";
import { gunzip, isGzip } from "./gzip.ts";
import { decodeIdxImages, decodeIdxLabels } from "./idx.ts";

export const digitClasses: readonly string[] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

export const fashionClasses: readonly string[] = [
  "T-shirt/top",
  "Trouser",
  "Pullover",
  "Dress",
  "Coat",
  "Sandal",
  "Shirt",
  "Sneaker",
  "Bag",
  "Ankle boot",
];

const side = 28;
const stems = ["train-images", "train-labels", "t10k-images", "t10k-labels"];

/**
 * Both splits from a folder that holds the four files under their official names
 * (`train-images-idx3-ubyte.gz`, also without `.gz`, also with `.idx3` for `-idx3`).
 * @param folder
 * @param description the set's name and its ten classes; by default the folder's name, and the classes of
 *   Fashion-MNIST where that name speaks of fashion, else the ten digits
 * @throws DataError when a file is missing, damaged, or not what its name says, or counts do not fit
 */
export async function loadMnistFolder(
  folder: Folder,
  description: { name: string; classes: readonly string[] } = describeFolder(folder),
): Promise<DatasetSplits> {
  const present = await folder.list();
  const wanted = stems.map(candidateNames);
  const found = wanted.map((names) => names.find((name) => present.includes(name)));
  const missing = wanted.filter((_, position) => found[position] === undefined);
  if (missing.length > 0) {
    throw new DataError(
      `${folder.path}: ${missing.length} of the four MNIST files are missing.\n` +
        missing.map((names) => `  looked for ${names.join(" or ")}`).join("\n") +
        `\n  the folder ${describeContents(present)}`,
      "put the four files into the folder, under their official names",
    );
  }
  const [trainImages, trainLabels, testImages, testLabels] = found as [string, string, string, string];
  return {
    train: await loadSplit(
      folder,
      trainImages,
      trainLabels,
      `${description.name}/train`,
      description.classes,
    ),
    test: await loadSplit(folder, testImages, testLabels, `${description.name}/test`, description.classes),
  };
}

async function loadSplit(
  folder: Folder,
  imagesFile: string,
  labelsFile: string,
  name: string,
  classes: readonly string[],
): Promise<ImageDataset> {
  const { count, pixels } = decodeIdxImages(await readUnpacked(folder, imagesFile), imagesFile, {
    height: side,
    width: side,
  });
  const labels = decodeIdxLabels(await readUnpacked(folder, labelsFile), labelsFile, classes.length);
  if (labels.length !== count) {
    throw new DataError(
      `${folder.path}: ${imagesFile} has ${count} images and ${labelsFile} has ${labels.length} labels`,
      "take both files from the same set: each image needs its label",
    );
  }
  return memoryDataset({ name, pixels, labels, channels: 1, height: side, width: side, classes });
}

async function readUnpacked(folder: Folder, name: string): Promise<Uint8Array> {
  const bytes = await folder.read(name);
  return isGzip(bytes) ? gunzip(bytes, name) : bytes;
}

/** Whether one of the four files is among the names in a folder. */
export function hasMnistFiles(names: readonly string[]): boolean {
  return stems.some((stem) => candidateNames(stem).some((name) => names.includes(name)));
}

function candidateNames(stem: string): string[] {
  const ending = stem.endsWith("images") ? "idx3-ubyte" : "idx1-ubyte";
  return [`${stem}-${ending}.gz`, `${stem}-${ending}`, `${stem}.${ending}.gz`, `${stem}.${ending}`];
}

function describeFolder(folder: Folder): { name: string; classes: readonly string[] } {
  const { name } = folder;
  return { name, classes: /fashion/i.test(name) ? fashionClasses : digitClasses };
}
