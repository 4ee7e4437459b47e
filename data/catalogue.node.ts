/**
 * The datasets that are downloaded by name: where their official files are to be had and what their content
 * must be. A file is downloaded once, into a cache folder, and its hash is checked at every use, so a damaged
 * copy is replaced instead of trained on.
 *
 * The hashes of MNIST and Fashion-MNIST are those that TensorFlow Datasets and torchvision list; that of CIFAR-10's
 * archive is the one that torchvision for Ruby and GoMLX check.
 */
import { join } from "node:path";
import { cacheFolder } from "./cacheFolder.node.ts";
import { cifar10Archive, loadCifar10Folder } from "./cifar10.ts";
import type { DatasetSplits } from "./dataset.ts";
import { downloadVerified } from "./download.node.ts";
import { openFolder } from "./files.node.ts";
import type { Folder } from "./folder.ts";
import { digitClasses, fashionClasses, loadMnistFolder } from "./mnist.ts";

interface OfficialFile {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
}

interface CatalogueEntry {
  /** Folders on the web that hold the files, in the order in which to try; each ends in `/`. */
  readonly mirrors: readonly string[];
  readonly files: readonly OfficialFile[];
  /** Reads the set from the folder that has the files. */
  readonly load: (folder: Folder) => Promise<DatasetSplits>;
}

export type CatalogueName = "mnist" | "fashion-mnist" | "cifar-10";

export const catalogue: Readonly<Record<CatalogueName, CatalogueEntry>> = {
  mnist: {
    mirrors: [
      "https://ossci-datasets.s3.amazonaws.com/mnist/",
      "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ],
    files: [
      {
        name: "train-images-idx3-ubyte.gz",
        bytes: 9_912_422,
        sha256: "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
      },
      {
        name: "train-labels-idx1-ubyte.gz",
        bytes: 28_881,
        sha256: "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
      },
      {
        name: "t10k-images-idx3-ubyte.gz",
        bytes: 1_648_877,
        sha256: "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
      },
      {
        name: "t10k-labels-idx1-ubyte.gz",
        bytes: 4_542,
        sha256: "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
      },
    ],
    load: (folder) => loadMnistFolder(folder, { name: "mnist", classes: digitClasses }),
  },
  "fashion-mnist": {
    mirrors: [
      "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
      "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
      "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ],
    files: [
      {
        name: "train-images-idx3-ubyte.gz",
        bytes: 26_421_880,
        sha256: "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
      },
      {
        name: "train-labels-idx1-ubyte.gz",
        bytes: 29_515,
        sha256: "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
      },
      {
        name: "t10k-images-idx3-ubyte.gz",
        bytes: 4_422_102,
        sha256: "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
      },
      {
        name: "t10k-labels-idx1-ubyte.gz",
        bytes: 5_148,
        sha256: "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
      },
    ],
    load: (folder) => loadMnistFolder(folder, { name: "fashion-mnist", classes: fashionClasses }),
  },
  "cifar-10": {
    mirrors: ["https://www.cs.toronto.edu/~kriz/"],
    files: [
      {
        name: cifar10Archive,
        bytes: 170_052_171,
        sha256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
      },
    ],
    load: loadCifar10Folder,
  },
};

/** Whether a name given by a user is one of the catalogue's. */
export function isCatalogueName(name: string): name is CatalogueName {
  return Object.hasOwn(catalogue, name);
}

interface LoadOptions {
  /** Called with the file that is arriving, how much of it has, and its size. */
  readonly onProgress?: (file: string, received: number, total: number) => void;
  /** Stops a download; what has arrived is kept for the next one. */
  readonly signal?: AbortSignal;
}

/**
 * A dataset of the catalogue, downloaded first when the cache does not have it.
 * @throws DownloadError, OutputError, DataError, or the signal's reason when it is aborted
 */
export function loadCatalogueDataset(name: CatalogueName, options: LoadOptions = {}): Promise<DatasetSplits> {
  return loadOfficialFiles(catalogue[name], join(cacheFolder(), name), options);
}

/** The same for any set of official files, kept in `folder`. */
export async function loadOfficialFiles(
  { files, mirrors, load }: CatalogueEntry,
  folder: string,
  { onProgress, signal }: LoadOptions,
): Promise<DatasetSplits> {
  for (const { name: file, bytes, sha256 } of files) {
    await downloadVerified({
      urls: mirrors.map((mirror) => mirror + file),
      sha256,
      bytes,
      destination: join(folder, file),
      help:
        "run again when there is a connection: the download goes on where it stopped. Or put the files " +
        `${files.map((official) => official.name).join(", ")} into a folder and use --data FOLDER`,
      onProgress: (received, total) => onProgress?.(file, received, total),
      signal,
    });
  }
  return load(openFolder(folder));
}
