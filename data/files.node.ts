/**
 * Folders of Node's file system, with the errors that a user can act on.
 */
import type { Dirent } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { DataError } from "../engine/errors.ts";
import type { Folder } from "./folder.ts";

/**
 * A folder on disk; nothing is read until asked.
 * `list` and `read` throw DataError when the folder or file is not there or may not be read.
 */
export function openFolder(path: string): Folder {
  return {
    path,
    name: basename(resolve(path)),
    async list() {
      try {
        const entries = await readdir(path, { withFileTypes: true });
        // Before folders get their "/", and by code point, as Python sorts: so torchvision numbers classes.
        entries.sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
        const names = entries.map(async (entry) => ((await isFolder(entry)) ? `${entry.name}/` : entry.name));
        return await Promise.all(names);
      } catch (error) {
        throw new DataError(
          `cannot read the folder ${path}: ${reason(error)}`,
          "give the path of a folder that exists and that you may read",
          { cause: error },
        );
      }
    },
    async read(name) {
      try {
        return new Uint8Array(await readFile(join(path, name)));
      } catch (error) {
        throw new DataError(
          `cannot read the file ${join(path, name)}: ${reason(error)}`,
          "check that the file is there and that you may read it",
          { cause: error },
        );
      }
    },
    folder: (name) => openFolder(join(path, name)),
  };

  /** A link is what it leads to. */
  async function isFolder(entry: Dirent): Promise<boolean> {
    if (!entry.isSymbolicLink()) return entry.isDirectory();
    const found = await stat(join(path, entry.name)).catch(() => undefined);
    return found?.isDirectory() ?? false;
  }
}

function reason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ENOENT") return "it does not exist";
  if (code === "ENOTDIR") return "it is not a folder";
  if (code === "EISDIR") return "it is a folder";
  if (code === "EACCES" || code === "EPERM") return "permission denied";
  return message;
}
