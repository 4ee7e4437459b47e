/** What goes to a machine with a graphics card: the programs run without this project, and `run.sh` refuses what is not one. */
import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { packPrograms } from "../bench/pack/programs.ts";
import { temporaryFolder } from "./data-helpers.ts";
import { projectRoot, run } from "./process-helpers.ts";

const folder = temporaryFolder();
const program = join(folder, "work", "program");
const script = join(folder, ".gpu", "run.sh");

test.before(async () => {
  await packPrograms(program);
  mkdirSync(join(folder, ".gpu"));
  copyFileSync(join(projectRoot, "bench", "pack", "run.sh"), script);
});

test("the benchmark and a peer run from one file each, beside nothing but Dawn", async () => {
  assert.equal(readdirSync(join(program, "node_modules")), ["webgpu"]);
  const words = [join("bench", "main.mjs"), "additions", "--quick", "--peers", "tfjs"];
  const { code, stdout } = await run(process.execPath, words, { cwd: program });
  assert.is(code, 0, stdout);
  assert.match(stdout, /chain of 200 additions of 16 elements +[\d.]+ +– +[\d.]+ +[\d.]+$/m);
});

test("so does the command line", async () => {
  const words = [join("cli", "main.mjs"), "gradcheck", "relu"];
  const { code, stdout } = await run(process.execPath, words, { cwd: program });
  assert.is(code, 0, stdout);
  assert.match(stdout, /checks: all passed/);
});

test("run.sh unpacks, names the adapter first, and stops where it is the processor", async () => {
  mkdirSync(join(folder, "work", "lib"));
  symlinkSync(process.execPath, join(folder, "work", "node"));
  execFileSync("tar", ["-czf", join(folder, ".gpu", "pack.tar.gz"), "-C", join(folder, "work"), "."]);
  const results = join(folder, "results");
  const software = await run("bash", [script, results], { cwd: folder });
  const adapter = readFileSync(join(results, "adapter.txt"), "utf8");
  if (/^adapter .* \(CPU\)$/m.test(adapter)) {
    assert.is(software.code, 1);
    assert.match(
      software.stdout,
      /^error: the only adapter is the processor: nothing was measured\n {2}help: /m,
    );
    assert.equal(readdirSync(results), ["adapter.txt"]);
  }
  const words = [
    "--software",
    "--quick",
    "--only",
    "bench",
    "additions",
    "--peers",
    "none",
    "--json",
    "lost.json",
  ];
  const { code, stdout } = await run("bash", [script, results, ...words], { cwd: folder });
  assert.is(code, 0, stdout);
  assert.match(stdout, /^adapter .*== bench: done after \d+ s\n/s);
  assert.is(JSON.parse(readFileSync(join(results, "bench.json"), "utf8")).length, 1);
});

test("run.sh says where programs may not be run", async () => {
  const packed = join(folder, "unusable");
  mkdirSync(join(packed, "lib"), { recursive: true });
  writeFileSync(join(packed, "lib", "none.so.1"), "");
  writeFileSync(join(packed, "node"), "not executable");
  const other = join(folder, "other", "run.sh");
  mkdirSync(join(folder, "other"));
  copyFileSync(script, other);
  execFileSync("tar", ["-czf", join(folder, "other", "pack.tar.gz"), "-C", packed, "."]);
  const { code, stderr } = await run("bash", [other, join(folder, "nothing")], { cwd: folder });
  assert.is(code, 1);
  assert.match(stderr, /^error: programs in .* may not be run\n {2}help: name another folder in TMPDIR/);
});

test("run.sh says what it was not given", async () => {
  const inFolder = (...words: string[]) => run("bash", [script, ...words], { cwd: folder });
  assert.match(
    (await inFolder()).stderr,
    /^error: where to put the results\?\n {2}help: bash \.gpu\/run\.sh RESULTS/,
  );
  assert.match((await inFolder("other", "--only", "all")).stderr, /^error: there is no part "all"/);
  const help = await inFolder("--help");
  assert.is(help.code, 0);
  assert.match(help.stdout, /--software/);
  assert.not.ok(existsSync(join(folder, "work", "bench.txt")));
});

test.run();
