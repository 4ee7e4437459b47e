/**
 * The folder a run writes to. Everything that can be wrong with it is found before the training starts; after
 * that a file is replaced whole or not at all (a temporary file beside it, fsync, rename), and `metrics.jsonl`
 * grows by whole lines.
 *
 * All of it is synchronous: a signal cannot come between the halves of a write.
 */
import {
  closeSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join, resolve, sep } from "node:path";
import { OutputError } from "../../engine/errors.ts";
import { formatBytes } from "./format.ts";

export interface OutputFolder<Name extends string> {
  readonly path: string;
  /** The file's path, whether it is there or not. */
  pathOf(name: Name): string;
  /**
   * Replaces a file and returns its path; a reader sees the old content or the new, never half of it.
   * @throws OutputError, the old file then being as it was
   */
  write(name: Name, content: string | Uint8Array): string;
  /**
   * Starts a file of JSON lines with those that are to stay; what else an earlier run wrote there is gone.
   * @throws OutputError
   */
  startLines(name: Name, kept?: readonly string[]): LineWriter;
  /** @throws OutputError when the disk has less than `bytes` left */
  requireSpace(bytes: number): void;
}

export interface LineWriter {
  /** Adds one line, whole or not at all. @throws OutputError */
  append(record: object): void;
  /** Waits until the lines are on the disk. @throws OutputError */
  flush(): void;
  /** `flush`, and the file is done with. Calling it again does no harm. @throws OutputError */
  close(): void;
}

/**
 * Opens the folder at `path`, made where it is missing, and proves that files can be written in it. Files of an
 * earlier run stay until they are replaced.
 * @param names the files that will be written
 * @throws OutputError when the folder cannot be made or written to, or a folder has a file's name
 */
export function openOutputFolder<Name extends string>(
  path: string,
  names: readonly Name[],
): OutputFolder<Name> {
  makeFolder(resolve(path), path);
  for (const name of names) {
    if (lstatSync(join(path, name), { throwIfNoEntry: false })?.isDirectory()) {
      throw new OutputError(
        `cannot write ${join(path, name)}: a folder has that name`,
        "move that folder away, or choose another output folder",
      );
    }
  }
  const probe = join(path, ".writable");
  attempt(`cannot write in the output folder ${path}`, () => {
    try {
      writeDurably(probe, "wgrad\n");
    } finally {
      rmSync(probe, { force: true });
    }
  });

  return {
    path,
    pathOf: (name) => join(path, name),
    write(name, content) {
      replaceFile(join(path, name), content);
      return join(path, name);
    },
    startLines: (name, kept = []) => startLines(join(path, name), kept),
    requireSpace(bytes) {
      const free = attempt(`cannot read how much space is left for ${path}`, () => {
        const { bavail, bsize, blocks } = statfsSync(path);
        return blocks > 0 ? bavail * bsize : Number.POSITIVE_INFINITY; // a file system of 0 blocks does not count them
      });
      if (bytes > free) {
        throw new OutputError(
          `not enough space in ${path}: the results take ${formatBytes(bytes)}, ${formatBytes(free)} are free`,
          "free some space, or choose an output folder on another disk",
        );
      }
    },
  };
}

/** `mkdir -p`, one level at a time, because Node's own never returns where a file system refuses with ENOENT. */
function makeFolder(path: string, asked: string): void {
  const problem = `cannot create the output folder ${asked}`;
  const found = attempt(problem, () => {
    try {
      return statSync(path, { throwIfNoEntry: false });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOTDIR") return undefined; // the level above will say it better
      throw error;
    }
  });
  if (found?.isDirectory()) return;
  if (found) {
    throw new OutputError(
      `${problem}: ${path} is a file, not a folder`,
      "choose another output folder, or move that file away",
    );
  }
  makeFolder(dirname(path), asked);
  attempt(problem, () => {
    try {
      mkdirSync(path);
    } catch (error) {
      const madeByAnother = statSync(path, { throwIfNoEntry: false })?.isDirectory();
      if (!madeByAnother) throw error;
    }
  });
}

