/**
 * CIFAR-10 (Krizhevsky, "Learning multiple layers of features from tiny images", 2009) in its binary form: files of
 * records, each a byte for the label and then 32×32 red, green and blue bytes, plane by plane. A folder may hold a
 * part of the set: the counts are those of the files.
 */
import { DataError } from "../engine/errors.ts";
import { type DatasetSplits, type ImageDataset, memoryDataset } from "./dataset.ts";
import { describeContents, type Folder } from "./folder.ts";
import { gunzip, isGzip } from "./gzip.ts";
import { readTar } from "./tar.ts";

export const cifar10Classes: readonly string[] = [
  "airplane",
  "automobile",
  "bird",
  "cat",
  "deer",
  "dog",
  "frog",
  "horse",
  "ship",
  "truck",
];

export const cifar10Archive = "cifar-10-binary.tar.gz";
const unpackedArchive = "cifar-10-batches-bin";
const trainFiles = [1, 2, 3, 4, 5].map((number) => `data_batch_${number}.bin`);
const testFile = "test_batch.bin";

const side = 32;
const imageBytes = 3 * side * side;
const recordBytes = 1 + imageBytes;

/** Whether CIFAR-10's files, its archive, or the folder that unpacks from that, are among the names in a folder. */
export function hasCifar10Files(names: readonly string[]): boolean {
  return [cifar10Archive, `${unpackedArchive}/`].some((name) => names.includes(name)) || hasBatches(names);
}

function hasBatches(names: readonly string[]): boolean {
  return [...trainFiles, testFile].some((name) => presentAs(name, names));
}

/**
 * Both splits from a folder with the official files: `data_batch_1.bin` to `data_batch_5.bin`, or fewer of them, and
 * `test_batch.bin`; each of them gzipped or not; or `cifar-10-binary.tar.gz`, or the folder that unpacks from it.
 * @param name the set's
 * @throws DataError when a file is missing or damaged, or a record has no class
 */
export async function loadCifar10Folder(folder: Folder, name = "cifar-10"): Promise<DatasetSplits> {
  const present = await folder.list();
  if (hasBatches(present)) return loadBatches(name, folder.path, present, (file) => folder.read(file));
  if (present.includes(`${unpackedArchive}/`)) return loadCifar10Folder(folder.folder(unpackedArchive), name);
  if (present.includes(cifar10Archive)) {
    const files = readTar(await gunzip(await folder.read(cifar10Archive), cifar10Archive), cifar10Archive);
    return loadBatches(name, cifar10Archive, [...files.keys()], async (file) => files.get(file)!);
  }
  throw missing(folder.path, present, [...trainFiles, testFile]);
}

/** @param present the names among which to look; `read` gives the content of one of them */
async function loadBatches(
  name: string,
  where: string,
  present: readonly string[],
  read: (file: string) => Promise<Uint8Array>,
): Promise<DatasetSplits> {
  const train = trainFiles.map((file) => presentAs(file, present)).filter((file) => file !== undefined);
  const test = presentAs(testFile, present);
  if (train.length === 0) throw missing(where, present, trainFiles);
  if (test === undefined) throw missing(where, present, [testFile]);
  async function load(split: string, files: readonly string[]): Promise<ImageDataset> {
    const contents: Uint8Array[] = [];
    for (const file of files) {
      const bytes = await read(file);
      contents.push(isGzip(bytes) ? await gunzip(bytes, file) : bytes);
      requireRecords(contents.at(-1)!, file);
    }
    return fromRecords(`${name}/${split}`, contents);
  }
  return { train: await load("train", train), test: await load("test", [test]) };
}

function presentAs(file: string, present: readonly string[]): string | undefined {
  return [file, `${file}.gz`].find((name) => present.includes(name));
}

function missing(where: string, present: readonly string[], files: readonly string[]): DataError {
  return new DataError(
    `${where}: none of CIFAR-10's files ${files.join(", ")} is there, also not with .gz; ` +
      `it ${describeContents(present)}`,
    "put at least one data_batch file and test_batch.bin into the folder, under their official names",
  );
}

/** @throws DataError for a file that does not consist of whole records with labels from 0 to 9 */
function requireRecords(bytes: Uint8Array, file: string): void {
  const count = Math.floor(bytes.length / recordBytes);
  const rest = bytes.length % recordBytes;
  const help = `get the file again from its source; a record has ${recordBytes} bytes: a label and 3×32×32 pixels`;
  if (count === 0 || rest > 0) {
    throw new DataError(
      `${file}: ${bytes.length} bytes are ${count} whole records and ${rest} bytes of record ${count}; ` +
        `expected a multiple of ${recordBytes}`,
      help,
    );
  }
  for (let record = 0; record < count; record++) {
    const label = bytes[record * recordBytes]!;
    if (label >= cifar10Classes.length) {
      throw new DataError(`${file}: record ${record} has the label ${label}, expected 0 to 9`, help);
    }
  }
}

function fromRecords(name: string, contents: readonly Uint8Array[]): ImageDataset {
  const count = contents.reduce((total, { length }) => total + length / recordBytes, 0);
  const labels = new Uint8Array(count);
  const pixels = new Uint8Array(count * imageBytes);
  let index = 0;
  for (const bytes of contents) {
    for (let start = 0; start < bytes.length; start += recordBytes, index++) {
      labels[index] = bytes[start]!;
      pixels.set(bytes.subarray(start + 1, start + recordBytes), index * imageBytes);
    }
  }
  const size = { channels: 3, height: side, width: side };
  return memoryDataset({ name, pixels, labels, ...size, classes: cifar10Classes });
}
