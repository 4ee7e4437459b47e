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

/** The steps before were taken elsewhere, on the page in a browser, whose figures are not here. */
interface ContinuedLine {
  readonly event: "continued";
  readonly steps: number;
  readonly epochs: number;
  /** In the mean. */
  readonly samplesAStep: number;
}

type Line = StepLine | EpochLine | ContinuedLine;

export interface History {
  readonly steps: { readonly loss: number; readonly samples: number }[];
  readonly epochs: { readonly trainLoss: number; readonly test: TestMetrics }[];
}

/**
 * What a training wrote until its step `stepsDone`, as its lines and as what they say; what came after, or was cut off,
 * is left out. Where there is no file, its checkpoint came alone: the losses until then are NaN. Before the first step
 * nothing in it counts: it is another training's, or of steps that are taken again.
 */
export function readHistory(
  path: string,
  stepsDone: number,
  anEpoch: { readonly steps: number; readonly samples: number },
): { lines: string[]; history: History } {
  const lines: string[] = [];
  const history: History = { steps: [], epochs: [] };
  if (stepsDone === 0) return { lines, history };
  const written = existsSync(path)
    ? readFileSync(path, "utf8").split("\n")
    : continuedLines(stepsDone, anEpoch);
  for (const line of written) {
    const parsed = parseLine(line);
    if (parsed?.event === "continued") {
      const { steps, epochs, samplesAStep: samples } = parsed;
      for (let step = 0; step < steps; step++) history.steps.push({ loss: Number.NaN, samples });
      for (let epoch = 0; epoch < epochs; epoch++) history.epochs.push({ trainLoss: Number.NaN, test: {} });
    } else if (parsed?.event === "step") {
      if (history.steps.length === stepsDone) break;
      history.steps.push(parsed);
    } else if (parsed) {
      history.epochs.push(parsed);
    }
    if (parsed) lines.push(line);
  }
  return { lines, history };
}

function continuedLines(
  stepsDone: number,
  { steps, samples }: { readonly steps: number; readonly samples: number },
): string[] {
  const epochs = Math.floor(stepsDone / steps);
  const line: ContinuedLine = { event: "continued", steps: stepsDone, epochs, samplesAStep: samples / steps };
  return [JSON.stringify(line)];
}

/** The mean loss of an epoch's samples, from those of its steps whose losses are known. */
export function meanLoss(epoch: History["steps"]): number {
  const steps = epoch.filter(({ loss }) => !Number.isNaN(loss));
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
    return ["step", "epoch", "continued"].includes(parsed.event) ? parsed : undefined;
  } catch {
    return undefined; // the last line of a run that was killed
  }
}