/** One file alone, whose folder may hold anything else. */
export interface OutputFile {
  readonly path: string;
  /** Whole or not at all. @throws OutputError, the old file then being as it was */
  write(content: string | Uint8Array): void;
}

/**
 * Proves that the file at `path` can be written, before there is anything to write. Its folder is made where it is
 * missing; an old file stays until it is replaced.
 * @throws OutputError
 */
export function openOutputFile(path: string): OutputFile {
  if (path.endsWith("/") || path.endsWith(sep))
    throw new OutputError(`cannot write ${path}: that is a folder, not a file`, "add a file's name to it");
  const name = basename(path);
  const folder = openOutputFolder(dirname(path), [name]);
  return { path, write: (content) => void folder.write(name, content) };
}

/** Writes one file, whole or not at all; its folder is made where it is missing. @throws OutputError */
export function writeWhole(path: string, content: string | Uint8Array): void {
  openOutputFile(path).write(content);
}

function replaceFile(path: string, content: string | Uint8Array): void {
  // One fixed name: what a killed run has left behind is overwritten by the next one.
  const temporary = join(dirname(path), `.${basename(path)}.partial`);
  attempt(`cannot write ${path}`, () => {
    try {
      writeDurably(temporary, content);
      renameSync(temporary, path);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
  });
}

function writeDurably(path: string, content: string | Uint8Array): void {
  const file = openSync(path, "w");
  try {
    writeFileSync(file, content);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function startLines(path: string, kept: readonly string[]): LineWriter {
  const problem = `cannot write ${path}`;
  const start = Buffer.from(kept.map((line) => `${line}\n`).join(""));
  replaceFile(path, start);
  const file = attempt(problem, () => openSync(path, "r+"));
  let size = start.length;
  let open = true;
  return {
    append(record) {
      const line = Buffer.from(`${JSON.stringify(record)}\n`);
      attempt(problem, () => {
        try {
          for (let written = 0; written < line.length; ) {
            written += writeSync(file, line, written, line.length - written, size + written);
          }
        } catch (error) {
          ftruncateSync(file, size);
          throw error;
        }
      });
      size += line.length;
    },
    flush: () => attempt(problem, () => fsyncSync(file)),
    close() {
      if (!open) return;
      open = false;
      attempt(problem, () => {
        try {
          fsyncSync(file);
        } finally {
          closeSync(file);
        }
      });
    },
  };
}

/** Runs `action`; what the file system refuses becomes an OutputError that says why and what to do. */
function attempt<Result>(problem: string, action: () => Result): Result {
  try {
    return action();
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    const help = reasons[code]?.[1] ?? "choose another output folder";
    throw new OutputError(`${problem}: ${reasonOf(error)}`, help, { cause: error });
  }
}

/** Why the file system refused, in words. */
export function reasonOf(error: unknown): string {
  const { code = "", message } = error as NodeJS.ErrnoException;
  return reasons[code]?.[0] ?? message;
}

const noSpaceHelp = "free some space, or choose an output folder on another disk";
const noPermission = [
  "permission denied",
  "choose another output folder, or change who may write there",
] as const;

const reasons: Record<string, readonly [reason: string, help: string]> = {
  EACCES: noPermission,
  EPERM: noPermission,
  EROFS: ["the file system is read-only", "choose an output folder on another disk"],
  ENOSPC: ["no space left on the disk", noSpaceHelp],
  EDQUOT: ["your disk quota is used up", noSpaceHelp],
  EFBIG: [
    "the file is larger than allowed here",
    "raise the limit (`ulimit -f`), or choose another output folder",
  ],
  EISDIR: ["a folder has that name", "choose another name, or move that folder away"],
  ENOTDIR: ["a file is where a folder should be", "choose another name, or move that file away"],
  ENAMETOOLONG: ["the name is too long", "choose a shorter name"],
  EEXIST: ["something of that name is there that is not a folder", "choose another name, or move that away"],
  ENOENT: ["the file system does not let folders or files be made there", "choose another output folder"],
};
