/** What the tests of the engine share. */
import { spawnSync } from "node:child_process";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import * as assert from "uvu/assert";
import { memoryDataset } from "../data/dataset.ts";
import type { WgradError } from "../engine/errors.ts";
import { hostRandom } from "../engine/hostRandom.ts";

/** `work` throws, or rejects with, an error of the class `kind` whose message has the `words`. */
export async function refused(
  kind: new (...some: never[]) => WgradError,
  words: RegExp,
  work: () => unknown,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    assert.instance(error, kind, `expected ${kind.name}, got ${error}`);
    assert.match((error as Error).message, words);
    return;
  }
  assert.unreachable(`expected ${kind.name} with ${words}, and nothing was refused`);
}

/** Within `tolerance` of the larger of 1 and the expected value, element by element. */
export function close(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  where: string,
  tolerance = 1e-5,
): void {
  assert.is(actual.length, expected.length, `${where}: ${actual.length} numbers, not ${expected.length}`);
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i] - expected[i]);
    assert.ok(
      difference <= tolerance * Math.max(1, Math.abs(expected[i])),
      `${where}: element ${i} is ${actual[i]}, not ${expected[i]}`,
    );
  }
}

/** Runs JavaScript's garbage collector, and what it set off: memory of unreachable tensors is back in the pool then. */
export async function collectGarbage(): Promise<void> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  for (let round = 0; round < 3; round++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 5)); // finalisers run as tasks of their own
  }
}

/** One shell word each. */
const node = [
  `'${process.execPath}'`,
  "--import ./engine/gpu/wgslLoader.mjs --import tsx --input-type=module --eval",
].join(" ");

/**
 * Runs a script of its own, in which `openDevice` is there and no adapter is chosen by name.
 * @param redirect in the shell's words, where its outputs go
 */
export function runScript(source: string, environment: Record<string, string> = {}, redirect = "") {
  const script = `import { openDevice } from "./engine/index.ts"; ${source}`;
  const { XDG_RUNTIME_DIR: _, WGRAD_ADAPTER: __, ...inherited } = process.env;
  const { status, signal, stdout, stderr } = spawnSync("sh", ["-c", `${node} "$SCRIPT" ${redirect}`], {
    cwd: new URL("..", import.meta.url),
    env: { ...inherited, ...environment, SCRIPT: script },
    encoding: "utf8",
    timeout: 60_000,
  });
  return { status, signal, stdout, stderr };
}

/** Grey images with pixels from 0 to 1, and labels from 0 to 9; always the same ones. Also as one array, `images`. */
export function randomImages({ count, size }: { count: number; size: number }) {
  const random = hostRandom("images");
  const images = Float32Array.from({ length: count * size * size }, () => random());
  const labels = Uint8Array.from({ length: count }, (_, i) => i % 10);
  const shape = { channels: 1, height: size, width: size };
  return {
    ...memoryDataset({ name: "random", pixels: images, labels, ...shape, classes: [..."0123456789"] }),
    images,
  };
}
