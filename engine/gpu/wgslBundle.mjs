/** For bundles: kernels as text, without comments, needless spaces and long local names, which a browser would load for nothing. */
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
  const withoutComments = source.replace(/\/\/.*/g, "");
  const functions = withoutComments.split(/(?=\bfn )/); // and what stands behind them
  return functions
    .map(shortenLocals)
    .join("")
    .replace(/\s+/g, " ")
    .replace(/ ?([^\w\s-]) ?/g, "$1")
    .replace(/(?<!-) ?- ?(?!-)/g, "-") // two of them would be another word
    .replace(/,(?=[)}])/g, "")
    .trim();
}

/**
 * What a function calls its parameters and variables, as short as can be. Nothing else begins with an underscore.
 * @param {string} source a function and what stands behind it
 */
function shortenLocals(source) {
  const end = endOfBody(source);
  if (!source.startsWith("fn ") || end < 0) return source;
  const [body, rest] = [source.slice(0, end), source.slice(end)];
  const parameters = body.slice(0, body.indexOf("{")).matchAll(/(\w+):/g);
  const variables = body.matchAll(/\b(?:let|var) (\w+)/g);
  const names = new Set([...parameters, ...variables].map(([, name]) => name));
  const short = new Map([...names].map((name, index) => [name, `_${index.toString(36)}`]));
  // Neither members, nor attributes, nor calls.
  return body.replace(/(?<![.\w@])[a-zA-Z]\w*\b(?! *\()/g, (word) => short.get(word) ?? word) + rest;
}

/** @param {string} source @returns the position behind the brace that closes the first one */
function endOfBody(source) {
  let depth = 0;
  for (const { 0: brace, index } of source.matchAll(/[{}]/g)) {
    depth += brace === "{" ? 1 : -1;
    if (depth === 0) return index + 1;
  }
  return -1;
}
