/**
 * Downloads a file whose content is known beforehand: its size and SHA-256 stand in the program, so that any
 * mirror will do and none has to be trusted. What has arrived stays in `NAME.part`, and the next attempt, also
 * one at another mirror or in another run, asks for the rest (range requests, RFC 9110, section 14). The file
 * gets its name only after its hash was checked.
 */
import { createHash } from "node:crypto";
import { constants, createReadStream } from "node:fs";
import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { DownloadError, OutputError } from "../engine/errors.ts";

export interface Download {
  /** Where the file is to be had, in the order in which to try. */
  readonly urls: readonly string[];
  /** Its SHA-256, in lower-case hexadecimal digits. */
  readonly sha256: string;
  /** Its size. */
  readonly bytes: number;
  /** The path that it gets; its folder is created. */
  readonly destination: string;
  /** What a user can do when no mirror gives the file: the error's `help:` line. */
  readonly help: string;
  /** Called as data arrives, with the bytes that are on disk by now. */
  readonly onProgress?: (received: number, total: number) => void;
  /** Stops the download; what has arrived is kept for the next one. */
  readonly signal?: AbortSignal;
  /** Milliseconds without a byte after which a server counts as stalled: 30,000 by default. */
  readonly stallTimeout?: number;
  /** Milliseconds before the second attempt at a mirror, doubled for each further one: 500 by default. */
  readonly retryDelay?: number;
}

/** Why an attempt did not bring the file, and whether the same mirror may do better the next time. */
interface Failure {
  readonly reason: string;
  readonly retry: boolean;
}

const attemptsPerMirror = 4;

/**
 * Makes sure that the file is at its destination with the expected content; downloads nothing when it is.
 * @throws DownloadError when no mirror could be reached or had the content; it says what each one did
 * @throws OutputError when the file cannot be written, or what is in its place cannot be read
 * @throws the signal's reason when it is aborted
 */
export async function downloadVerified(download: Download): Promise<void> {
  const { urls, destination, signal } = download;
  signal?.throwIfAborted();
  if ((await hashOf(destination)) === download.sha256) return;
  await mkdir(dirname(destination), { recursive: true }).catch(cannotWrite(destination));

  const failures: string[] = [];
  for (const url of urls) {
    let failure: Failure = { reason: "", retry: true };
    for (let attempt = 0; attempt < attemptsPerMirror && failure.retry; attempt++) {
      if (attempt > 0) await pause((download.retryDelay ?? 500) * 2 ** (attempt - 1), signal);
      const outcome = await attemptDownload(download, url);
      if (outcome === "complete") return;
      failure = outcome;
    }
    failures.push(`\n  ${url}: ${failure.reason}`);
  }
  throw new DownloadError(`could not download ${destination}${failures.join("")}`, download.help);
}

/** Fetches what is still missing, checks the whole, and gives it its name. */
async function attemptDownload(download: Download, url: string): Promise<Failure | "complete"> {
  const { destination, bytes, sha256 } = download;
  const part = `${destination}.part`;
  const offset = await sizeOf(part);
  if (offset < bytes) {
    const outcome = await fetchRest(download, url, part, offset);
    if (outcome !== "complete") return outcome;
  }
  const found = await hashOf(part);
  if (found === sha256) {
    try {
      await rename(part, destination);
    } catch (error) {
      if ((await hashOf(destination)) !== sha256) cannotWrite(destination)(error);
    }
    return "complete";
  }
  // Another process at the same download may have finished it, and the part has its name by now.
  if (found === undefined && (await hashOf(destination)) === sha256) return "complete";
  await rm(part, { force: true });
  // When an earlier attempt had brought the beginning, it need not be this mirror that is wrong.
  return { reason: `wrong content: SHA-256 ${found}, expected ${sha256}; deleted`, retry: offset > 0 };
}

