/**
 * What a training run shows, in one of three ways: a terminal gets a progress bar that is redrawn in place, a
 * pipe or log file gets a plain line now and then, and a program (`--json`) gets every event as a line of JSON.
 *
 * The bar is drawn by log-update, which measures the terminal at every frame and wraps each frame in a
 * synchronised update, so that it does not flicker. The cursor is never hidden: there is nothing to restore,
 * not even after a crash of the driver.
 */
import { createLogUpdate } from "log-update";
import type { StepEvent, TestMetrics, TrainingEvent } from "./events.ts";
import {
  formatClock,
  formatCount,
  formatDevice,
  formatDuration,
  formatLoss,
  formatMetric,
  formatRate,
  formatShape,
} from "./format.ts";
import { progressLine } from "./progressBar.ts";
import { type Style, styleFor } from "./style.ts";
import { summaryTable } from "./summaryTable.ts";

export type ReporterMode = "terminal" | "plain" | "json";

export interface Reporter {
  /** Shows the event and leaves the terminal on a fresh line, so that anybody may write there next. */
  report(event: TrainingEvent): void;
}

/** A terminal, or what stands in for one. `columns` is missing, or 0, where nobody knows the width. */
export type ReporterStream = NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };

const millisecondsBetweenFrames = 100;
const millisecondsBetweenLines = 2000;

/** A bar where it can be redrawn in place: on a terminal that knows its own width and moves its cursor. */
export function chooseMode(json: boolean, stream: ReporterStream): ReporterMode {
  if (json) return "json";
  const redrawable = stream.isTTY === true && (stream.columns ?? 0) > 0 && process.env.TERM !== "dumb";
  return redrawable ? "terminal" : "plain";
}

/** What a command tells on its standard output. */
export function openReporter(json = false): Reporter {
  const stream = process.stdout;
  return createReporter({ mode: chooseMode(json, stream), stream });
}

/** A reporter that writes to `stream`; in mode "json" nothing else may write there. */
export function createReporter({ mode, stream }: { mode: ReporterMode; stream: ReporterStream }): Reporter {
  if (mode === "json") return jsonReporter(stream);
  if (mode === "plain") return plainReporter(stream);
  return terminalReporter(stream);
}

function jsonReporter(stream: ReporterStream): Reporter {
  return {
    report({ event, ...rest }) {
      stream.write(`${JSON.stringify({ event, ...rest })}\n`);
    },
  };
}

function plainReporter(stream: ReporterStream): Reporter {
  const style = styleFor(stream);
  const due = throttle(millisecondsBetweenLines);
  return {
    report(event) {
      if (event.event === "step") {
        if (due()) stream.write(`${stepText(event)}\n`);
      } else {
        stream.write(`${eventText(event, Number.POSITIVE_INFINITY, style)}\n`);
      }
    },
  };
}

function terminalReporter(stream: ReporterStream): Reporter {
  const style = styleFor(stream);
  const bar = createLogUpdate(stream, { showCursor: true });
  const due = throttle(millisecondsBetweenFrames);
  const columns = () => stream.columns || 80;
  const draw = (step: StepEvent) => bar(progressLine(step, columns(), style));
  /** The step that the bar shows, or would show if it were time for another frame. */
  let current: StepEvent | undefined;
  return {
    report(event) {
      if (event.event === "step") {
        current = event;
        const lastOfEpoch = event.step === event.steps;
        if (due() || lastOfEpoch) draw(event);
        return;
      }
      if (current && event.event === "interrupted") {
        draw(current);
        bar.done(); // leaves the bar on the screen
      } else if (current) {
        bar.clear();
      }
      stream.write(`${eventText(event, columns(), style)}\n`);
      if (current && event.event === "note") draw(current);
      else current = undefined;
    },
  };
}

/** True at the first call, and then at most once in `milliseconds`. */
function throttle(milliseconds: number): () => boolean {
  let last = Number.NEGATIVE_INFINITY;
  return () => {
    const now = performance.now();
    if (now - last < milliseconds) return false;
    last = now;
    return true;
  };
}

function stepText(event: StepEvent): string {
  return [
    `epoch ${event.epoch}/${event.epochs}`,
    `step ${event.step}/${event.steps}`,
    `loss ${formatLoss(event.loss)}`,
    `${formatRate(event.samplesPerSecond)} samples/s`,
    `ETA ${formatClock(event.secondsLeft)}`,
  ].join("  ");
}

function eventText(event: Exclude<TrainingEvent, StepEvent>, columns: number, style: Style): string {
  switch (event.event) {
    case "adapter":
      return formatDevice(event);
    case "data":
      return (
        `data     ${event.name}: ${formatCount(event.trainCount)} training and ` +
        `${formatCount(event.testCount)} test images of ${formatShape(event.shape)}`
      );
    case "graph":
      return (
        `graph    ${event.name}: ${formatCount(event.nodes)} nodes, ${formatCount(event.trainEdges)} training and ` +
        `${formatCount(event.testEdges)} test edges`
      );
    case "summary":
      return ["", ...summaryTable(event, columns, style), ""].join("\n");
    case "epoch":
      return [
        `epoch ${event.epoch}/${event.epochs}`,
        `loss ${formatLoss(event.trainLoss)}`,
        testText(event.test),
        formatDuration(event.seconds),
      ].join("  ");
    case "saved":
      return `saved    ${event.path}`;
    case "note":
      return event.message;
    case "interrupted":
      return `interrupted in epoch ${event.epoch} of ${event.epochs}, after step ${event.step} of ${event.steps}`;
    case "end":
      return [
        style.bold(`done     ${testText(event.test)}  in ${formatDuration(event.seconds)}`),
        ...(event.folder === undefined ? [] : [`results  ${event.folder}`]),
      ].join("\n");
  }
}

/** What is minimised is told only where it is not one of the other figures. */
function testText(test: TestMetrics): string {
  const { loss, ...others } = test;
  const isTold = loss === undefined || Object.values(others).includes(loss);
  return `test ${Object.entries(isTold ? others : test)
    .map(formatMetric)
    .join("  ")}`;
}
