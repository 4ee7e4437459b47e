/**
 * What the tests of data/ share: real files in a temporary folder, and errors as values to look at.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import type { WgradError } from "../engine/errors.ts";

const root = mkdtempSync(join(tmpdir(), "wgrad-test-"));
process.on("exit", () => rmSync(root, { recursive: true, force: true }));

/** A new folder, gone when the process ends. */
export function temporaryFolder(): string {
  return mkdtempSync(join(root, "folder-"));
}

/** The error with which `action` refuses, which has to be of the class `kind` and to say what to do. */
export async function refusal(
  kind: new (problem: string, help?: string) => WgradError,
  action: () => unknown,
): Promise<WgradError> {
  try {
    await action();
  } catch (error) {
    assert.instance(error, kind, `expected a ${kind.name}, got ${error}`);
    return error as WgradError;
  }
  assert.unreachable(`expected a ${kind.name}, and nothing was refused`);
  throw new Error("unreachable");
}

/** An IDX file of unsigned bytes. */
export function idxFile(sizes: readonly number[], values: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(4 + 4 * sizes.length + values.length);
  bytes.set([0, 0, 8, sizes.length]);
  const view = new DataView(bytes.buffer);
  for (const [axis, size] of sizes.entries()) view.setUint32(4 + 4 * axis, size);
  bytes.set(values, 4 + 4 * sizes.length);
  return bytes;
}

/** The four files of a small set in MNIST's form: the pixels of image i are i, i + 1, … modulo 256. */
export function mnistFiles(trainCount: number, testCount: number): Map<string, Uint8Array> {
  const images = (count: number) =>
    idxFile(
      [count, 28, 28],
      Uint8Array.from({ length: count * 784 }, (_, place) => Math.floor(place / 784) + (place % 784)),
    );
  const labels = (count: number) =>
    idxFile(
      [count],
      Uint8Array.from({ length: count }, (_, index) => (3 * index) % 10),
    );
  return new Map([
    ["train-images-idx3-ubyte", images(trainCount)],
    ["train-labels-idx1-ubyte", labels(trainCount)],
    ["t10k-images-idx3-ubyte", images(testCount)],
    ["t10k-labels-idx1-ubyte", labels(testCount)],
  ]);
}
