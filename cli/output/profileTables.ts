/** What `wgrad profile` shows: a training step by layers, by kernels, and its slowest dispatches. */
import type { Peak } from "../../engine/peak.ts";
import type { ProfiledDispatch, StepProfile } from "../../models/profile.ts";
import { formatCount, formatScaled } from "./format.ts";
import type { Style } from "./style.ts";

export interface Profile extends StepProfile {
  readonly model: string;
  readonly batchSize: number;
  readonly peak: Peak;
}

/** Some of the dispatches together; times in seconds. */
interface Work {
  readonly dispatches: number;
  readonly seconds: number;
  /** Of all kernels' time. */
  readonly share: number;
  readonly flops: number;
  readonly bytes: number;
  /**
   * The time that the adapter would need at its peak, over the time that it took: for each dispatch the longer one of
   * its FLOPs at the best rate and its bytes at the best rate. Above 1 where caches are faster than memory.
   */
  readonly shareOfPeak: number;
}

export interface LayerRow extends Work {
  /** "features.3"; "loss" and "optimiser" for what belongs to no layer, "model" for what the model does itself. */
  readonly layer: string;
  readonly module: string;
  readonly forwardSeconds: number;
  readonly backwardSeconds: number;
}

export interface KernelRow extends Work {
  readonly kernel: string;
}

/** In the order in which they compute. */
export function layersOf(profile: Profile): LayerRow[] {
  return grouped(profile.dispatches, nameOfLayer).map(([layer, dispatches]) => ({
    layer,
    module: dispatches[0].module ?? "",
    ...workOf(dispatches, profile),
    forwardSeconds: secondsOf(dispatches.filter(({ phase }) => phase === "forward")),
    backwardSeconds: secondsOf(dispatches.filter(({ phase }) => phase === "backward")),
  }));
}

/** The slowest first. */
export function kernelsOf(profile: Profile): KernelRow[] {
  return grouped(profile.dispatches, ({ kernel }) => kernel)
    .map(([kernel, dispatches]) => ({ kernel, ...workOf(dispatches, profile) }))
    .sort((a, b) => b.seconds - a.seconds);
}

export function nameOfLayer({ layer, phase }: Pick<ProfiledDispatch, "layer" | "phase">): string {
  if (layer !== undefined) return layer === "" ? "model" : layer;
  return phase === "update" ? "optimiser" : "loss";
}

const slowestShown = 12;

function slowestOf(profile: Profile) {
  return [...profile.dispatches]
    .sort((a, b) => b.seconds - a.seconds)
    .slice(0, slowestShown)
    .map((dispatch) => ({ ...dispatch, layer: nameOfLayer(dispatch), ...workOf([dispatch], profile) }));
}

export function profileLines(profile: Profile, columns: number, style: Style): string[] {
  const { peak, seconds, hostSeconds } = profile;
  const all = workOf(profile.dispatches, profile);
  const rate = (perSecond: number, unit: string) => `${formatScaled(perSecond)}${unit}/s`;
  const slowest = slowestOf(profile);
  const samples = `${formatCount(profile.batchSize)} ${profile.batchSize === 1 ? "sample" : "samples"}`;
  return [
    `at best  ${rate(peak.flopsPerSecond, "FLOP")} (matmul), ${rate(peak.bytesPerSecond, "B")} (copy)`,
    `step     ${profile.model}, ${samples}: ${milliseconds(seconds)} ms, JavaScript is busy for ${milliseconds(hostSeconds)} ms of them`,
    `kernels  ${formatCount(all.dispatches)} dispatches, ${milliseconds(all.seconds)} ms: ${percent(all.seconds / seconds)} of the step`,
    "",
    style.bold("Layers, in the order in which they compute"),
    ...table<LayerRow>(
      [
        text("layer", ({ layer }) => layer),
        text("", ({ module }) => module),
        number("forward ms", ({ forwardSeconds }) => milliseconds(forwardSeconds)),
        number("backward ms", ({ backwardSeconds }) => milliseconds(backwardSeconds)),
        ...workColumns("all ms"),
      ],
      layersOf(profile),
      columns,
      style,
    ),
    "",
    style.bold("Kernels, slowest first"),
    ...table<KernelRow>(
      [
        text("kernel", ({ kernel }) => kernel),
        number("dispatches", ({ dispatches: count }) => formatCount(count)),
        ...workColumns("ms"),
      ],
      kernelsOf(profile),
      columns,
      style,
    ),
    "",
    style.bold(`The ${slowest.length === slowestShown ? `${slowestShown} ` : ""}slowest dispatches`),
    ...table<ReturnType<typeof slowestOf>[number]>(
      [
        text("kernel", ({ kernel }) => kernel),
        text("layer", ({ layer }) => layer),
        text("phase", ({ phase }) => phase),
        number("workgroups", ({ workgroups }) => formatCount(workgroups)),
        ...workColumns("ms"),
      ],
      slowest,
      columns,
      style,
    ),
    "",
    "GB/s counts every tensor that a kernel binds once. Of peak: how long the FLOPs would take at best, or the bytes if",
    "they would take longer, over the time; more than 100 % where tensors stay in caches.",
  ];
}

