/** The live loss curve: every step's loss, a smooth line through them, and the test loss after each epoch. */
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { axisLabels, number, whole } from "../format.ts";
import { curve, dark, epochs } from "../state.ts";

/** So many points are drawn at most: each is then the mean of some. */
const mostPoints = 1500;

export function Curve({ lossName }: { readonly lossName: string }) {
  const holder = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | undefined>(undefined);
  const isDark = dark.value;
  const version = curve.version.value;
  const measured = epochs.value;

  useEffect(() => {
    const element = holder.current!;
    const style = getComputedStyle(element);
    const colour = (name: string) => style.getPropertyValue(name).trim();
    const axis: uPlot.Axis = {
      stroke: colour("--muted"),
      grid: { stroke: colour("--line"), width: 1 },
      ticks: { show: false },
      font: "12px system-ui, sans-serif",
    };
    const size = () => ({ width: element.clientWidth, height: element.clientHeight });
    const plot = new uPlot(
      {
        ...size(),
        legend: { show: false },
        cursor: { show: false },
        padding: [8, 18, 0, 0],
        scales: { x: { time: false } },
        axes: [
          { ...axis, size: 30, values: (_, steps) => steps.map(stepLabel) },
          {
            ...axis,
            size: (_, labels) => roomFor(labels),
            values: (_, values, _axis, _space, step) => axisLabels(values, step),
          },
        ],
        series: [
          {},
          { stroke: colour("--faint"), width: 1, spanGaps: true, points: { show: false } },
          { stroke: colour("--accent"), width: 2, spanGaps: true, points: { show: false } },
          {
            stroke: colour("--contrast"),
            width: 1.5,
            dash: [4, 4],
            spanGaps: true,
            points: { show: true, size: 7, fill: colour("--contrast") },
          },
        ],
      },
      [[], [], [], []],
      element,
    );
    chart.current = plot;
    const watcher = new ResizeObserver(() => plot.setSize(size()));
    watcher.observe(element);
    return () => {
      watcher.disconnect();
      plot.destroy();
      chart.current = undefined;
    };
  }, [isDark]);

  useEffect(() => {
    const frame = requestAnimationFrame(() => chart.current?.setData(dataOf(measured)));
    return () => cancelAnimationFrame(frame);
  }, [version, measured, isDark]);

  const last = curve.losses.at(-1);
  const [first] = curve.steps;
  const label =
    last === undefined
      ? "Loss curve, still empty"
      : `Loss curve: ${lossName} ${number(last)} after ${whole(curve.steps.at(-1)!)} steps, ${number(curve.losses[0])} ${first === 1 ? "at the first" : `after ${whole(first)}`}`;
  return <div ref={holder} class="curve" role="img" aria-label={label} />;
}

/** A loss that is no number any more has no place on a scale. */
function drawable(value: number | null): number | null {
  return value !== null && Number.isFinite(value) ? value : null;
}

function stepLabel(step: number): string {
  return Number.isInteger(step) ? whole(step) : "";
}

/** In pixels. */
function roomFor(labels: readonly string[] | null): number {
  return 17 + 7 * Math.max(5, ...(labels ?? []).map(({ length }) => length));
}

function dataOf(measured: typeof epochs.value): uPlot.AlignedData {
  const { steps, losses, smooth } = curve;
  const every = Math.max(1, Math.ceil(steps.length / mostPoints));
  const rows = new Map<number, [number | null, number | null, number | null]>();
  for (let from = 0; from < steps.length; from += every) {
    const end = Math.min(from + every, steps.length);
    let sum = 0;
    for (let i = from; i < end; i++) sum += losses[i];
    rows.set(steps[end - 1], [sum / (end - from), smooth[end - 1], null]);
  }
  for (const { stepsDone, test } of measured) {
    if (test.loss === undefined) continue;
    const [own, smoothed] = rows.get(stepsDone) ?? [null, null];
    rows.set(stepsDone, [own, smoothed, test.loss]);
  }
  const sorted = [...rows].sort(([a], [b]) => a - b);
  return [
    sorted.map(([step]) => step),
    ...([0, 1, 2] as const).map((series) => sorted.map(([, values]) => drawable(values[series]))),
  ] as uPlot.AlignedData;
}
