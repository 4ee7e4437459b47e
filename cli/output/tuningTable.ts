/** What `wgrad tune` shows: a line for each product that was measured, and what is kept. */
import type { Measured } from "../../engine/tune.ts";
import type { Tuning } from "../../engine/tuning.ts";
import { formatCount } from "./format.ts";

/** " 3/14   1.89 → 1.22 ms  1.55×  conv2d …: sliding → tall sliding" */
export function measuredLine(
  { product, usual, best, wrong }: Measured,
  { number, of }: { readonly number: number; readonly of: number },
): string {
  const place = `${String(number).padStart(String(of).length)}/${of}`;
  const isFaster = best.shape !== usual.shape;
  const times = isFaster
    ? `${milliseconds(usual.seconds)} → ${milliseconds(best.seconds)} ms  ${factor(usual.seconds / best.seconds)}`
    : `${milliseconds(usual.seconds)} ms`;
  const shapes = isFaster ? `${usual.shape} → ${best.shape}` : usual.shape;
  return [
    `${place}  ${times.padEnd(26)}  ${product}: ${shapes}`,
    ...wrong.map(
      (shape) => `  WRONG: ${shape} computes something else here, and is left out; please report it`,
    ),
  ].join("\n");
}

export function tuningLines({ adapter, choices }: Tuning, path: string, isCurrent: boolean): string[] {
  const entries = Object.entries(choices);
  return [
    adapter,
    `  ${path}`,
    isCurrent
      ? `  ${formatCount(entries.length)} products are computed otherwise than usual`
      : "  not used: it was made with other kernels than this version's; tune anew",
    ...entries.map(([product, { shape, speedup }]) => `  ${factor(speedup)}  ${product}: ${shape}`),
    "",
  ];
}

function milliseconds(seconds: number): string {
  const value = 1000 * seconds;
  return (value < 100 ? value.toPrecision(3) : value.toFixed(0)).padStart(5);
}

function factor(speedup: number): string {
  return `${speedup.toFixed(2)}×`;
}
