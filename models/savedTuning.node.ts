/**
 * Tunings on disk, in the cache: a file for each adapter. A graphics card's driver is told by the adapter's name; of a CPU
 * adapter, whose kernels run on the processor, the processor is added. A file that is damaged or not what its name says is
 * an error; one that was made with other kernels, by an older or a newer wgrad, counts as none.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { cacheFolder } from "../data/cacheFolder.node.ts";
import { DataError, OutputError } from "../engine/errors.ts";
import { type AdapterDescription, findAdapter } from "../engine/gpu/adapter.ts";
import { decodeTuning, encodeTuning, kernelVersion, type Tuning } from "../engine/tuning.ts";

type Adapter = Pick<AdapterDescription, "name" | "kind">;

/**
 * What `wgrad tune` saved for an adapter: `openDevice({ tuning: await savedTuning() })`. Undefined where there is nothing,
 * or only of other kernels than these.
 * @param name part of the adapter's name, as for `openDevice`
 * @throws AdapterError; DataError for a damaged file
 */
export async function savedTuning(name?: string): Promise<Tuning | undefined> {
  return readTuning((await findAdapter(name)).description);
}

/** The same for an adapter that was found. @throws DataError */
export async function readTuning(adapter: Adapter): Promise<Tuning | undefined> {
  const path = tuningPath(adapter);
  const tuning = readFile(path);
  if (!tuning || tuning.kernels !== (await kernelVersion())) return undefined;
  if (tuning.adapter === adapter.name) return tuning;
  throw new DataError(
    `${path} is for ${tuning.adapter}, and should be for ${adapter.name}`,
    "tune anew: wgrad tune",
  );
}

/** @returns the path of the file, which is written whole or not at all. @throws OutputError */
export function saveTuning(adapter: Adapter, tuning: Tuning): string {
  const path = tuningPath(adapter);
  const partial = `${path}.${process.pid}.partial`;
  try {
    mkdirSync(tuningFolder(), { recursive: true });
    try {
      writeFileSync(partial, encodeTuning(tuning), { flush: true });
      renameSync(partial, path);
    } catch (error) {
      rmSync(partial, { force: true });
      throw error;
    }
  } catch (cause) {
    throw new OutputError(
      `cannot write ${path}: ${(cause as Error).message}`,
      "make room, or name a folder that you may write to in WGRAD_CACHE",
      { cause },
    );
  }
  return path;
}

export interface TuningFile {
  readonly path: string;
  /** An error where the file cannot be read. */
  readonly content: Tuning | DataError;
}

/** Of all adapters, damaged ones as well. */
export function listTunings(): TuningFile[] {
  return filesInFolder().map((path) => {
    try {
      return { path, content: readFile(path)! };
    } catch (error) {
      if (error instanceof DataError) return { path, content: error };
      throw error;
    }
  });
}

/** Forgets all of them; the paths that there were. @throws OutputError */
export function clearTunings(): string[] {
  const paths = filesInFolder();
  try {
    rmSync(tuningFolder(), { recursive: true, force: true });
  } catch (cause) {
    const problem = `cannot delete ${tuningFolder()}: ${(cause as Error).message}`;
    throw new OutputError(problem, "delete it by hand", { cause });
  }
  return paths;
}

function tuningFolder(): string {
  return join(cacheFolder(), "tuning");
}

function tuningPath({ name, kind }: Adapter): string {
  const processor = kind === "cpu" ? [cpus()[0]?.model, cpus().length] : [];
  const hash = createHash("sha256")
    .update([name, ...processor].join("\n"))
    .digest("hex");
  return join(tuningFolder(), `${hash.slice(0, 16)}.json`);
}

function filesInFolder(): string[] {
  try {
    return readdirSync(tuningFolder())
      .filter((name) => name.endsWith(".json"))
      .sort()
      .map((name) => join(tuningFolder(), name));
  } catch {
    return []; // there is no such folder before the first one is saved
  }
}

/** Undefined where there is none. @throws DataError */
function readFile(path: string): Tuning | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new DataError(
      `cannot read ${path}: ${(cause as Error).message}`,
      "make it readable, or delete it",
      {
        cause,
      },
    );
  }
  return decodeTuning(text, path);
}
