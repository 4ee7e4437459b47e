/** The benchmark as text: a line a workload as it is done, then what else was counted of wgrad, and what failed. */
import { formatBytes } from "../cli/output/format.ts";
import type { EngineName } from "./process.ts";
import type { BenchRecord } from "./record.ts";
import type { Workload } from "./workloads.ts";

/** Milliseconds of each engine; last, how many times as long as wgrad the fastest other one on WebGPU takes. */
export function timesHead(engines: readonly EngineName[]): string {
  const peers = engines.filter((engine) => engine !== "wgrad").map((engine) => `${engine} ms`);
  return tableLine("", ["wgrad ms", "GFLOP/s", ...peers, "peer/wgrad"]);
}

/** @param records wgrad's first */
export function timesLine({ title }: Workload, [own, ...peers]: readonly BenchRecord[]): string {
  const rivals = peers.filter(({ engine }) => engine !== "torch").map(timeOf);
  const ratio = Math.min(...rivals) / timeOf(own);
  return tableLine(title, [
    time(own),
    own.gflops === null ? "–" : number(own.gflops),
    ...peers.map(time),
    ratio > 0 && Number.isFinite(ratio) ? ratio.toFixed(2) : "–",
  ]);
}

export const countsHead = tableLine("wgrad, one run", [
  ...["dispatches", "submits", "peak", "host ms", "device ms"],
]);

export function countsLine({ title }: Workload, own: BenchRecord): string {
  const { dispatches, submits, peakBytes, hostMilliseconds, deviceMilliseconds } = own;
  return tableLine(title, [
    `${dispatches ?? "–"}`,
    `${submits ?? "–"}`,
    peakBytes === null ? "–" : formatBytes(peakBytes),
    hostMilliseconds === null ? "–" : number(hostMilliseconds),
    deviceMilliseconds === null ? "–" : number(deviceMilliseconds),
  ]);
}

/** What each engine ran on. */
export function adapterLines(records: readonly BenchRecord[]): string[] {
  const found = records.filter(({ adapter }) => adapter !== null);
  return [...new Set(found.map(({ engine, adapter }) => `${engine} on ${adapter}`))];
}

export function failureLine({ title }: Workload, { engine, failure }: BenchRecord): string {
  return `${engine} fails at ${title}: ${failure}`;
}

function tableLine(title: string, cells: readonly string[]): string {
  return [title.padEnd(62), ...cells.map((text) => text.padStart(10))].join(" ");
}

/** Infinity where the engine failed. */
function timeOf({ milliseconds }: BenchRecord): number {
  return milliseconds ?? Number.POSITIVE_INFINITY;
}

function time({ milliseconds }: BenchRecord): string {
  return milliseconds === null ? "fails" : number(milliseconds);
}

/** Three significant digits, and all of a whole number: 0.0123, 4.56, 1,234. */
function number(value: number): string {
  return value < 100 ? value.toPrecision(3) : Math.round(value).toLocaleString("en-US");
}
