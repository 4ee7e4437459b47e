/** Runs one step of a plan: a line of progress, the output kept for the case of failure, and patience with apt's locks. */
import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Privilege, Step } from "./plan.ts";

export interface StepResult {
  readonly succeeded: boolean;
  /** How it ended: "exit code 100". */
  readonly end: string;
  /** Standard output and error together. */
  readonly output: string;
}

/** Where `npx` finds the project's own packages. */
export const projectRoot = resolve(fileURLToPath(new URL("../..", import.meta.url)));

/** A fresh machine often updates its packages in the background just when somebody first works on it. */
const lockPatience = 180_000;

/** Runs `step` as a child process. Its failure is a result, not an error. */
export async function runStep(step: Step, privilege: Privilege): Promise<StepResult> {
  const start = performance.now();
  process.stderr.write(`wgrad setup: ${step.title} ... `);
  let result = await runOnce(step, privilege);
  if (isLocked(result)) process.stderr.write("waiting for another apt ... ");
  while (isLocked(result) && performance.now() - start < lockPatience) {
    await sleep(2000);
    result = await runOnce(step, privilege);
  }
  const seconds = Math.round((performance.now() - start) / 1000);
  process.stderr.write(`${result.succeeded ? "done" : `failed, ${result.end}`} (${seconds} s)\n`);
  return result;
}

/** apt's own option to wait, DPkg::Lock::Timeout, leaves out the locks of its lists and its archive. */
function isLocked(result: StepResult): boolean {
  return !result.succeeded && /^E: .*\/lock(-frontend)?\b/m.test(result.output);
}

function runOnce(step: Step, privilege: Privilege): Promise<StepResult> {
  const withSudo = step.asRoot && privilege === "sudo";
  const [program, ...parameters] = withSudo ? ["sudo", "-n", ...step.command] : step.command;
  return new Promise((settle) => {
    const child = spawn(program!, parameters, { cwd: projectRoot, stdio: ["pipe", "pipe", "pipe"] });
    const output: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => output.push(chunk));
    const finish = (succeeded: boolean, end: string) =>
      settle({ succeeded, end, output: Buffer.concat(output).toString() });
    child.on("error", (error) => finish(false, error.message));
    child.on("close", (code, signal) => finish(code === 0, signal ?? `exit code ${code}`));
    // A program that ends without reading its input is no error of ours.
    child.stdin.on("error", () => {});
    child.stdin.end(step.input ?? "");
  });
}
