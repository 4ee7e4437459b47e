/**
 * The course of a training run as an SVG: the training loss of every step, faint; its mean over each epoch and
 * the test loss, strong. d3 chooses ticks and scales and needs no DOM, so this runs headless and in a browser.
 *
 * Colours are two of Okabe and Ito's palette, which colour-blind readers tell apart; the marks differ in shape
 * as well. The background is white, so that the plot is readable in a dark viewer too.
 */
import { scaleLinear, scaleLog } from "d3-scale";
import { line } from "d3-shape";
import { formatCount } from "./format.ts";
import { escaped, text } from "./svg.ts";

export interface LossHistory {
  /** "mean squared error": what the vertical axis is called. */
  readonly lossName: string;
  readonly stepsPerEpoch: number;
  /** The training loss of every step so far, from the first. */
  readonly steps: readonly number[];
  /** One entry for each finished epoch, from the first. */
  readonly epochs: readonly { readonly trainLoss: number; readonly testLoss: number }[];
}

type Point = readonly [step: number, loss: number];

const width = 800;
const height = 480;
const plot = { left: 84, right: width - 20, top: 92, bottom: height - 58 };
/** A line can show no more than about one point a pixel or two; more only makes the file large. */
const mostPoints = 400;
/** With more epochs than this the marks would run into each other. */
const mostMarks = 40;
/** From this ratio of largest to smallest loss, equal factors are shown as equal distances. */
const ratioForLogScale = 20;
const trainColour = "#0072b2";
const testColour = "#d55e00";

/** The plot as the text of an SVG file. A loss that is not finite leaves a gap in its line. */
export function lossPlot(history: LossHistory): string {
  const { lossName, stepsPerEpoch } = history;
  const perStep = smoothed(history.steps);
  // The mean of an epoch belongs to its middle, where the line of single steps passes through it.
  const perEpoch = history.epochs.map(({ trainLoss }, i): Point => [(i + 0.5) * stepsPerEpoch, trainLoss]);
  const test = history.epochs.map(({ testLoss }, i): Point => [(i + 1) * stepsPerEpoch, testLoss]);

  const losses = [...perStep, ...perEpoch, ...test].map(([, loss]) => loss).filter(Number.isFinite);
  const [lowest, highest] = losses.length > 0 ? [Math.min(...losses), Math.max(...losses)] : [0, 1];
  const logarithmic = lowest > 0 && highest / lowest >= ratioForLogScale;
  const lastStep = Math.max(1, history.steps.length, history.epochs.length * stepsPerEpoch);

  const x = scaleLinear([0, lastStep], [plot.left, plot.right]);
  const y = logarithmic
    ? scaleLog([lowest / 1.15, highest * 1.15], [plot.bottom, plot.top])
    : scaleLinear([lowest, highest > lowest ? highest : lowest + 1], [plot.bottom, plot.top]).nice(6);
  const epochsShown = lastStep / stepsPerEpoch;
  const epochTicks = scaleLinear([0, epochsShown], [plot.left, plot.right])
    .ticks(10)
    .filter((epoch) => Number.isInteger(epoch) && epoch > 0);

  const path = line<Point>()
    .defined(([, loss]) => Number.isFinite(loss))
    .x(([step]) => x(step))
    .y(([, loss]) => y(loss))
    .digits(1);
  const stroke = (points: Point[], attributes: string) =>
    `<path d="${path(points) ?? ""}" fill="none" ${attributes}/>`;
  const marks = (points: Point[], mark: (x: number, y: number) => string) =>
    (points.length > mostMarks ? [] : points)
      .filter(([, loss]) => Number.isFinite(loss))
      .map(([step, loss]) => mark(x(step), y(loss)))
      .join("");

  const lossLabel = tickLabels(y.ticks(6), logarithmic);
  const lossTicks = y.ticks(6).filter((loss) => lossLabel(loss) !== "");
  const title = `Training and test loss (${lossName})`;
  const middle = (plot.left + plot.right) / 2;
  const parts = [
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    text(plot.left, 26, title, 'font-size="16" font-weight="600"'),
    ...lossTicks.map((loss) => {
      const at = y(loss).toFixed(1);
      return (
        `<line x1="${plot.left}" x2="${plot.right}" y1="${at}" y2="${at}" stroke="#e4e4e4"/>` +
        text(plot.left - 8, y(loss) + 4, lossLabel(loss), 'text-anchor="end"')
      );
    }),
    ...x
      .ticks(8)
      .filter(Number.isInteger)
      .map((step) => {
        const at = x(step).toFixed(1);
        return (
          `<line x1="${at}" x2="${at}" y1="${plot.bottom}" y2="${plot.bottom + 5}" stroke="#555"/>` +
          text(x(step), plot.bottom + 20, formatCount(step), 'text-anchor="middle"')
        );
      }),
    ...epochTicks.map((epoch) => {
      const at = x(epoch * stepsPerEpoch).toFixed(1);
      return (
        `<line x1="${at}" x2="${at}" y1="${plot.top}" y2="${plot.bottom}" stroke="#e4e4e4" stroke-dasharray="2 3"/>` +
        text(x(epoch * stepsPerEpoch), plot.top - 12, String(epoch), 'text-anchor="middle"')
      );
    }),
    `<path d="M${plot.left},${plot.top}V${plot.bottom}H${plot.right}" fill="none" stroke="#555"/>`,
    text(plot.left - 8, plot.top - 12, "epoch", 'text-anchor="end"'),
    text(middle, height - 16, `step (${formatCount(stepsPerEpoch)} an epoch)`, 'text-anchor="middle"'),
    text(
      0,
      0,
      `${lossName}${logarithmic ? " (log scale)" : ""}`,
      `text-anchor="middle" transform="translate(20,${(plot.top + plot.bottom) / 2}) rotate(-90)"`,
    ),
    stroke(perStep, `stroke="${trainColour}" stroke-opacity="0.5" stroke-linecap="round"`),
    stroke(perEpoch, `stroke="${trainColour}" stroke-width="2"`),
    marks(perEpoch, trainMark),
    stroke(test, `stroke="${testColour}" stroke-width="2" stroke-dasharray="7 4"`),
    marks(test, testMark),
    legend(),
    ...(losses.length === 0
      ? [text(middle, (plot.top + plot.bottom) / 2, "no finite loss", 'text-anchor="middle"')]
      : []),
  ];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"` +
      ' role="img" font-family="system-ui, sans-serif" font-size="13" fill="#222">',
    `<title>${escaped(title)}</title>`,
    ...parts,
    "</svg>\n",
  ].join("\n");
}

