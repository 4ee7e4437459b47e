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

/** The lines that a training wrote until its step `stepsDone`; what came after, or was cut off, is left out. */
export function readLines(path: string, stepsDone: number): string[] {
  if (!existsSync(path)) return [];
  const kept: string[] = [];
  let steps = 0;
  for (const line of readFileSync(path, "utf8").split("\n")) {
    const parsed = parseLine(line);
    if (parsed?.event === "step" && ++steps > stepsDone) break;
    if (parsed) kept.push(line);
  }
  return kept;
}

/** What the lines say. */
export function parseHistory(lines: readonly string[]): History {
  const history: History = { steps: [], epochs: [] };
  for (const line of lines) {
    const parsed = parseLine(line);
    if (parsed?.event === "step") history.steps.push(parsed);
    else if (parsed) history.epochs.push(parsed);
  }
  return history;
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
