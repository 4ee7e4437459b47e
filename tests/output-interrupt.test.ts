/** Ctrl-C, with real processes and real signals. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";

const source = (name: string) => JSON.stringify(new URL(`../cli/output/${name}`, import.meta.url).href);

/** A loop that takes a step every 20 ms until it is asked to stop, and then saves for `saving` ms. */
const training = (saving: number) => `
  import { listenForInterrupt } from ${source("interrupt.ts")};
  import { watchOutputs } from ${source("lostOutput.ts")};
  watchOutputs(() => false);
  const interrupt = listenForInterrupt();
  const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
  for (let step = 1; !interrupt.signal.aborted; step++) {
    console.log("step " + step);
    await wait(20);
  }
  console.error("stopped by " + interrupt.signal.reason);
  await wait(${saving});
  console.error("saved");
  interrupt.stopListening();
  console.log("end");
  process.exitCode = interrupt.exitCode;
`;

async function start(saving: number) {
  const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", training(saving)], {
    cwd: fileURLToPath(new URL("..", import.meta.url)),
    stdio: ["ignore", "pipe", "pipe"],
  });
  let errors = "";
  child.stderr.on("data", (text) => {
    errors += text;
  });
  const ended = once(child, "close") as Promise<[code: number | null, signal: string | null]>;
  await Promise.race([once(child.stdout, "data"), ended]);
  return { child, ended, errors: () => errors };
}

async function stopped(child: ChildProcess, errors: () => string) {
  while (!errors().includes("stopped") && child.exitCode === null) await wait(10);
}

for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const) {
  test(`${signal} stops after the step, saves, and exits with ${code}`, async () => {
    const { child, ended, errors } = await start(50);
    child.kill(signal);
    assert.equal(await ended, [code, null]);
    assert.is(errors(), `stopped by ${signal}\nsaved\n`);
  });
}

test("a second Ctrl-C ends it at once", async () => {
  const { child, ended, errors } = await start(60_000);
  child.kill("SIGINT");
  await stopped(child, errors);
  await wait(600);
  child.kill("SIGINT");
  assert.equal(await ended, [130, null]);
  assert.is(errors(), "stopped by SIGINT\n");
});

test("one Ctrl-C that arrives twice, as under npm, is one", async () => {
  const { child, ended, errors } = await start(200);
  child.kill("SIGINT");
  await stopped(child, errors);
  child.kill("SIGINT");
  assert.equal(await ended, [130, null]);
  assert.is(errors(), "stopped by SIGINT\nsaved\n");
});

test("an output that nobody reads any longer stops it too", async () => {
  const { child, ended, errors } = await start(50);
  child.stdout!.destroy();
  assert.equal(await ended, [141, null]);
  assert.is(errors(), "stopped by EPIPE\nsaved\n");
});

test("Ctrl-C in a pipeline takes the reader away as well: it is Ctrl-C that counts", async () => {
  const { child, ended, errors } = await start(50);
  child.kill("SIGINT");
  await stopped(child, errors);
  child.stdout!.destroy();
  assert.equal(await ended, [130, null]);
  assert.is(errors(), "stopped by SIGINT\nsaved\n");
});

test("without an interrupt the exit code is 0", async () => {
  const script = training(0).replace("!interrupt.signal.aborted", "step < 4");
  const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script], {
    cwd: fileURLToPath(new URL("..", import.meta.url)),
    stdio: "ignore",
  });
  assert.equal(await once(child, "close"), [0, null]);
});

test.run();
