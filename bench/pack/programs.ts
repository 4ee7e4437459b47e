/**
 * The benchmark and the command line as they run on a machine that has neither npm nor this project: one file each,
 * kernels included, which lie as their sources do, and Dawn, which is native code, beside them.
 */
import { cpSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { wgslPlugin } from "../../engine/gpu/wgslBundle.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const entries = ["bench/main.ts", "bench/adapter.ts", "bench/engineProcess.ts", "cli/main.ts"];
/** PyTorch's side, and what it imports. */
const pythonFiles = ["bench/engines/pytorch.py", "tests/fixtures/pytorch/hashed.py"];
const dawnFiles = ["index.js", "package.json", `dist/${process.platform}-${process.arch}/dawn.node`];

/** A peer's older parts call `require`, which modules do not have. */
const requireForModules =
  'import { createRequire as requireOf } from "node:module"; const require = requireOf(import.meta.url);';

/** Writes them to the folder. */
export async function packPrograms(folder: string): Promise<void> {
  await build({
    absWorkingDir: root,
    entryPoints: entries,
    outbase: ".",
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    platform: "node",
    format: "esm",
    target: "es2022",
    // Dawn is native code; playwright-core belongs to `wgrad setup --browser`, which does without
    external: ["webgpu", "playwright-core"],
    plugins: [wgslPlugin],
    banner: { js: requireForModules },
    logLevel: "error",
  });
  for (const file of pythonFiles) cpSync(join(root, file), join(folder, file));
  const dawn = dirname(createRequire(import.meta.url).resolve("webgpu"));
  for (const file of dawnFiles) cpSync(join(dawn, file), join(folder, "node_modules", "webgpu", file));
}
