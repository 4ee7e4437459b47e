/**
 * What outlives the page: each tab's last automatic save, and the datasets that somebody dropped. In IndexedDB, because a
 * write there is whole or not at all, whenever the page is closed.
 */
import { OutputError } from "../../engine/errors.ts";
import type { DataName, History, NamedBytes } from "../protocol.ts";

export interface Saved {
  readonly checkpoint: Uint8Array;
  readonly data: DataName;
  readonly history: History;
  /** Somebody stopped it: it does not go on, though steps are left. */
  readonly isEnded: boolean;
  readonly at: number;
}

type SaveName = `save${string}`;

interface Contents {
  readonly [save: SaveName]: Saved;
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

/** Saves of tabs that are closed: so many stay, the newest. */
const mostClosed = 3;

let own: SaveName = "save";

/**
 * From now on this is `tab`: its saves are no other's. One that has none yet begins with a copy of the newest there is.
 * @throws OutputError
 */
export async function beTab(tab: string): Promise<void> {
  own = `save ${tab}`;
  const names = (await keptNames()).filter((name): name is SaveName => String(name).startsWith("save"));
  if (names.length === 0) return;
  const saves = await Promise.all(names.map(async (name) => ({ name, save: await kept(name) })));
  const newest = saves.sort((a, b) => (b.save?.at ?? 0) - (a.save?.at ?? 0));
  if (!names.includes(own) && newest[0].save) await keepSave(newest[0].save);
  const held = new Set((await navigator.locks.query()).held?.map(({ name }) => `save ${name}`));
  const closed = newest.filter(({ name }) => name !== own && !held.has(name));
  for (const { name } of closed.slice(mostClosed)) await forget(name);
}

export function keepSave(save: Saved): Promise<unknown> {
  return keep(own, save);
}

/** This tab's last one. */
export function keptSave(): Promise<Saved | undefined> {
  return kept(own);
}

function forget(name: SaveName): Promise<undefined> {
  return within("readwrite", (store) => store.delete(name));
}
