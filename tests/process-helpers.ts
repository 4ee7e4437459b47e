/** Child processes as a user starts them, and what came of them. */
import { type SpawnOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

export const projectRoot = fileURLToPath(new URL("..", import.meta.url));

export interface Ended {
  /** null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  /** Resolves when standard output has this in it; rejects when the process ends without. */
  saw(text: string): Promise<void>;
}

const patience = 120_000;

/** At every start, where standard error is what Node makes it here, a socket (see `platform.node.ts`). */
const driverWarnings = /^.*(artificially reduced from|XDG_RUNTIME_DIR).*\n/gm;

/** Starts a program with nothing at its standard input. It is killed if it has not ended after two minutes. */
export function start(program: string, words: readonly string[], options: SpawnOptions = {}): Running {
  const child = spawn(program, words, {
    env: cleanEnvironment(),
    timeout: patience,
    killSignal: "SIGKILL",
    ...options,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const written = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name]?.setEncoding("utf8").on("data", (text: string) => {
      written[name] += text;
    });
  }
  const ended = once(child, "close").then(([code]) => ({
    code: code as number | null,
    stdout: written.stdout,
    stderr: written.stderr.replace(driverWarnings, ""),
  }));
  return {
    pid: child.pid!,
    ended,
    async saw(text) {
      let isOver = false;
      void ended.then(() => {
        isOver = true;
      });
      while (!written.stdout.includes(text)) {
        if (isOver) throw new Error(`it ended without "${text}":\n${written.stdout}${written.stderr}`);
        await Promise.race([once(child.stdout!, "data"), ended]);
      }
    },
  };
}

/** Runs a program to its end. */
export function run(program: string, words: readonly string[], options: SpawnOptions = {}): Promise<Ended> {
  return start(program, words, options).ended;
}

/** The environment without what `npm test` adds to it: an npm started below would believe to be in this project. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const added = /^(npm_(package|lifecycle|command|config_local_prefix)|INIT_CWD$|NODE_OPTIONS$)/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !added.test(name)));
}