/** One request: asks for the bytes from `offset` on and writes them into the part. */
async function fetchRest(
  download: Download,
  url: string,
  part: string,
  offset: number,
): Promise<Failure | "complete"> {
  const { bytes, signal, stallTimeout = 30_000 } = download;
  signal?.throwIfAborted();
  const connection = new AbortController();
  const hangUp = () => connection.abort();
  signal?.addEventListener("abort", hangUp);
  let watchdog = setTimeout(hangUp, stallTimeout);
  let position = offset;
  let responded = false;
  try {
    // Uncompressed, because ranges and lengths count the bytes that are sent.
    const headers: Record<string, string> = { "accept-encoding": "identity" };
    if (offset > 0) headers.range = `bytes=${offset}-`;
    const response = await fetch(url, { headers, signal: connection.signal });
    responded = true;
    if (!response.ok || response.body === null) return refusal(response);

    // A server that does not know ranges sends the whole file, with status 200.
    position = response.status === 206 ? rangeStart(response) : 0;
    if (!(position <= offset)) return { reason: "sent another part of the file than asked", retry: false };
    const size = position + Number(response.headers.get("content-length") ?? Number.NaN);
    if (size >= 0 && size !== bytes) {
      return { reason: `a file of ${size} bytes, expected ${bytes}`, retry: false };
    }
    // Not truncated, and written by position: two processes at the same download write the same bytes.
    const file = await open(part, constants.O_WRONLY | constants.O_CREAT).catch(cannotWrite(part));
    try {
      for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
        clearTimeout(watchdog);
        if (position + chunk.length > bytes) {
          return { reason: `more than the expected ${bytes} bytes`, retry: false };
        }
        await file.write(chunk, 0, chunk.length, position).catch(cannotWrite(part));
        position += chunk.length;
        download.onProgress?.(position, bytes);
        watchdog = setTimeout(hangUp, stallTimeout);
      }
    } finally {
      await file.close();
    }
    if (position === bytes) return "complete";
    return { reason: `the connection ended after ${position} of ${bytes} bytes`, retry: true };
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof OutputError) throw error;
    const state = responded ? ` after ${position} of ${bytes} bytes` : "";
    if (connection.signal.aborted) {
      return { reason: `no data for ${stallTimeout / 1000} s${state}`, retry: true };
    }
    const { code, message } = networkFault(error);
    if (responded) return { reason: `the connection broke${state} (${message})`, retry: true };
    return { reason: message, retry: code === "ECONNRESET" || code === "UND_ERR_SOCKET" };
  } finally {
    clearTimeout(watchdog);
    signal?.removeEventListener("abort", hangUp);
    hangUp();
  }
}

function refusal(response: Response): Failure {
  const retry = response.status >= 500 || [408, 425, 429].includes(response.status);
  return { reason: `HTTP ${response.status} ${response.statusText}`.trimEnd(), retry };
}

/** Where the part begins that a 206 answer holds, or NaN when it does not say. */
function rangeStart(response: Response): number {
  return Number(/^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "")?.[1]);
}

/** What was wrong with the connection: `fetch` wraps it, once or more. */
function networkFault(error: unknown): { code: string; message: string } {
  let fault = error as NodeJS.ErrnoException;
  while (fault.cause instanceof Error) fault = fault.cause;
  const code = fault.code ?? "";
  const words: Record<string, string> = {
    ENOTFOUND: "the server's name is not known, perhaps there is no internet connection",
    EAI_AGAIN: "the server's name could not be looked up, perhaps there is no internet connection",
    ECONNREFUSED: "the server refused the connection",
    UND_ERR_CONNECT_TIMEOUT: "the server did not answer",
  };
  return { code, message: words[code] ?? (fault.message || code) };
}

/** The SHA-256 of a file, or undefined when there is none. */
async function hashOf(path: string): Promise<string | undefined> {
  const hash = createHash("sha256");
  try {
    for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new OutputError(
      `cannot read ${path}, where the download belongs: ${message}`,
      "move away what is there, or see to it that you may read it",
      { cause: error },
    );
  }
  return hash.digest("hex");
}

async function sizeOf(path: string): Promise<number> {
  const found = await stat(path).catch(() => undefined);
  return found?.size ?? 0;
}

/** Waits, unless the signal is aborted. */
async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  await delay(milliseconds, undefined, { signal }).catch(() => signal?.throwIfAborted());
}

function cannotWrite(path: string): (error: unknown) => never {
  return (error) => {
    throw new OutputError(
      `cannot write ${path}: ${(error as Error).message}`,
      "make room, or choose a folder that you may write to",
      { cause: error },
    );
  };
}
