/** Starts an engine's process, hands it a workload and waits for its answer. */
import { spawn, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
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
  readonly dispatches?: number;
  readonly submits?: number;
  readonly peakBytes?: number;
}

export interface Failure {
  readonly adapter: string | null;
  readonly failure: string;
}

const minutesAtMost = 15;
const valuesAtMost = 4096;
const root = fileURLToPath(new URL("..", import.meta.url));

/** Drivers keep compiled kernels on disk: Mesa's, and NVIDIA's. */
const withoutCaches = { MESA_SHADER_CACHE_DISABLE: "true", __GL_SHADER_DISK_CACHE: "0" } as const;

/** A Python that has PyTorch and NumPy, if there is one. */
export function findPython(): string | undefined {
  const candidates = ["python3", "/usr/bin/python3"];
  return candidates.find((python) => spawnSync(python, ["-c", "import numpy, torch"]).status === 0);
}

/** Runs the workload in a new process. @param python for PyTorch */
export async function ask(
  engine: EngineName,
  { work, cold }: Workload,
  { timing, python }: { readonly timing: Timing; readonly python: string | undefined },
): Promise<Answer> {
  const request = JSON.stringify({ work, cold, timing, values: valuesAtMost } satisfies Request);
  const [program, words] =
    engine === "torch"
      ? [python!, ["bench/engines/pytorch.py", request]]
      : [
          process.execPath,
          [
            "--import",
            "./engine/gpu/wgslLoader.mjs",
            "--import",
            "tsx",
            "bench/engineProcess.ts",
            engine,
            request,
          ],
        ];
  const child = spawn(program, words, {
    cwd: root,
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1", ...(cold && withoutCaches) },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: minutesAtMost * 60_000,
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
  const answer = written.stdout.split("\n").find((line) => line.startsWith("{"));
  if (answer) return JSON.parse(answer) as Answer;
  const lastWords = written.stderr.trim().split("\n").at(-1);
  const how = signal === "SIGKILL" ? `killed after ${minutesAtMost} minutes` : `ended with ${signal ?? code}`;
  return { adapter: null, failure: lastWords ? `${how}: ${lastWords}` : how };
}
