/** WebGPU in Node: Dawn, from the npm package `webgpu`. */
import { closeSync, fstatSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AdapterError } from "../errors.ts";
import type { Platform } from "./platform.ts";

/** What Dawn and the Vulkan loader say on every start on a CPU adapter, and what never helped anybody. */
const harmless = [/artificially reduced from/, /XDG_RUNTIME_DIR/];

/** Timestamps as they are: by default, as in browsers, they are rounded to a tenth of a millisecond. */
const dawnOptions = ["disable-dawn-features=timestamp_quantization"];

/**
 * Dawn's instances, by the name of the adapter that they look for. They are kept for good: Dawn ends what is under
 * way after a device was destroyed, and the process crashes if the instance was collected by then.
 */
const instances = new Map<string | undefined, GPU>();

export const platform: Platform = {
  async webgpu(adapterName) {
    const { create } = await import("webgpu").catch((cause) => {
      throw new AdapterError(
        `Dawn (the npm package "webgpu") does not load here: ${cause.message.split("\n")[0]}`,
        "it has binaries for Linux, macOS and Windows on x64 and arm64, and needs glibc 2.34 or newer on Linux",
        { cause },
      );
    });
    function request(name: string | undefined, options: GPURequestAdapterOptions | undefined) {
      const instance = instances.get(name) ?? create([...dawnOptions, ...(name ? [`adapter=${name}`] : [])]);
      instances.set(name, instance);
      return withFilteredStandardError(() => instance.requestAdapter(options));
    }
    return {
      async requestAdapter(options) {
        try {
          return await request(adapterName, options);
        } catch (cause) {
          if (adapterName === undefined) throw cause;
          return request(fullName(adapterName, cause as Error), options);
        }
      },
    };
  },
  adapterName: () => process.env.WGRAD_ADAPTER || undefined,
  restUntil,
  noAdapterHelp:
    "run `npx wgrad setup`: it finds out what is missing, and installs a Vulkan driver on Debian and Ubuntu",
};

/** How many things are awaited. */
let awaited = 0;
let isResting = false;
const nobodyWakes = new Int32Array(new SharedArrayBuffer(4));
/** When something was last asked for. */
let waitingSince = 0;
/** A turn rests for this share of the time waited, so that nothing is heard of much later, and within these bounds. */
const restShare = 1 / 16;
const restMilliseconds = { least: 0.1, most: 0.5 } as const;

/**
 * Dawn asks in every turn of the event loop whether what was awaited is done, a hundred thousand times a second: a third
 * of two cores. A turn that rests in between makes that a few thousand times.
 */
function restUntil(settled: Promise<unknown>): void {
  awaited++;
  waitingSince = performance.now();
  settled.then(countDown, countDown);
  if (!isResting) setImmediate(rest);
  isResting = true;
}

function countDown(): void {
  awaited--;
}

function rest(): void {
  isResting = awaited > 0;
  if (!isResting) return;
  const { least, most } = restMilliseconds;
  const wanted = restShare * (performance.now() - waitingSince);
  Atomics.wait(nobodyWakes, 0, 0, Math.min(Math.max(least, wanted), most));
  setImmediate(rest);
}

/**
 * The adapter's name with `part` in it, any case. Dawn itself tells capitals apart.
 * @param refusal what Dawn says when no name has it: it lists all names
 * @throws AdapterError when no name fits
 */
function fullName(part: string, refusal: Error): string {
  const names = [...refusal.message.matchAll(/name: '(.*)'/g)].map(([, name]) => name);
  if (names.length === 0) throw refusal;
  const found = names.find((name) => name.toLowerCase().includes(part.toLowerCase()));
  if (found) return found;
  throw new AdapterError(
    `no WebGPU adapter has "${part}" in its name; there are: ${names.join(", ")}`,
    "leave WGRAD_ADAPTER (or the option `adapter`) out to get the default one",
    { cause: refusal },
  );
}

/**
 * Dawn writes its warnings straight to file descriptor 2, out of reach of `process.stderr`. While `call` runs
 * (its synchronous part, which is where Dawn looks for adapters) the descriptor leads to a file; what is not
 * known to be harmless is then passed on. Where the descriptor cannot be opened again (a socket, or no
 * /proc) everything stays as it was; so it does for a file, which would get a second place to write at, apart from
 * that of whoever shares it (`> log 2>&1`).
 */
function withFilteredStandardError<T>(call: () => T): T {
  if (fstatSync(2).isFile()) return call();
  let saved: number;
  try {
    saved = openSync("/proc/self/fd/2", "a");
  } catch {
    return call();
  }
  const folder = mkdtempSync(join(tmpdir(), "wgrad-"));
  const file = join(folder, "stderr");
  replaceStandardError(file, "w");
  try {
    return call();
  } finally {
    replaceStandardError(`/proc/self/fd/${saved}`, "a");
    closeSync(saved);
    for (const line of readFileSync(file, "utf8").split("\n")) {
      if (line !== "" && !harmless.some((pattern) => pattern.test(line))) writeSync(2, `${line}\n`);
    }
    rmSync(folder, { recursive: true });
  }
}

/** A new descriptor is the lowest free one: after closing 2, that is 2 (standard input and output are open). */
function replaceStandardError(path: string, flags: string): void {
  closeSync(2);
  openSync(path, flags);
}
