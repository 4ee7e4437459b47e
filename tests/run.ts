/**
 * Runs the test files, each in a process of its own, one after the other: `npm test`, `npm test -- autograd nn` (only files
 * with these words in their names), `npm test -- --full` (also tests/full). The last line counts the tests; a crash, a
 * skipped test and a file without tests count as failures.
 */
import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const minutesAtMost = 15;
const root = fileURLToPath(new URL("..", import.meta.url));
const words = process.argv.slice(2).filter((word) => !word.startsWith("--"));
const folders = process.argv.includes("--full") ? ["tests", "tests/full"] : ["tests"];
const files = folders
  .filter((folder) => existsSync(join(root, folder)))
  .flatMap((folder) =>
    readdirSync(join(root, folder))
      .sort()
      .map((name) => `${folder}/${name}`),
  )
  .filter((file) => file.endsWith(".test.ts"))
  .filter((file) => words.length === 0 || words.some((word) => file.includes(word)));

let passed = 0;
const failures: string[] = [];
for (const file of files) {
  const started = performance.now();
  const { output, problem } = await run(file);
  const counts = /Total:\s+(\d+)\s+Passed:\s+(\d+)\s+Skipped:\s+(\d+)/.exec(output)?.slice(1).map(Number);
  const [total, good, skipped] = counts ?? [0, 0, 0];
  passed += good;
  const failed = total - good + skipped;
  if (failed > 0) failures.push(...Array<string>(failed).fill(file));
  else if (problem || total === 0) failures.push(`${file} (${problem ?? "it ran no test"})`);
  console.log(`${file}: ${good} of ${total} in ${((performance.now() - started) / 1000).toFixed(1)} s\n`);
}
if (files.length === 0) failures.push(`no test file has ${words.join(" or ")} in its name`);
if (failures.length > 0) {
  console.log("What failed, and where to look:");
  for (const file of new Set(failures)) console.log(`  ${file}`);
  console.log("Run one alone with: npm test -- NAME");
}
console.log(`${passed} passed, ${failures.length} failed`);
process.exitCode = failures.length === 0 ? 0 : 1;

/** The file's output, which is shown as it comes, and what was wrong with how it ended. */
function run(file: string): Promise<{ output: string; problem?: string }> {
  console.log(`▶ ${file}`);
  const child = spawn(
    process.execPath,
    ["--import", "./engine/gpu/wgslLoader.mjs", "--import", "tsx", file],
    { cwd: root, stdio: ["ignore", "pipe", "inherit"] },
  );
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    process.stdout.write(text);
  });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill("SIGKILL");
  }, minutesAtMost * 60_000);
  return new Promise((resolve) => {
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      if (late) resolve({ output, problem: `killed after ${minutesAtMost} minutes` });
      else if (signal) resolve({ output, problem: `ended by ${signal}` });
      else resolve({ output, ...(code !== 0 && { problem: `exit code ${code}` }) });
    });
  });
}
