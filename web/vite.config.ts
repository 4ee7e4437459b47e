/** How the page is served while one works on it (`npm run web`) and built for any host (`npm run web:build`). */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";
import { compactKernel } from "../engine/gpu/wgslBundle.mjs";

/**
 * Nothing but this page's own files is run, shown or asked for. (The development server is without it: it puts styles
 * and its own script into the page.)
 */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

const kernels = (): Plugin => ({
  name: "kernels-as-text",
  enforce: "pre",
  async load(id) {
    if (!id.endsWith(".wgsl")) return undefined;
    return `export default ${JSON.stringify(compactKernel(await readFile(id, "utf8")))};`;
  },
});

const strictPolicy: Plugin = {
  name: "content-security-policy",
  apply: "build",
  transformIndexHtml: () => [
    {
      tag: "meta",
      attrs: { "http-equiv": "Content-Security-Policy", content: policy },
      injectTo: "head-prepend",
    },
  ],
};

export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  base: "./",
  appType: "mpa", // a file that is not there is a 404, and not this page
  plugins: [kernels(), strictPolicy],
  worker: { format: "es", plugins: () => [kernels()] },
  build: {
    outDir: fileURLToPath(new URL("../site", import.meta.url)),
    emptyOutDir: true,
    target: "es2022",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
  },
});
