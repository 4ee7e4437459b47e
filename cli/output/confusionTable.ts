/** Which classes were taken for which, as a table for a terminal. */
import { formatPercent } from "./format.ts";

/** With more classes than this the table would be wider than a terminal: only the accuracies are shown. */
const mostColumns = 12;

/** A row a true class, a column a predicted one, and how much of each class is right. */
export function confusionTable({
  counts,
  classes,
}: {
  readonly counts: Int32Array;
  readonly classes: readonly string[];
}): string[] {
  const size = classes.length;
  const isWhole = size <= mostColumns;
  const nameWidth = Math.max("true class".length, ...classes.map((name) => name.length));
  const cellWidth = 1 + Math.max(4, ...Array.from(counts, (count) => String(count).length));
  const short = (name: string) => (name.length >= cellWidth ? `${name.slice(0, cellWidth - 2)}…` : name);
  const head = [
    "true class".padEnd(nameWidth),
    ...(isWhole ? classes.map((name) => short(name).padStart(cellWidth)) : []),
    "right".padStart(10),
  ].join("");
  const rows = classes.map((name, row) => {
    const own = counts.subarray(row * size, (row + 1) * size);
    const total = own.reduce((sum, count) => sum + count, 0);
    return [
      name.padEnd(nameWidth),
      ...(isWhole ? Array.from(own, (count) => String(count || "·").padStart(cellWidth)) : []),
      (total === 0 ? "none" : formatPercent(own[row] / total)).padStart(10),
    ].join("");
  });
  return [head, ...rows];
}
