/** Files that go in and out: datasets and checkpoints. */

import { type DataName, dataTitles, type NamedBytes } from "../protocol.ts";
import { whole } from "./format.ts";
import { change, choice, request, show, status, stored } from "./state.ts";

/** No checkpoint of a model on this page, and no file of MNIST's, comes near. */
const largestFile = 512e6;

/** Dropped or chosen: a checkpoint, or a dataset's files. */
export async function takeFiles(files: readonly File[]): Promise<void> {
  const large = files.find(({ size }) => size > largestFile);
  if (large) {
    show({
      kind: "error",
      text: `${large.name} is too large for this page: ${Math.round(large.size / 1e6)} MB`,
    });
    return;
  }
  if (isBusy()) {
    show({
      kind: "error",
      text: "A training is under way.",
      help: "Pause it first, and drop the file again.",
    });
    return;
  }
  const [first] = files;
  if (files.length === 1 && first.name.endsWith(".safetensors")) await openCheckpoint(await readFile(first));
  else if (files.length > 0) await addData(await Promise.all(files.map(readFile)));
}

async function readFile(file: File): Promise<NamedBytes> {
  return { name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) };
}

async function openCheckpoint(file: NamedBytes): Promise<void> {
  if (!(await request("openCheckpoint", file))) return;
  const { choice: opened, stepsDone } = status.value;
  if (opened) choice.value = opened;
  show({ kind: "information", text: `${file.name} is open: ${whole(stepsDone)} steps were done.` });
}

function isBusy(): boolean {
  const { phase } = status.value;
  return phase === "training" || phase === "preparing";
}

/** The set that is chosen at the moment; MNIST when that is the digits. */
async function addData(files: readonly NamedBytes[]): Promise<void> {
  const name: DataName = choice.value.data === "digits" ? "mnist" : choice.value.data;
  await bring(name, () => request("addData", name, files));
}

/**
 * @param address of a folder, from this page on
 * @returns undefined for what is no address of the web
 */
export function folderAt(address: string): URL | undefined {
  const text = address.trim();
  try {
    const folder = new URL(text.endsWith("/") ? text : `${text}/`, location.href);
    return /^https?:$/.test(folder.protocol) ? folder : undefined;
  } catch {
    return undefined;
  }
}

/** From a folder on this page's host. */
export async function fetchData(name: DataName, folder: URL): Promise<void> {
  await bring(name, () => request("fetchData", name, folder.href));
}

/**
 * The data are chosen when they come, unless something else was chosen or begun meanwhile.
 * @param asked gives undefined when the files were refused
 */
async function bring(name: DataName, asked: () => Promise<readonly DataName[] | undefined>): Promise<void> {
  const { data: before } = choice.value;
  const present = await asked();
  if (!present) return;
  stored.value = present;
  if (choice.value.data === before && !isBusy()) change({ data: name });
  show({ kind: "information", text: `${dataTitles[name]} is here, and stays for the next visit.` });
}

/** Offers the checkpoint as a file, under the name that the command line looks for. */
export async function saveCheckpoint(): Promise<void> {
  const bytes = await request("checkpoint");
  if (!bytes) return;
  const address = URL.createObjectURL(new Blob([bytes as Uint8Array<ArrayBuffer>]));
  const link = document.createElement("a");
  link.href = address;
  link.download = "checkpoint.safetensors";
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
