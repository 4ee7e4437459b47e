/** For bundles: kernels as text, without comments, needless spaces and long names, which a browser would load for nothing. */
import { readdir, readFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * All kernels of a folder are one module, of which a bundle keeps those it uses: kernels are alike, and compress better
 * behind each other than among the modules that import them.
 * @type {import("esbuild").Plugin}
 */
export const wgslPlugin = {
  name: "wgsl",
  setup(build) {
    const root = build.initialOptions.absWorkingDir ?? "";
    build.onLoad({ filter: /\.wgsl$/ }, ({ path }) => ({
      contents: `export { ${nameOf(path)} as default } from "kernels";`,
    }));
    build.onResolve({ filter: /^kernels$/ }, ({ importer }) => ({
      path: relative(root, dirname(importer)),
      namespace: "kernels",
      sideEffects: false,
    }));
    build.onLoad({ filter: /./, namespace: "kernels" }, async ({ path }) => {
      const folder = join(root, path);
      const sources = await readFiles(folder, ".wgsl");
      const short = shortNames(
        [...sources.values()].map(withoutComments).join("\n"),
        [...(await readFiles(engine, ".ts")).values()].join("\n"),
      );
      const kernels = [...sources].map(([file, source]) => ({
        name: nameOf(file),
        source: compactKernel(source).replace(/\w+/g, (word) => short.get(word) ?? word),
      }));
      kernels.sort((one, other) => (one.source < other.source ? -1 : 1)); // alike beginnings compress best
      return {
        contents: kernels
          .map(({ name, source }) => `export const ${name} = ${JSON.stringify(source)};`)
          .join("\n"),
      };
    });
  },
};

/** Whose code puts constants and functions in front of kernels. */
const engine = fileURLToPath(new URL("..", import.meta.url));

/**
 * The folder's texts, and those of folders in it.
 * @param {string} folder
 * @param {string} ending of the files' names
 */
async function readFiles(folder, ending) {
  const files = (await readdir(folder, { recursive: true })).filter((file) => file.endsWith(ending)).sort();
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), "utf8")));
  return new Map(files.map((file, index) => [file, texts[index]]));
}

/**
 * A letter and a digit for each function, type, constant and variable that kernels declare and the host never mentions.
 * @param {string} kernels
 * @param {string} host
 * @returns {Map<string, string>}
 */
export function shortNames(kernels, host) {
  const words = (/** @type {string} */ text) => text.match(/\w+/g) ?? [];
  const mentioned = new Set(words(host));
  const taken = new Set([...mentioned, ...words(kernels)]);
  const codes = [...alphabet].flatMap((letter) => [...Array(10).keys()].map((digit) => `${letter}${digit}`));
  const free = codes.filter((code) => !taken.has(code));
  const declared = kernels.matchAll(/\b(?:fn|struct|alias|const|var<\w+>)\s+(\w{3,})/g);
  const own = [...new Set([...declared].map(([, name]) => name))].filter((name) => !mentioned.has(name));
  return new Map(own.slice(0, free.length).map((name, index) => [name, free[index]]));
}

/** @param {string} path */
function nameOf(path) {
  return basename(path, ".wgsl");
}

/** @param {string} source */
function withoutComments(source) {
  return source.replace(/\/\/.*/g, "");
}

/** What kernels call `uniforms`, of which they all speak. No kernel has something else of this name. */
const uniforms = "U";

/**
 * @param {string} source
 * @returns {string}
 */
export function compactKernel(source) {
  const plain = withoutComments(source).replace(/\buniforms\b/g, uniforms);
  const functions = plain.split(/(?=\bfn )/); // and what stands behind them
  return functions
    .map(shortenLocals)
    .join("")
    .replace(/\s+/g, " ")
    .replace(/ ?([^\w\s-]) ?/g, "$1")
    .replace(/(?<!-) ?- ?(?!-)/g, "-") // two of them would be another word
    .replace(/(?<=[\w)\]](?:[-+*/%]=?|[<>]=?|[=!]=))(\d+)u\b/g, "$1") // what stands in front of the operator says the type
    .replace(/,(?=[)}])/g, "")
    .trim();
}

const alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTVWXYZ"; // without that of the uniforms

/**
 * What a function calls its parameters and variables, by one letter: the first or the last one of the name, so that it is
 * the same in most functions, or the next free one where the function has both already.
 * @param {string} source a function and what stands behind it
 */
function shortenLocals(source) {
  const end = endOfBody(source);
  if (!source.startsWith("fn ") || end < 0) return source;
  const [body, rest] = [source.slice(0, end), source.slice(end)];
  const parameters = body.slice(0, body.indexOf("{")).matchAll(/(\w+):/g);
  const variables = body.matchAll(/\b(?:let|var) (\w+)/g);
  const taken = new Set(body.match(/(?<!\.)\b\w+/g));
  const short = new Map();
  for (const [, name] of [...parameters, ...variables]) {
    if (name.length === 1 || short.has(name)) continue;
    const letters = [...(name.match(/^[a-z]|[a-z]$/g) ?? []), ...alphabet];
    const letter = letters.find((letter) => !taken.has(letter)) ?? name;
    taken.add(letter);
    short.set(name, letter);
  }
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
