/**
 * A training step in the Chrome trace event format, which Perfetto (ui.perfetto.dev) and chrome://tracing show: a
 * process for the device, with a row for the phases, one for the layers and one for the kernels. Times in microseconds.
 */
import type { TimedDispatch } from "../../models/profile.ts";
import { nameOfLayer, type Profile } from "./profileTables.ts";

interface TraceEvent {
  readonly name: string;
  /** "X": a slice with a duration; "M": the name of a process or of a row. */
  readonly ph: "X" | "M";
  readonly pid: number;
  readonly tid: number;
  readonly ts?: number;
  readonly dur?: number;
  readonly cat?: string;
  readonly args?: Readonly<Record<string, string | number>>;
}

const pid = 1;
const rows = { phases: 1, layers: 2, kernels: 3 } as const;

/** The text of the file. @param adapter its name */
export function chromeTrace({ model, batchSize, timeline }: Profile, adapter: string): string {
  const traceEvents: TraceEvent[] = [
    { name: "process_name", ph: "M", pid, tid: 0, args: { name: adapter } },
    ...Object.entries(rows).flatMap(([name, tid]): TraceEvent[] => [
      { name: "thread_name", ph: "M", pid, tid, args: { name } },
      { name: "thread_sort_index", ph: "M", pid, tid, args: { sort_index: tid } },
    ]),
    ...spans(timeline, "phases", ({ phase }) => phase),
    ...spans(timeline, "layers", (dispatch) => `${nameOfLayer(dispatch)} ${dispatch.phase}`),
    ...timeline.map((dispatch) => slice("kernels", dispatch.kernel, dispatch, dispatch, figures(dispatch))),
  ];
  const otherData = { model, batchSize, adapter };
  return `${JSON.stringify({ displayTimeUnit: "ms", otherData, traceEvents })}\n`;
}

/** Dispatches of one name that follow each other, as one slice. */
function spans(
  timeline: readonly TimedDispatch[],
  row: keyof typeof rows,
  nameOf: (dispatch: TimedDispatch) => string,
): TraceEvent[] {
  const events: TraceEvent[] = [];
  let first = 0;
  for (const [index, dispatch] of timeline.entries()) {
    const next = timeline[index + 1];
    if (next && nameOf(next) === nameOf(dispatch)) continue;
    events.push(slice(row, nameOf(dispatch), timeline[first], dispatch, { dispatches: index + 1 - first }));
    first = index + 1;
  }
  return events;
}

function slice(
  row: keyof typeof rows,
  name: string,
  first: TimedDispatch,
  last: TimedDispatch,
  args: NonNullable<TraceEvent["args"]>,
): TraceEvent {
  const ts = microseconds(first.start);
  const dur = microseconds(last.start + last.seconds) - ts;
  return { name, cat: row, ph: "X", pid, tid: rows[row], ts, dur, args };
}

function figures(dispatch: TimedDispatch): NonNullable<TraceEvent["args"]> {
  const { phase, module = "", workgroups, flops, bytes, seconds } = dispatch;
  const rate = (amount: number) => (seconds > 0 ? amount / seconds / 1e9 : 0);
  return {
    ...{ layer: nameOfLayer(dispatch), module, phase, workgroups, flops, bytes },
    ...{ "GFLOP/s": rate(flops), "GB/s": rate(bytes) },
  };
}

/** To the nanosecond, so that the end of one slice is the start of the next and not a little past it. */
function microseconds(seconds: number): number {
  return Math.round(1e9 * seconds) / 1000;
}
