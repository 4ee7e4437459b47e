/**
 * What outlives the page: the last automatic save, and the datasets that somebody dropped. In IndexedDB, because a write
 * there is whole or not at all, whenever the page is closed.
 */
import { OutputError } from "../../engine/errors.ts";
import type { DataName, History, NamedBytes } from "../protocol.ts";

export interface Saved {
  readonly checkpoint: Uint8Array;
  readonly data: DataName;
  readonly history: History;
  readonly at: number;
}

interface Contents {
  readonly save: Saved;
  readonly mnist: readonly NamedBytes[];
  readonly "fashion-mnist": readonly NamedBytes[];
}

const databaseName = "wgrad";
const storeName = "kept";

let database: Promise<IDBDatabase> | undefined;

function open(): Promise<IDBDatabase> {
  database ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(databaseName, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(storeName);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return database;
}

/** @throws OutputError where the browser keeps nothing, or has no room */
async function within<T>(
  mode: IDBTransactionMode,
  work: (store: IDBObjectStore) => IDBRequest<T>,
): Promise<T> {
  try {
    const transaction = (await open()).transaction(storeName, mode);
    const request = work(transaction.objectStore(storeName));
    return await new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error);
    });
  } catch (error) {
    throw new OutputError(
      `this browser keeps nothing for this page: ${error instanceof Error ? error.message : error}`,
      "leave private browsing, or make room, for a training to survive a reload; until then save it as a file",
      { cause: error },
    );
  }
}

export function keep<Name extends keyof Contents>(name: Name, value: Contents[Name]): Promise<unknown> {
  return within("readwrite", (store) => store.put(value, name));
}

export function kept<Name extends keyof Contents>(name: Name): Promise<Contents[Name] | undefined> {
  return within("readonly", (store) => store.get(name));
}

export async function keptNames(): Promise<readonly IDBValidKey[]> {
  return within("readonly", (store) => store.getAllKeys());
}
