#!/usr/bin/env node
/** Starts the command line: the built one in an installed package, else the sources as they are. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const built = new URL("../dist/cli/main.js", import.meta.url);
const source = new URL("./main.ts", import.meta.url);

if (existsSync(fileURLToPath(source))) {
  await import("../engine/gpu/wgslLoader.mjs");
  const { register } = await import("tsx/esm/api");
  register();
  await import(source.href);
} else {
  await import(built.href);
}
