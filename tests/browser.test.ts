/** The same checks in a real browser (headless, on its own CPU adapter), and what the engine weighs there. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { type BuildOptions, build } from "esbuild";
import { type Browser, chromium } from "playwright-core";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ensureBrowser } from "../cli/setup/index.ts";
import { wgslPlugin } from "../engine/gpu/wgslBundle.mjs";
import type { GradcheckOutcome } from "../web/gradcheck.ts";
import { withWebGpu } from "./browser-helpers.ts";
import { showRows } from "./checks-helpers.ts";

const kilobytesAtMost = 60;
const minutesAtMost = 12;

let browser: Browser | undefined;
let server: Server | undefined;

test.before(async () => {
  browser = await chromium.launch({ executablePath: await ensureBrowser(), args: withWebGpu });
  const script = await bundle("web/gradcheck.ts");
  server = createServer((request, response) => {
    const isScript = request.url === "/gradcheck.js";
    response.setHeader("content-type", isScript ? "text/javascript" : "text/html; charset=utf-8");
    response.end(
      isScript
        ? script
        : `<!doctype html><link rel="icon" href="data:,"><script type="module" src="gradcheck.js"></script>`,
    );
  });
  await new Promise<void>((resolve) => server!.listen(0, "127.0.0.1", resolve));
});

test.after(async () => {
  await browser?.close();
  server?.close();
});

test("every row of the checks passes in the browser", async () => {
  const page = await browser!.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  await page.goto(`http://127.0.0.1:${(server!.address() as AddressInfo).port}/`);
  const outcome = () => page.evaluate("gradcheckOutcome") as Promise<GradcheckOutcome>;
  await page.waitForFunction("gradcheckOutcome.done", undefined, {
    timeout: minutesAtMost * 60_000,
    polling: 500,
  });
  const { adapter, rows, error } = await outcome();
  assert.is(error, undefined, error);
  console.log(`\n${adapter} (${browser!.version()})`);
  const { failed } = await showRows(rows);
  assert.is(failed, 0, `${failed} of ${rows.length} rows failed: they stand above`);
  assert.ok(rows.length > 500, `only ${rows.length} rows`);
  assert.equal(complaints, []);
});

test("the engine's bundle for browsers imports nothing of Node's and is small", async () => {
  const text = await bundle("engine/index.ts", { minify: true });
  assert.not.match(text, /["']node:/);
  assert.not.match(text, /\bfrom\s*["']webgpu["']|import\(["']webgpu["']\)/);
  const kilobytes = gzipSync(text, { level: 9 }).length / 1000;
  console.log(`\nthe engine for browsers: ${kilobytes.toFixed(1)} kB gzipped`);
  assert.ok(kilobytes < kilobytesAtMost, `${kilobytes} kB, and ${kilobytesAtMost} are allowed`);
});

async function bundle(entry: string, options: BuildOptions = {}): Promise<string> {
  const { outputFiles } = await build({
    absWorkingDir: fileURLToPath(new URL("..", import.meta.url)),
    entryPoints: [entry],
    bundle: true,
    write: false,
    platform: "browser",
    format: "esm",
    target: "es2022",
    plugins: [wgslPlugin],
    ...options,
  });
  return outputFiles![0].text;
}

test.run();
