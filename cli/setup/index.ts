/**
 * Makes a machine ready: finds out whether Dawn has an adapter (and, for the tests, whether there is a browser),
 * and installs on Debian and Ubuntu what is missing. Where all is there it says nothing and is done in a moment.
 */
import { createInterface } from "node:readline";
import { AdapterError } from "../../engine/errors.ts";
import { findBrowser } from "./browser.ts";
import { readFacts } from "./facts.ts";
import { type Need, type Plan, type Privilege, planInstallation, shellLine } from "./plan.ts";
import { probeAdapter } from "./probe.ts";
import { projectRoot, runStep } from "./runStep.ts";

/**
 * Makes sure that Dawn has an adapter, and that there is a browser if `browser` asks for one.
 * @throws AdapterError when something is missing and could not, or may not, be installed
 */
export async function setup({ browser }: { browser: boolean }): Promise<void> {
  const missing: Missing[] = [];
  const probe = probeAdapter();
  if (!probe.found) {
    if (!probe.dawnLoads) throw dawnDoesNotLoad(probe.reason);
    missing.push({ need: "driver", problem: `Dawn finds no WebGPU adapter here: ${probe.reason}` });
  }
  if (browser && (await findBrowser()) === undefined) missing.push({ need: "browser", problem: noBrowser });
  if (missing.length > 0) await install(missing);
}

/**
 * Makes sure that there is a browser with WebGPU.
 * @returns the path of its executable
 * @throws AdapterError when there is none and none could, or may, be installed
 */
export async function ensureBrowser(): Promise<string> {
  const path = await findBrowser();
  if (path !== undefined) return path;
  await install([{ need: "browser", problem: noBrowser }]);
  return installedBrowser();
}

interface Missing {
  readonly need: Need;
  readonly problem: string;
}

const noBrowser = "there is no Chrome, Chromium or Edge here";

/** Plans, says what it will do, asks, does it, and looks whether it helped. */
async function install(missing: readonly Missing[]): Promise<void> {
  const facts = readFacts();
  const plan = planInstallation(
    missing.map(({ need }) => need),
    facts,
  );
  const problem = missing.map((one) => one.problem).join("; ");
  const help = helpByHand(plan, facts.privilege);
  if (!plan.runnable) throw new AdapterError(`${problem}\n  ${plan.obstacle}`, help);

  process.stderr.write(
    `wgrad setup: ${problem}\nwgrad setup: to install ${plan.what}, these commands are needed:\n` +
      `${shellLines(plan, facts.privilege)}\n`,
  );
  if (!(await agreed())) throw new AdapterError(`${problem}\n  nothing was installed`, help);

  const complaints: string[] = [];
  for (const step of plan.steps) {
    const result = await runStep(step, facts.privilege);
    if (!result.succeeded && !step.mayFail) {
      const output = [...complaints, ...lastLines(result.output, 12, notStackTrace)].map(
        (line) => `    ${line}`,
      );
      throw new AdapterError(
        `${problem}\n  ${step.title} failed (${result.end}), and its last lines are:\n${output.join("\n")}`,
        help,
      );
    }
    complaints.push(...lastLines(result.output, 6, /^(E|W|Err\b.*?):/));
  }
  for (const { need } of missing) {
    if (need === "driver") checkDriver();
    else await installedBrowser();
  }
}

function checkDriver(): void {
  const probe = probeAdapter();
  if (!probe.found) {
    throw new AdapterError(
      `a Vulkan driver was installed, and Dawn finds no WebGPU adapter all the same: ${probe.reason}`,
      "Dawn takes the CPU driver of Mesa 23.2 or newer; `vulkaninfo --summary` (package vulkan-tools) lists the drivers",
    );
  }
  process.stderr.write(`wgrad setup: the adapter is ${probe.adapter}\n`);
}

async function installedBrowser(): Promise<string> {
  const path = await findBrowser();
  if (path !== undefined) return path;
  throw new AdapterError(
    "Chromium was installed, and is in none of the usual places",
    "set WGRAD_BROWSER to the path of its executable",
  );
}

/** A person at the terminal is asked; nobody there to answer counts as a yes. */
async function agreed(): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stdout.isTTY || process.env.CI) return true;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  return new Promise((resolve) => {
    // Ctrl-C and Ctrl-D close it without an answer.
    terminal.on("close", () => resolve(false));
    terminal.question("Run them now? [Y/n] ", (answer) => {
      resolve(/^(y|yes|)$/i.test(answer.trim()));
      terminal.close();
    });
  });
}

function helpByHand(plan: Plan, privilege: Privilege): string {
  const advice = plan.runnable || plan.advice === undefined ? [] : [plan.advice];
  if (plan.steps.length === 0) return advice.join("\n");
  const asRoot = privilege === "none" && plan.steps.some((step) => step.asRoot) ? " as root" : "";
  const where = plan.steps.some((step) => step.command[0] === "npx") ? ` in ${projectRoot}` : "";
  return [...advice, `run this${asRoot}${where}, then try again:\n${shellLines(plan, privilege)}`].join("\n");
}

function shellLines(plan: Plan, privilege: Privilege): string {
  return plan.steps.map((step) => `    ${shellLine(step, privilege)}`).join("\n");
}

const notStackTrace = /^(?!\s+at ).*\S/;

function lastLines(text: string, count: number, pattern: RegExp): string[] {
  return text
    .split("\n")
    .filter((line) => pattern.test(line))
    .slice(-count);
}

function dawnDoesNotLoad(reason: string): AdapterError {
  return new AdapterError(
    `Dawn (the npm package "webgpu") does not load here: ${reason}`,
    "it has binaries for Linux (glibc 2.34 or newer: Debian 12, Ubuntu 22.04), macOS and Windows on x64 and arm64; " +
      "if this is such a machine, run `npm ci` again",
  );
}
