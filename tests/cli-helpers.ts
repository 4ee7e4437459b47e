/** What the tests of the command line share: real processes in a folder of their own, and what they print. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import * as assert from "uvu/assert";
import { readImages } from "../data/loader.ts";
import { syntheticDigits } from "../data/syntheticDigits.ts";
import { idxFile, temporaryFolder } from "./data-helpers.ts";
import { type Ended, projectRoot, run, start } from "./process-helpers.ts";

export const script = join(projectRoot, "cli", "wgrad.mjs");
/** Where the commands run: nothing of this project is there. */
export const here = temporaryFolder();
/** What whoever runs the tests has tuned would change last bits. */
process.env.WGRAD_CACHE = join(here, "cache");

const words = (line: string) => line.split(" ").filter((word) => word !== "");
export const wgrad = (line: string) => run(process.execPath, [script, ...words(line)], { cwd: here });
export const startWgrad = (line: string) => start(process.execPath, [script, ...words(line)], { cwd: here });

export function writeFolder(name: string, files: ReadonlyMap<string, Uint8Array>): void {
  mkdirSync(join(here, name), { recursive: true });
  for (const [file, bytes] of files) writeFileSync(join(here, name, file), bytes);
}

export const outputOf = (folder: string, name: string) => readFileSync(join(here, folder, name));

/** Drawn digits as MNIST's files. */
export async function digitFiles(trainCount: number, testCount: number): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  const splits = syntheticDigits({ seed: 1, trainCount, testCount });
  for (const [prefix, dataset] of [
    ["train", splits.train],
    ["t10k", splits.test],
  ] as const) {
    const { labels, count } = dataset;
    const images = await readImages(dataset, [...labels.keys()]);
    const pixels = Uint8Array.from(images, (value) => Math.round(255 * value));
    files.set(`${prefix}-images-idx3-ubyte.gz`, gzipSync(idxFile([count, 28, 28], pixels)));
    files.set(`${prefix}-labels-idx1-ubyte.gz`, gzipSync(idxFile([count], labels)));
  }
  return files;
}

// biome-ignore lint/suspicious/noExplicitAny: the fields are what is tested
export const parseLines = (text: string): any[] =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

/** Ended with `code`, without a word on standard error; returns what was printed. */
export function succeeded({ code, stdout, stderr }: Ended, expected = 0): string {
  assert.is(code, expected, `exit code ${code}:\n${stdout.slice(-500)}${stderr}`);
  assert.is(stderr, "");
  return stdout;
}

/** Says what is wrong and what to do, on one screen. */
export function assertRefused(ended: Ended, code: number, problem: RegExp): void {
  const { stderr } = ended;
  assert.is(ended.code, code, `${ended.stdout.slice(0, 500)}${stderr}`);
  assert.match(stderr, /^error: /);
  assert.match(stderr, problem);
  assert.match(stderr, /\n {2}help: \S/);
  assert.not.match(stderr, /^\s+at /m, "no stack trace");
  assert.not.match(stderr, /something unexpected/, "an error that was foreseen");
  assert.ok(stderr.split("\n").length <= 16, stderr);
}
