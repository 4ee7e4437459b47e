/**
 * Starts an engine's process, hands it a workload and waits for its answer. From the sources, and bundled (`pack/programs.ts`),
 * where everything lies as it does here.
 */
import { spawn, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { AdapterError } from "../engine/errors.ts";
import type { AdapterDescription } from "../engine/gpu/adapter.ts";
import { isObject } from "../engine/io/safetensors.ts";
import type { Measurement, Timing } from "./measure.ts";
import type { Work, Workload } from "./workloads.ts";

export const peerNames = ["tfjs", "jax-js", "torch"] as const;
export type PeerName = (typeof peerNames)[number];
export type EngineName = "wgrad" | PeerName;
export type JavaScriptEngine = Exclude<EngineName, "torch">;

export interface Request {
  readonly work: Work;
  readonly cold: boolean;
  readonly timing: Timing;
  /** For PyTorch: whether it, too, shall compute on the graphics card. */
  readonly onCard: boolean;
  /** The answer has at most so many values of each result. */
  readonly values: number;
}

export type Answer = Success | Failure;

export interface Success extends Pick<Measurement, "milliseconds"> {
  readonly adapter: string;
  /** Values from all over each result, for comparison with the other engines'. */
  readonly values: readonly (readonly number[])[];
  /** These only from engines on WebGPU. */
  readonly hostMilliseconds?: number;
  /** Only of wgrad, and where the adapter tells. */
  readonly deviceMilliseconds?: number;
  readonly dispatches?: number;
  readonly submits?: number;
  readonly peakBytes?: number;
}

export interface Failure {
  readonly adapter: string | null;
  readonly failure: string;
}

export interface AskOptions {
  readonly timing: Timing;
  readonly onCard: boolean;
  /** For PyTorch. */
  readonly python: string | undefined;
  /** The process is killed after so long. */
  readonly secondsAtMost: number;
}

const valuesAtMost = 4096;
const root = fileURLToPath(new URL("..", import.meta.url));
const loaders = ["--import", "./engine/gpu/wgslLoader.mjs", "--import", "tsx"];

/** What Node runs a program of this folder by. */
function nodeWords(name: string): string[] {
  return import.meta.url.endsWith(".ts") ? [...loaders, `bench/${name}.ts`] : [`bench/${name}.mjs`];
}

/** Drivers keep compiled kernels on disk: Mesa's, and NVIDIA's. */
const withoutCaches = { MESA_SHADER_CACHE_DISABLE: "true", __GL_SHADER_DISK_CACHE: "0" } as const;

/** A Python that has PyTorch and NumPy, if there is one. */
export function findPython(): string | undefined {
  const candidates = ["python3", "/usr/bin/python3"];
  return candidates.find((python) => spawnSync(python, ["-c", "import numpy, torch"]).status === 0);
}

/** The adapter that all engines will find; it is asked for in a process of its own. @throws AdapterError */
export function askForAdapter(): Pick<AdapterDescription, "kind" | "name"> {
  const child = spawnSync(process.execPath, nodeWords("adapter"), { cwd: root, encoding: "utf8" });
  const [, kind, name] = /^(cpu|gpu) (.*)$/m.exec(child.stdout) ?? [];
  if (child.status === 0 && (kind === "cpu" || kind === "gpu")) return { kind, name };
  const [, problem, help] = /^error: (.*?)(?:\n +help: (.*))?$/ms.exec(child.stderr.trim()) ?? [];
  throw new AdapterError(
    problem ?? `looking for an adapter ended with ${child.signal ?? child.status}`,
    help,
  );
}

/** Runs the workload in a new process. */
export async function ask(
  engine: EngineName,
  { work, cold }: Workload,
  { timing, onCard, python, secondsAtMost }: AskOptions,
): Promise<Answer> {
  const request = JSON.stringify({ work, cold, timing, onCard, values: valuesAtMost } satisfies Request);
  const [program, words] =
    engine === "torch"
      ? [python!, ["bench/engines/pytorch.py", request]]
      : [process.execPath, [...nodeWords("engineProcess"), engine, request]];
  const child = spawn(program, words, {
    cwd: root,
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1", ...(cold && withoutCaches) },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: Math.ceil(1000 * secondsAtMost),
    killSignal: "SIGKILL",
  });
  const written = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      written[name] += text;
    });
  }
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (...how) => resolve(how));
  });
  const answer = answerIn(written.stdout);
  if (answer) return answer;
  if (signal === "SIGKILL") return { adapter: null, failure: `killed after ${Math.round(secondsAtMost)} s` };
  const reason = reasonIn(written.stderr);
  const how = `ended with ${signal ?? code}`;
  return { adapter: null, failure: reason ? `${how}: ${reason}` : how };
}

/** The last line that is one: libraries may print anything before. */
function answerIn(output: string): Answer | undefined {
  for (const line of output.split("\n").reverse()) {
    try {
      const read: unknown = JSON.parse(line);
      if (isObject(read) && ("failure" in read || "milliseconds" in read)) return read as unknown as Answer;
    } catch {}
  }
  return undefined;
}

/** Why a process ended: Node and Python begin that line with the error's name. Else the last line. */
function reasonIn(errors: string): string | undefined {
  const lines = errors.trim().split("\n");
  return lines.find((line) => /^(FATAL ERROR|[\w.]*Error)\b/.test(line)) ?? lines.at(-1);
}
