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
  const checkpoints = files.filter(({ name }) => /\.safetensors$/i.test(name));
  if (checkpoints.length > 0 && files.length > 1) {
    show({
      kind: "error",
      text: `${checkpoints[0].name} is a checkpoint, and came together with other files.`,
      help: "Drop one checkpoint at a time.",
    });
    return;
  }
  const read: NamedBytes[] = [];
  for (const file of files) {
    const whole = await readFile(file);
    if (!whole) return;
    read.push(whole);
  }
  if (checkpoints.length > 0) await openCheckpoint(read[0]);
  else if (read.length > 0) await addData(read);
}

/** A folder has the form of a file, but no bytes: that is told, and the answer is undefined. */
async function readFile(file: File): Promise<NamedBytes | undefined> {
  try {
    return { name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) };
  } catch {
    show({
      kind: "error",
      text: `${file.name} could not be read.`,
      help: "If it is a folder, drop the files in it, and not the folder.",
    });
    return undefined;
  }
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
