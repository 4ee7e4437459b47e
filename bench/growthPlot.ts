/**
 * Times of training steps against what grows, as an SVG: what grows with the batch on the left, with the width on the
 * right; above on even axes, where straight lines are straight, below on logarithmic ones, where the small steps are to
 * be seen. Marks are measured, lines are fitted. Colours and shapes are those of the loss curve.
 */
import { scaleLinear, scaleLog } from "d3-scale";
import { line as path } from "d3-shape";
import { formatCount } from "../cli/output/format.ts";
import { escaped, text } from "../cli/output/svg.ts";
import type { Line, Point } from "./fitLine.ts";

export interface Growth {
  readonly title: string;
  readonly axis: "batch" | "width";
  readonly points: readonly Point[];
  readonly line: Line;
}

interface Panel {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  readonly isLogarithmic: boolean;
}

const size = { width: 1020, height: 800 };
const [leftHalf, rightHalf] = [
  { left: 70, right: 490 },
  { left: 570, right: 990 },
];
const [upperHalf, lowerHalf] = [
  { top: 120, bottom: 400, isLogarithmic: false },
  { top: 470, bottom: 750, isLogarithmic: true },
];
const colours = ["#0072b2", "#d55e00", "#009e73"];

/** The text of the file. @param adapter its name */
export function growthPlot(growths: readonly Growth[], adapter: string): string {
  const title = "Time of a training step against its size";
  const coloured = growths.map((growth, index) => ({ ...growth, colour: colours[index % colours.length] }));
  const columns = [
    { axis: "batch", half: leftHalf },
    { axis: "width", half: rightHalf },
  ] as const;
  const parts = columns.flatMap(({ axis, half }) => {
    const shown = coloured.filter((growth) => growth.axis === axis);
    return [
      ...shown.map((growth, index) => legend(growth, half.left, 62 + 22 * index)),
      ...[upperHalf, lowerHalf].flatMap((rows) => panel(shown, axis, { ...half, ...rows })),
    ];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" width="${size.width}" height="${size.height}"` +
      ' role="img" font-family="system-ui, sans-serif" font-size="13" fill="#222">',
    `<title>${escaped(title)}</title>`,
    `<rect width="${size.width}" height="${size.height}" fill="#fff"/>`,
    text(leftHalf.left, 28, title, 'font-size="16" font-weight="600"'),
    text(rightHalf.right, 28, adapter, 'text-anchor="end" fill="#555"'),
    ...parts,
    "</svg>\n",
  ].join("\n");
}

interface Coloured extends Growth {
  readonly colour: string;
}

function panel(growths: readonly Coloured[], axis: Growth["axis"], place: Panel): string[] {
  const { left, right, top, bottom, isLogarithmic } = place;
  const all = growths.flatMap(({ points }) => points);
  const fitted = growths.flatMap(({ points, line }) => onLine(points, line));
  const sizes = all.map(([at]) => at);
  const times = [...all, ...fitted].map(([, milliseconds]) => milliseconds);
  const x = isLogarithmic
    ? scaleLog([Math.min(...sizes), Math.max(...sizes)], [left, right]).base(2)
    : scaleLinear([0, Math.max(...sizes)], [left, right]);
  const y = isLogarithmic
    ? scaleLog([Math.min(...times) / 1.3, Math.max(...times) * 1.3], [bottom, top])
    : scaleLinear([0, Math.max(...times)], [bottom, top]).nice(5);
  const xTicks = isLogarithmic ? [...new Set(sizes)].filter((_, index) => index % 2 === 0) : x.ticks(5);
  const yTicks = y.ticks(5).filter((tick) => !isLogarithmic || /^[125]e/.test(tick.toExponential()));
  const toPath = path<Point>()
    .x(([at]) => x(at))
    .y(([, milliseconds]) => y(milliseconds))
    .digits(1);
  return [
    ...yTicks.map((tick) => {
      const at = y(tick).toFixed(1);
      return (
        `<line x1="${left}" x2="${right}" y1="${at}" y2="${at}" stroke="#e4e4e4"/>` +
        text(left - 8, y(tick) + 4, formatCount(tick), 'text-anchor="end"')
      );
    }),
    ...xTicks.map((tick) => {
      const at = x(tick).toFixed(1);
      return (
        `<line x1="${at}" x2="${at}" y1="${bottom}" y2="${bottom + 5}" stroke="#555"/>` +
        text(x(tick), bottom + 20, formatCount(tick), 'text-anchor="middle"')
      );
    }),
    `<path d="M${left},${top}V${bottom}H${right}" fill="none" stroke="#555"/>`,
    text(left - 8, top - 12, "ms", 'text-anchor="end"'),
    text(
      (left + right) / 2,
      bottom + 40,
      isLogarithmic ? `${axis} (both axes logarithmic)` : axis,
      'text-anchor="middle"',
    ),
    ...growths.flatMap(({ points, line, colour }) => [
      `<path d="${toPath(onLine(points, line))}" fill="none" stroke="${colour}" stroke-opacity="0.6" stroke-width="2"/>`,
      ...points.map(([at, milliseconds]) => mark(x(at), y(milliseconds), colour)),
    ]),
  ];
}

/** Close enough to each other for logarithmic axes, where a straight line is bent. */
function onLine(points: readonly Point[], line: Line): Point[] {
  const sizes = points.map(([at]) => at);
  const x = scaleLog([Math.min(...sizes), Math.max(...sizes)], [0, 60]);
  return Array.from({ length: 61 }, (_, index) => x.invert(index)).map((at) => [at, line.at(at)]);
}

function legend({ title, axis, line, colour }: Coloured, left: number, y: number): string {
  const label = `${title}: ${line.start.toFixed(1)} ms + ${line.slope.toFixed(3)} ms × ${axis}`;
  return (
    `<line x1="${left}" x2="${left + 26}" y1="${y}" y2="${y}" stroke="${colour}" stroke-opacity="0.6" stroke-width="2"/>` +
    mark(left + 13, y, colour) +
    text(left + 33, y + 4, label, 'font-size="12"')
  );
}

function mark(x: number, y: number, colour: string): string {
  const [at, size] = [(value: number, size: number) => (value - size / 2).toFixed(1), 7];
  if (colour === colours[1])
    return `<rect x="${at(x, size)}" y="${at(y, size)}" width="${size}" height="${size}" fill="${colour}"/>`;
  return `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="3.5" fill="${colour}"/>`;
}
