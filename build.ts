/**
 * Makes `dist/`, which is what the package holds: JavaScript bundled for Node, the same for browsers in
 * `dist/browser/` (package.json, `imports`, says which platform file each gets), and the types of both. The kernels
 * go in as text. The entries of a platform share their code in `chunks/`, so that there is one current device.
 */
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build } from "esbuild";
import { wgslPlugin } from "./engine/gpu/wgslBundle.mjs";

const root = dirname(fileURLToPath(import.meta.url));
const engine = ["index", "gradcheck", "mixed", "sparse"].map((entry) => `engine/${entry}.ts`);
const portable = [...engine, "models/index.ts", "data/index.ts"];
const shared = {
  absWorkingDir: root,
  outbase: ".",
  bundle: true,
  splitting: true,
  packages: "external",
  format: "esm",
  target: "es2022",
  plugins: [wgslPlugin],
  chunkNames: "chunks/[name]-[hash]",
  logLevel: "warning",
} satisfies BuildOptions;

rmSync(join(root, "dist"), { recursive: true, force: true });
await build({
  ...shared,
  platform: "node",
  entryPoints: [...portable, "models/index.node.ts", "data/index.node.ts", "cli/main.ts"],
  outdir: "dist",
});
await build({ ...shared, platform: "browser", entryPoints: portable, outdir: "dist/browser" });

const typescript = dirname(createRequire(import.meta.url).resolve("typescript/package.json"));
execFileSync(process.execPath, [join(typescript, "bin", "tsc"), "--project", "tsconfig.build.json"], {
  cwd: root,
  stdio: "inherit",
});
