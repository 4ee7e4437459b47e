/**
 * The package as a stranger gets it: packed, installed into an empty project, used from plain JavaScript, from
 * TypeScript, by a bundler and on the command line. The README's training loop runs there, too.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build, transform } from "esbuild";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { temporaryFolder } from "./data-helpers.ts";
import { projectRoot, run } from "./process-helpers.ts";

const project = temporaryFolder();
const installed = join(project, "node_modules", "wgrad");

test.before(async () => {
  const packed = await run("npm", ["pack", "--pack-destination", project], { cwd: projectRoot });
  assert.is(packed.code, 0, packed.stderr);
  writeFileSync(join(project, "package.json"), '{ "name": "stranger", "private": true, "type": "module" }');
  const [tarball] = readdirSync(project).filter((name) => name.endsWith(".tgz"));
  const quick = ["--prefer-offline", "--no-audit", "--no-fund"];
  const install = await run("npm", ["install", `./${tarball}`, ...quick], { cwd: project });
  assert.is(install.code, 0, install.stderr);
});

/** Runs a program in the project, in plain JavaScript, and returns what it printed. */
async function runScript(name: string, code: string): Promise<string> {
  writeFileSync(join(project, name), code);
  const { code: exitCode, stdout, stderr } = await run(process.execPath, [name], { cwd: project });
  assert.equal({ exitCode, stderr }, { exitCode: 0, stderr: "" });
  return stdout;
}

const filesOf = (folder: string) => readdirSync(folder, { recursive: true, encoding: "utf8" });
const javascript = () => filesOf(installed).filter((name) => name.endsWith(".js"));

/** The packages and Node modules that a file of the package imports. */
function importsOf(name: string): string[] {
  const code = readFileSync(join(installed, name), "utf8");
  const imports = code.matchAll(/^(?:import|export) (?:[^;]*? from )?"([^"]+)";$|\bimport\("([^"]+)"\)/gm);
  return [...imports].map(([, fixed, onDemand]) => fixed ?? onDemand).filter((from) => !from.startsWith("."));
}

test("it holds what a user needs, and nothing else", () => {
  const manifest = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"));
  const roots = readdirSync(installed).filter((name) => !/^licen[cs]e/i.test(name));
  assert.equal(roots.sort(), ["README.md", "cli", "dist", "package.json"]);
  assert.equal(readdirSync(join(installed, "cli")), ["wgrad.mjs"]);
  const other = filesOf(join(installed, "dist")).filter(
    (name) => /\.\w+$/.test(name) && !/\.(js|d\.ts)$/.test(name),
  );
  assert.equal(other, []);
  for (const entry of Object.values<string | Record<string, string>>(manifest.exports)) {
    for (const path of typeof entry === "string" ? [entry] : Object.values(entry)) {
      assert.ok(readFileSync(join(installed, path)).length > 0, path);
    }
  }
});

test("every package that it imports is among its dependencies", () => {
  const { dependencies } = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"));
  const found = new Set(javascript().flatMap(importsOf));
  const packages = [...found].filter((from) => !from.startsWith("node:"));
  for (const known of ["seedrandom/lib/alea.js", "webgpu", "commander"]) assert.ok(found.has(known), known);
  // `wgrad setup --browser`, which is for this project's own tests, looks for playwright-core and does without.
  assert.equal(
    packages.filter((from) => !(packageOf(from) in dependencies) && from !== "playwright-core"),
    [],
  );
});

