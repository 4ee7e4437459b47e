/** What the tests of the page share: it is built once, served as a static host would, and driven in headless Chromium. */
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import * as assert from "uvu/assert";
import { build } from "vite";
import { ensureBrowser } from "../cli/setup/index.ts";
import { temporaryFolder } from "./data-helpers.ts";

export const site = temporaryFolder();

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};

export async function buildSite(): Promise<void> {
  await build({
    configFile: fileURLToPath(new URL("../web/vite.config.ts", import.meta.url)),
    logLevel: "warn",
    build: { outDir: site },
  });
}

export interface Host {
  readonly address: string;
  /** Files beside the page, by their path. */
  readonly files: Map<string, Uint8Array>;
  /** What is elsewhere: a folder's address by its path. */
  readonly moved: Map<string, string>;
  /** Paths that somebody asked for. */
  readonly asked: string[];
  close(): void;
}

export async function serveSite(): Promise<Host> {
  const files = new Map<string, Uint8Array>();
  const moved = new Map<string, string>();
  const asked: string[] = [];
  const server: Server = createServer((request, response) => {
    const { pathname } = new URL(request.url!, "http://here");
    const path = pathname === "/" ? "/index.html" : pathname;
    asked.push(path);
    const folder = moved.get(path.slice(0, path.lastIndexOf("/") + 1));
    if (folder) return void response.writeHead(302, { location: folder + path.split("/").at(-1) }).end();
    try {
      const bytes = files.get(path) ?? readFileSync(join(site, path));
      response.setHeader("content-type", types[extname(path)] ?? "application/octet-stream");
      response.end(bytes);
    } catch {
      response.statusCode = 404;
      response.end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    files,
    moved,
    asked,
    close: () => server.close(),
  };
}

export async function launch(args: readonly string[]): Promise<Browser> {
  return chromium.launch({ executablePath: await ensureBrowser(), args: [...args] });
}

/** A page of its own, with storage of its own, of which every complaint and every request is remembered. */
export interface Visit {
  readonly page: Page;
  /** Nothing was complained about, and nothing asked of another host. */
  endWell(): Promise<void>;
}

export async function visit(
  browser: Browser,
  address: string,
  options: BrowserContextOptions & {
    /** Complaints that are expected. */
    readonly complains?: RegExp;
    /** Requests to another host that the browser is to stop: Playwright tells them, though nothing is sent. */
    readonly stopped?: RegExp;
  } = {},
): Promise<Visit> {
  const { complains, stopped, ...context } = options;
  const opened = await browser.newContext({ viewport: { width: 1440, height: 1000 }, ...context });
  const page = await opened.newPage();
  page.setDefaultTimeout(45_000);
  const complaints: string[] = [];
  const strangers: string[] = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  opened.on("request", (request) => {
    const url = new URL(request.url());
    if (!["data:", "blob:"].includes(url.protocol) && url.origin !== new URL(address).origin)
      strangers.push(request.url());
  });
  await page.goto(address);
  return {
    page,
    async endWell() {
      await opened.close();
      assert.equal(
        complaints.filter((text) => !complains?.test(text)),
        [],
      );
      assert.equal(
        strangers.filter((address) => !stopped?.test(address)),
        [],
      );
    },
  };
}

/** Starts what is chosen, and waits for so many steps. */
export async function startTraining(page: Page, steps: number): Promise<void> {
  await page.getByRole("button", { name: "Start", exact: true }).click();
  await waitForSteps(page, steps);
}

export async function waitForSteps(page: Page, steps: number): Promise<void> {
  await page.waitForFunction(
    (least) => (document.querySelector<HTMLProgressElement>(".figures progress")?.value ?? 0) >= least,
    steps,
  );
}

export async function stepsDone(page: Page): Promise<number> {
  return page.locator(".figures progress").evaluate((bar) => (bar as HTMLProgressElement).value);
}

export async function pause(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Pause" }).click();
  await page.getByText("Paused", { exact: true }).waitFor();
}

export const button = (page: Page, name: string) => page.getByRole("button", { name, exact: true });
export const goTo = (page: Page, view: string) => page.getByRole("link", { name: view }).click();

/** What the curve tells those who do not see it. */
export async function lossesOf(page: Page): Promise<{ first: number; last: number; count: number }> {
  const label = (await page.locator(".curve").getAttribute("aria-label")) ?? "";
  const [, last, count, first] = / ([\d.]+) after ([\d,]+) steps, ([\d.]+) at the first/.exec(label) ?? [];
  return { first: Number(first), last: Number(last), count: Number(count?.replace(",", "")) };
}

/** Whether an image is more than paper. */
export function hasInk(page: Page, label: string): Promise<boolean> {
  return page.getByLabel(label, { exact: true }).evaluate((element) => {
    const canvas = element as HTMLCanvasElement;
    const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
    const reds = data.filter((_, i) => i % 4 === 0);
    return Math.max(...reds) - Math.min(...reds) > 60;
  });
}

export async function open(page: Page, name: string, bytes: Uint8Array): Promise<void> {
  const file = { name, mimeType: "application/octet-stream", buffer: Buffer.from(bytes) };
  await page.getByLabel("Open a checkpoint", { exact: true }).setInputFiles(file);
}

/** Drops files onto the page. */
export function drop(page: Page, files: readonly (readonly [string, Uint8Array])[]): Promise<boolean> {
  return page.evaluate(
    (dropped) => {
      const transfer = new DataTransfer();
      for (const [name, bytes] of dropped) transfer.items.add(new File([new Uint8Array(bytes)], name));
      return document.body.dispatchEvent(
        new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }),
      );
    },
    files.map(([name, bytes]) => [name, [...bytes]] as const),
  );
}

