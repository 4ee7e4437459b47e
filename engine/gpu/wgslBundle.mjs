/** For bundles: kernels as text, without comments and needless spaces, which a browser would load for nothing. */
import { readFile } from "node:fs/promises";

/** @type {import("esbuild").Plugin} */
export const wgslPlugin = {
  name: "wgsl",
  setup(build) {
    build.onLoad({ filter: /\.wgsl$/ }, async ({ path }) => ({
      contents: compactKernel(await readFile(path, "utf8")),
      loader: "text",
    }));
  },
};

/**
 * @param {string} source
 * @returns {string}
 */
export function compactKernel(source) {
  return source
    .split("\n")
    .map((line) =>
      line
        .replace(/\/\/.*/, "")
        .replace(/\s*([{}(),;:=])\s*/g, "$1")
        .replace(/ (==|!=|<=|>=|&&|\|\||[-+*/%<>&|]) (?!-)/g, "$1")
        .trim(),
    )
    .filter((line) => line !== "")
    .join("\n")
    .replace(/(?<=[{};,(])\n|\n(?=[)}])/g, "")
    .replace(/,(?=[)}])/g, "");
}
