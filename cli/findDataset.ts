/** What stands behind `--data`. */
import { existsSync } from "node:fs";
import { catalogue, isCatalogueName, loadCatalogueDataset } from "../data/catalogue.node.ts";
import { hasCifar10Files, loadCifar10Folder } from "../data/cifar10.ts";
import type { DatasetSplits } from "../data/dataset.ts";
import { openFolder } from "../data/files.node.ts";
import { describeContents, type Folder } from "../data/folder.ts";
import { loadImageFolder } from "../data/imageFolder.ts";
import { hasMnistFiles, loadMnistFolder } from "../data/mnist.ts";
import { syntheticDigits } from "../data/syntheticDigits.ts";
import { ArgumentError, DataError } from "../engine/errors.ts";

/** @throws DataError, DownloadError, or the signal's reason */
export type LoadDataset = (options: LoadOptions) => Promise<DatasetSplits>;

interface LoadOptions {
  /** Of the synthetic digits, and of the split into training and test photographs. */
  readonly seed: number;
  /** [channels, height, width] of photographs; the other sets have sizes of their own. */
  readonly imageShape: readonly [number, number, number];
  /** Stops a download. */
  readonly signal: AbortSignal;
  /** Called when the download of a file begins. */
  readonly onDownload: (file: string, bytes: number) => void;
}

/** Of the synthetic digits: enough to learn from, few enough to watch. */
const digitCounts = { trainCount: 6000, testCount: 1000 };

/** Whether it is no path. */
export function isDatasetName(source: string): boolean {
  return source === "digits" || isCatalogueName(source);
}

/**
 * @param source "digits", a name in the catalogue, or the path of a folder
 * @throws ArgumentError naming the datasets that there are
 */
export function findDataset(source: string): LoadDataset {
  if (source === "digits") return async ({ seed }) => syntheticDigits({ seed, ...digitCounts });
  if (isCatalogueName(source)) {
    return ({ signal, onDownload }) => {
      let last = "";
      const onProgress = (file: string, _received: number, total: number) => {
        if (file !== last) onDownload(file, total);
        last = file;
      };
      return loadCatalogueDataset(source, { signal, onProgress });
    };
  }
  if (existsSync(source)) return (options) => loadFolder(openFolder(source), options);
  if (source === "imagenet") {
    throw new ArgumentError(
      "ImageNet cannot be downloaded from here: its photographs are given out to registered users only",
      "give the folder that holds a folder of photographs for each class: --data path/to/train",
    );
  }
  const names = ["digits", ...Object.keys(catalogue)].join(", ");
  throw new ArgumentError(
    `there is neither a dataset nor a folder "${source}"`,
    `choose one of: ${names}; or give the path of a folder with MNIST's files, CIFAR-10's, or one folder for each class`,
  );
}

/** What is in the folder says which kind of set it is. */
async function loadFolder(folder: Folder, { seed, imageShape }: LoadOptions): Promise<DatasetSplits> {
  const present = await folder.list();
  if (hasMnistFiles(present)) return loadMnistFolder(folder);
  if (hasCifar10Files(present)) return loadCifar10Folder(folder);
  if (!present.some((name) => name.endsWith("/"))) {
    throw new DataError(
      `${folder.path}: no dataset that is known here. Looked for\n` +
        "  MNIST's four files (train-images-idx3-ubyte and so on, gzipped or not)\n" +
        "  CIFAR-10's files (data_batch_1.bin and so on, gzipped or not) or archive (cifar-10-binary.tar.gz)\n" +
        "  a folder for each class with photographs in it, or the folders train and test with these\n" +
        `The folder ${describeContents(present)}`,
      "give the folder that has these directly in it",
    );
  }
  return loadImageFolder(folder, { imageShape, seed });
}