function legend(): string {
  const entries = [
    { label: "training, each step", length: 170, stroke: 'stroke-opacity="0.5" stroke-width="2"' },
    { label: "training, mean of the epoch", length: 234, stroke: 'stroke-width="2"', mark: trainMark },
    {
      label: "test, after the epoch",
      length: 0,
      stroke: 'stroke-width="2" stroke-dasharray="7 4"',
      mark: testMark,
    },
  ];
  let left = plot.left;
  return entries
    .map(({ label, length, stroke, mark }) => {
      const colour = mark === testMark ? testColour : trainColour;
      const entry =
        `<line x1="${left}" x2="${left + 26}" y1="48" y2="48" stroke="${colour}" ${stroke}/>` +
        (mark ? mark(left + 13, 48) : "") +
        text(left + 33, 52, label, "");
      left += length;
      return entry;
    })
    .join("");
}

function trainMark(x: number, y: number): string {
  return `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="3.5" fill="${trainColour}"/>`;
}

function testMark(x: number, y: number): string {
  return `<rect x="${(x - 3.5).toFixed(1)}" y="${(y - 3.5).toFixed(1)}" width="7" height="7" fill="${testColour}"/>`;
}

/** As they are where they are few, else the means of equally long runs of steps. */
function smoothed(losses: readonly number[]): Point[] {
  const runLength = Math.ceil(losses.length / mostPoints);
  const points: Point[] = [];
  for (let start = 0; start < losses.length; start += runLength) {
    const run = losses.slice(start, start + runLength);
    points.push([start + (run.length + 1) / 2, run.reduce((sum, loss) => sum + loss, 0) / run.length]);
  }
  return points;
}

/** Short labels; on a log scale only 1, 2 and 5 of each power of ten, which is as many as fit. */
function tickLabels(ticks: number[], logarithmic: boolean): (loss: number) => string {
  const short = (loss: number) => String(Number(loss.toPrecision(6)));
  if (!logarithmic || ticks.length < 10) return short;
  return (loss) => (/^[125]e/.test(loss.toExponential()) ? short(loss) : "");
}