/** "d3-scale" of "d3-scale/src/linear.js", "@types/node" of "@types/node/fs". */
function packageOf(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

test("the files for browsers import nothing of Node", () => {
  const forBrowsers = javascript().filter((name) => name.startsWith(join("dist", "browser")));
  assert.ok(forBrowsers.length >= 3);
  assert.equal([...new Set(forBrowsers.flatMap(importsOf))].sort(), [
    "fast-png",
    "jpeg-js",
    "seedrandom/lib/alea.js",
  ]);
  for (const name of forBrowsers) {
    assert.not.match(readFileSync(join(installed, name), "utf8"), /\bnode:|\bprocess\.|\brequire\(/, name);
  }
});

test("a bundler takes the files for browsers, and one copy of each", async () => {
  const { metafile } = await build({
    stdin: {
      contents: `
        export { openDevice } from "wgrad";
        export { DenseAutoencoder } from "wgrad/models";
        export { syntheticDigits } from "wgrad/data";`,
      resolveDir: project,
    },
    ...{ bundle: true, platform: "browser", format: "esm", write: false, metafile: true, logLevel: "silent" },
    absWorkingDir: project,
  });
  const inputs = Object.keys(metafile.inputs).filter((name) => name.includes("wgrad"));
  assert.equal(
    inputs.filter((name) => !name.includes("/dist/browser/")),
    [],
  );
  assert.ok(
    inputs.some((name) => name.includes("/chunks/")),
    inputs.join(", "),
  );
});

test("ten steps from plain JavaScript: the loss falls", async () => {
  const printed = await runScript(
    "steps.mjs",
    `
      import { ArgumentError, manualSeed, openDevice, optim } from "wgrad";
      import { syntheticDigits } from "wgrad/data";
      import { openFolder } from "wgrad/data/node";
      import { DenseAutoencoder, descent, imageBatches, train } from "wgrad/models";

      let refusal;
      try {
        new DenseAutoencoder({ widths: [] });
      } catch (error) {
        refusal = error;
      }
      const gpu = await openDevice();
      manualSeed(1);
      const dataset = syntheticDigits({ seed: 1, trainCount: 320, testCount: 1 }).train;
      const model = new DenseAutoencoder({ widths: [64, 16] });
      const optimizer = new optim.Adam(model.parameters(), { learningRate: 5e-3 });
      const losses = [];
      const source = imageBatches(dataset, { batchSize: 32, seed: 1 });
      const update = descent(optimizer, ({ images }) => ({ loss: model.loss(images) }));
      for await (const epoch of train({ source, epochs: 1, update })) {
        for await (const step of epoch) losses.push(await step.losses.loss.item());
      }
      const names = await openFolder(".").list();
      const typed = refusal instanceof ArgumentError && refusal.name;
      console.log(JSON.stringify({ losses, typed, names, model: model.describe() }));
      await gpu.close();
    `,
  );
  const { losses, typed, names, model } = JSON.parse(printed);
  assert.is(losses.length, 10);
  assert.ok(losses[9] < 0.6 * losses[0], `the losses are ${losses}`);
  assert.is(typed, "ArgumentError");
  assert.is(model, "DenseAutoencoder");
  assert.ok(names.includes("steps.mjs"));
});

test("the training loop in the README runs as it stands", async () => {
  const readme = readFileSync(join(installed, "README.md"), "utf8");
  const block = /^## A training loop\n[\s\S]*?^```(js|ts)\n([\s\S]*?)^```/m.exec(readme);
  assert.ok(block, 'README.md has no code under "A training loop"');
  const [, loader, source] = block as unknown as [string, "js" | "ts", string];
  const { code } = await transform(source, { loader, format: "esm", target: "es2022" });
  const printed = await runScript("readme.mjs", code);
  const losses = printed
    .trim()
    .split("\n")
    .map((line) => Number(line.split(/\s+/).at(-1)));
  assert.ok(losses.length >= 10 && losses.every(Number.isFinite), printed);
  assert.ok(losses.at(-1)! < 0.6 * losses[0]!, printed);
});

for (const [moduleResolution, module] of [
  ["nodenext", "nodenext"],
  ["bundler", "preserve"],
]) {
  test(`TypeScript finds the types, with moduleResolution ${moduleResolution}`, async () => {
    writeFileSync(
      join(project, "consumer.ts"),
      `
        import { conv2d, type Gpu, nn, openDevice, optim, ShapeError, type Tensor, tensor } from "wgrad";
        import { batches, type ImageDataset, syntheticDigits } from "wgrad/data";
        import { DenseAutoencoder, descent, type Epoch, imageBatches, train } from "wgrad/models";

        class Classifier extends nn.Module {
          readonly output = new nn.Linear(784, 10);
          forward(x: Tensor): Tensor {
            return this.output.call(x);
          }
        }
        const gpu: Gpu = await openDevice();
        const dataset: ImageDataset = syntheticDigits({ seed: 1, trainCount: 2, testCount: 1 }).train;
        const model = new DenseAutoencoder({ imageShape: [1, 28, 28] });
        const optimizer = new optim.SGD(new Classifier().parameters(), { learningRate: 0.1 });
        const source = imageBatches(dataset, { batchSize: 1, seed: 1 });
        const update = descent(optimizer, ({ images }) => ({ loss: model.loss(images, "bce") }));
        const epochs: AsyncIterable<Epoch> = train({ source, epochs: 1, update });
        const first: number = await conv2d(tensor([1]), tensor([1])).item();
        // @ts-expect-error: a number, if the types are there
        const wrong: string = first;
        // @ts-expect-error: an option that there is not
        new optim.Adam(model.parameters(), { learningRat: 1 });
        // @ts-expect-error: a loss that there is not
        model.loss(tensor([1]), "mae");
        export { batches, epochs, gpu, ShapeError, wrong };
      `,
    );
    const compilerOptions = { module, moduleResolution, target: "es2022", strict: true, noEmit: true };
    writeFileSync(
      join(project, "tsconfig.json"),
      JSON.stringify({ compilerOptions: { ...compilerOptions, types: [] }, files: ["consumer.ts"] }),
    );
    const tsc = join(projectRoot, "node_modules", "typescript", "bin", "tsc");
    const { code, stdout } = await run(process.execPath, [tsc], { cwd: project });
    assert.equal({ code, stdout }, { code: 0, stdout: "" });
  });
}

test("types mention no kernels and no import map of this project", () => {
  for (const name of filesOf(join(installed, "dist")).filter((file) => file.endsWith(".d.ts"))) {
    assert.not.match(
      readFileSync(join(installed, "dist", name), "utf8"),
      /\.wgsl["']|["']#platform["']/,
      name,
    );
  }
});

test("npx wgrad works there", async () => {
  const { version } = JSON.parse(readFileSync(join(projectRoot, "package.json"), "utf8"));
  const help = await run("npx", ["wgrad", "--help"], { cwd: project });
  assert.is(help.code, 0, help.stderr);
  for (const word of ["train", "gradcheck", "setup"])
    assert.match(help.stdout, new RegExp(`^ {2}${word} `, "m"));
  assert.is((await run("npx", ["wgrad", "--version"], { cwd: project })).stdout, `${version}\n`);
  const wrong = await run("npx", ["wgrad", "train", "--data", "nothing-there"], { cwd: project });
  assert.is(wrong.code, 2);
  assert.match(wrong.stderr, /^error: there is neither a dataset nor a folder "nothing-there"\n {2}help: /m);
});

test.run();