function grouped(
  dispatches: readonly ProfiledDispatch[],
  keyOf: (dispatch: ProfiledDispatch) => string,
): [string, ProfiledDispatch[]][] {
  const groups = new Map<string, ProfiledDispatch[]>();
  for (const dispatch of dispatches) {
    const key = keyOf(dispatch);
    groups.set(key, [...(groups.get(key) ?? []), dispatch]);
  }
  return [...groups];
}

function workOf(dispatches: readonly ProfiledDispatch[], { dispatches: all, peak }: Profile): Work {
  const seconds = secondsOf(dispatches);
  const atPeak = sum(dispatches, ({ flops, bytes }) =>
    Math.max(flops / peak.flopsPerSecond, bytes / peak.bytesPerSecond),
  );
  return {
    dispatches: dispatches.length,
    seconds,
    share: seconds / secondsOf(all),
    flops: sum(dispatches, ({ flops }) => flops),
    bytes: sum(dispatches, ({ bytes }) => bytes),
    shareOfPeak: atPeak / seconds,
  };
}

function secondsOf(dispatches: readonly ProfiledDispatch[]): number {
  return sum(dispatches, ({ seconds }) => seconds);
}

function sum<T>(values: readonly T[], amount: (value: T) => number): number {
  return values.reduce((total, value) => total + amount(value), 0);
}

interface Column<Row> {
  readonly heading: string;
  readonly cell: (row: Row) => string;
  readonly isNumber: boolean;
}

function text<Row>(heading: string, cell: (row: Row) => string): Column<Row> {
  return { heading, cell, isNumber: false };
}

function number<Row>(heading: string, cell: (row: Row) => string): Column<Row> {
  return { heading, cell, isNumber: true };
}

function workColumns<Row extends Work>(time: string): Column<Row>[] {
  return [
    number(time, ({ seconds }) => milliseconds(seconds)),
    number("share", ({ share }) => percent(share)),
    number("GFLOP/s", ({ flops, seconds }) => billions(flops / seconds)),
    number("GB/s", ({ bytes, seconds }) => billions(bytes / seconds)),
    number("of peak", ({ shareOfPeak }) => percent(shareOfPeak)),
  ];
}

const gap = "  ";
const shortest = 8;

/** Numbers stand to the right and are never cut; names are, from the right, where `columns` are too few. */
function table<Row>(
  layout: readonly Column<Row>[],
  rows: readonly Row[],
  columns: number,
  style: Style,
): string[] {
  const cells = [
    layout.map(({ heading }) => heading),
    ...rows.map((row) => layout.map(({ cell }) => cell(row))),
  ];
  const widths = layout.map((_, column) => Math.max(...cells.map((line) => line[column].length)));
  const excess = () => sum(widths, (width) => width + gap.length) - gap.length - columns;
  for (const [column, { isNumber }] of [...layout.entries()].reverse()) {
    if (!isNumber && excess() > 0)
      widths[column] = Math.max(Math.min(widths[column], shortest), widths[column] - excess());
  }
  const [head, ...body] = cells.map((line) =>
    line
      .map((cell, column) => {
        const width = widths[column];
        const shown = cell.length > width ? `${cell.slice(0, width - 1)}…` : cell;
        return layout[column].isNumber ? shown.padStart(width) : shown.padEnd(width);
      })
      .join(gap),
  );
  return [style.dim(head), ...body];
}

function milliseconds(seconds: number): string {
  const value = 1000 * seconds;
  if (value === 0) return "–";
  return value < 100 ? value.toFixed(value < 10 ? 3 : 2) : formatCount(Number(value.toFixed(1)));
}

/** 10⁹ a second; a dash where there is nothing to count. */
function billions(perSecond: number): string {
  const value = perSecond / 1e9;
  if (!(value > 0) || !Number.isFinite(value)) return "–";
  if (value >= 100) return formatCount(Math.round(value));
  return value.toFixed(value < 10 ? 2 : 1);
}

function percent(share: number): string {
  return Number.isFinite(share) ? `${(100 * share).toFixed(1)} %` : "–";
}
