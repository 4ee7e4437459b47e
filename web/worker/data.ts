/**
 * The data on the page: digits that are always there, and MNIST's and Fashion-MNIST's four files, dropped or fetched from
 * the page's own host, which are kept for the next visit. A file is somebody else's: its size is limited before it is
 * read, and `data/mnist.ts` trusts nothing in it.
 */
import type { DatasetSplits, ImageDataset } from "../../data/dataset.ts";
import type { Folder } from "../../data/folder.ts";
import { readImages } from "../../data/loader.ts";
import { digitClasses, fashionClasses, hasMnistFiles, loadMnistFolder } from "../../data/mnist.ts";
import { syntheticDigits } from "../../data/syntheticDigits.ts";
import { ArgumentError, DataError, DownloadError } from "../../engine/errors.ts";
import { type DataName, dataTitles, type LabelledImages, mnistFiles, type NamedBytes } from "../protocol.ts";
import { keep, kept, keptNames } from "./storage.ts";

/** As many as the command line trains on, so that a checkpoint goes on there. */
const digitCounts = { trainCount: 6000, testCount: 1000 };
/** MNIST's largest file has 47 MB, unpacked. */
const largestFile = 64e6;

/** Of the sets that have to be brought first. */
export const classesOf = { mnist: digitClasses, "fashion-mnist": fashionClasses } as const;

/** The data that need not be brought first; of a browser that keeps nothing, only the digits. */
export async function storedData(): Promise<DataName[]> {
  const names = await keptNames().catch((): readonly IDBValidKey[] => []);
  return ["digits", ...(["mnist", "fashion-mnist"] as const).filter((name) => names.includes(name))];
}

/** @throws DataError when it was never brought */
export async function loadData(name: DataName, seed: number): Promise<DatasetSplits> {
  if (name === "digits") return syntheticDigits({ seed, ...digitCounts });
  const files = await kept(name);
  if (!files) {
    throw new DataError(
      `${dataTitles[name]} is not on this page yet`,
      "drop its four files onto the page, or fetch them from this page's host, under “Data”",
    );
  }
  return read(name, files);
}

/** Some of the images that a training would see; for the digits, drawn for this alone. */
export async function preview(name: DataName, seed: number, count: number): Promise<LabelledImages> {
  const { train } =
    name === "digits"
      ? syntheticDigits({ seed, trainCount: count, testCount: 1 })
      : await loadData(name, seed);
  return labelledImages(
    train,
    Array.from({ length: Math.min(count, train.count) }, (_, index) => index),
  );
}

export async function labelledImages(
  dataset: ImageDataset,
  indices: readonly number[],
): Promise<LabelledImages> {
  const imageShape = [dataset.channels, dataset.height, dataset.width];
  return {
    count: indices.length,
    imageShape,
    images: indices.length > 0 ? await readImages(dataset, indices) : new Float32Array(),
    labels: Int32Array.from(indices, (index) => dataset.labels[index]),
  };
}

/** @throws DataError when a file is missing, damaged, too large, or not what its name says; nothing is kept then */
export async function addData(name: DataName, files: readonly NamedBytes[]): Promise<DataName[]> {
  if (name === "digits") throw new ArgumentError("the digits are always there");
  const names = files.map((file) => file.name);
  if (!hasMnistFiles(names)) {
    throw new DataError(
      `${names.slice(0, 4).join(", ")}: neither a checkpoint (*.safetensors) nor one of MNIST's four files`,
      `choose ${mnistFiles.map((file) => `${file}.gz`).join(", ")}`,
    );
  }
  for (const file of files) {
    if (file.bytes.length > largestFile) {
      throw new DataError(
        `${file.name} has ${file.bytes.length} bytes, and MNIST's largest file has 47 million`,
        "choose MNIST's four files",
      );
    }
  }
  await read(name, files);
  await keep(name, files);
  return storedData();
}

function read(name: "mnist" | "fashion-mnist", files: readonly NamedBytes[]): Promise<DatasetSplits> {
  return loadMnistFolder(folderOf(files), { name, classes: classesOf[name] });
}

/** Files as the folder that a dataset's reader wants. */
function folderOf(files: readonly NamedBytes[]): Folder {
  const byName = new Map(files.map(({ name, bytes }) => [name, bytes]));
  const folder: Folder = {
    path: "these files",
    name: "dropped",
    list: async () => [...byName.keys()].sort(),
    read: async (name) => byName.get(name)!,
    folder: () => folder,
  };
  return folder;
}

/**
 * Fetches the four files.
 * @param address of a folder on this page's own host
 * @throws DownloadError, DataError
 */
export async function fetchData(name: DataName, address: string): Promise<DataName[]> {
  const folder = new URL(address);
  return addData(name, await Promise.all(mnistFiles.map((file) => fetchFile(folder, file))));
}

async function fetchFile(folder: URL, name: string): Promise<NamedBytes> {
  for (const tried of [`${name}.gz`, name]) {
    const address = new URL(tried, folder);
    // The page's policy does not reach into its worker: so another host is not asked, not even after a redirection.
    const response = await fetch(address, { mode: "same-origin" }).catch((error: Error) => {
      throw new DownloadError(
        `${address.href} gave no answer: ${error.message}`,
        "see whether this page's host can be reached, and does not point to another one; then try again",
        { cause: error },
      );
    });
    if (response.ok) return { name: tried, bytes: await readBody(response, tried) };
  }
  throw new DownloadError(
    `there is neither ${name}.gz nor ${name} at ${folder.href}`,
    "give the address of the folder that has MNIST's four files",
  );
}

/** @throws DownloadError for more than the largest file */
async function readBody(response: Response, name: string): Promise<Uint8Array> {
  const reader = response.body!.getReader();
  const parts: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    parts.push(value);
    length += value.length;
    if (length > largestFile) {
      await reader.cancel();
      throw new DownloadError(`${name} is longer than any of MNIST's files`, "check the address");
    }
  }
  return new Uint8Array(await new Blob(parts as Uint8Array<ArrayBuffer>[]).arrayBuffer());
}