export async function save(page: Page): Promise<Buffer> {
  const [download] = await Promise.all([page.waitForEvent("download"), button(page, "Save").click()]);
  assert.is(download.suggestedFilename(), "checkpoint.safetensors");
  return readFileSync(await download.path());
}

/** A task of the page's main thread: milliseconds of processor time, milliseconds by the clock, and what it was. */
export interface Task {
  readonly processor: number;
  readonly clock: number;
  readonly what: string;
}

/**
 * Watches how long the page's main thread is busy at a stretch. What counts is the processor time of a task, from
 * Chromium's own trace. By the clock (which the browser's `longtask` entries tell) a task also takes the time in which
 * the operating system gives the processor to something else, and in these tests there is much of that: the graphics
 * adapter is a program on the same two cores.
 * @returns ends the watch and gives all tasks, the longest first
 */
export async function watchMainThread(browser: Browser, page: Page): Promise<() => Promise<Task[]>> {
  await browser.startTracing(page, { categories: ["toplevel"] });
  return async () => {
    const { traceEvents: events } = JSON.parse((await browser.stopTracing()).toString()) as {
      traceEvents: TraceEvent[];
    };
    const threadOf = ({ pid, tid }: TraceEvent) => `${pid} ${tid}`;
    const main = new Set(
      events.filter(({ args }) => args?.name === "CrRendererMain").map((event) => threadOf(event)),
    );
    return events
      .filter(
        (event) =>
          event.name === "ThreadControllerImpl::RunTask" &&
          event.tdur !== undefined &&
          main.has(threadOf(event)),
      )
      .map(({ dur = 0, tdur = 0, args }) => ({
        processor: tdur / 1000,
        clock: dur / 1000,
        what: `${args?.src_func ?? "a task"} in ${args?.src_file ?? "the browser"}`,
      }))
      .sort((a, b) => b.processor - a.processor);
  };
}

/** Of Chromium's trace format: times are in microseconds, `tdur` is the thread's own. */
interface TraceEvent {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  readonly dur?: number;
  readonly tdur?: number;
  readonly args?: { readonly name?: string; readonly src_func?: string; readonly src_file?: string };
}
