/**
 * The figures of a training, step by step and epoch by epoch: as lines of metrics.jsonl while it runs, and read back
 * from there when it goes on from a checkpoint.
 */
import { existsSync, readFileSync } from "node:fs";
import type { TestMetrics } from "../output/events.ts";
import type { LossHistory } from "../output/lossPlot.ts";

interface StepLine {
  readonly event: "step";
  readonly loss: number;
  readonly samples: number;
}

interface EpochLine {
  readonly event: "epoch";
  readonly trainLoss: number;
  readonly test: TestMetrics;
}

type Line = StepLine | EpochLine;

export interface History {
  readonly steps: { readonly loss: number; readonly samples: number }[];
  readonly epochs: { readonly trainLoss: number; readonly test: TestMetrics }[];
}

/**
 * What a training wrote until its step `stepsDone`, as its lines and as what they say; what came after, or was cut off,
 * is left out.
 */
export function readHistory(path: string, stepsDone: number): { lines: string[]; history: History } {
  const lines: string[] = [];
  const history: History = { steps: [], epochs: [] };
  const written = existsSync(path) ? readFileSync(path, "utf8").split("\n") : [];
  for (const line of written) {
    const parsed = parseLine(line);
    if (parsed?.event === "step") {
      if (history.steps.length === stepsDone) break;
      history.steps.push(parsed);
    } else if (parsed) {
      history.epochs.push(parsed);
    }
    if (parsed) lines.push(line);
  }
  return { lines, history };
}

/** The mean loss of an epoch's samples, from its steps. */
export function meanLoss(steps: History["steps"]): number {
  const samples = steps.reduce((sum, step) => sum + step.samples, 0);
  return steps.reduce((sum, step) => sum + step.samples * step.loss, 0) / samples;
}

export function lossHistory(history: History, lossName: string, stepsPerEpoch: number): LossHistory {
  return {
    lossName,
    stepsPerEpoch,
    steps: history.steps.map(({ loss }) => loss),
    epochs: history.epochs.map(({ trainLoss, test }) => ({ trainLoss, testLoss: test.loss ?? Number.NaN })),
  };
}

function parseLine(line: string): Line | undefined {
  try {
    const parsed = JSON.parse(line) as Line;
    return parsed.event === "step" || parsed.event === "epoch" ? parsed : undefined;
  } catch {
    return undefined; // the last line of a run that was killed
  }
}
