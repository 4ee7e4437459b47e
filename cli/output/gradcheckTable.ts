/** What `wgrad gradcheck` shows: a line an operation, and every check that failed. */
import type { RowResult } from "../../engine/checks.ts";
import { formatCount } from "./format.ts";

export const gradcheckHead = tableLine(["operation", "checks", "forward", "gradient", "differences"]);

/** One line for an operation, with the worst errors, and two more for each check that failed. */
export function gradcheckLines(name: string, rows: readonly RowResult[]): string[] {
  const worst = (error: (row: RowResult) => number | null) => {
    const errors = rows.map(error).filter((value) => value !== null);
    return errors.length > 0 ? Math.max(...errors).toExponential(1) : "none";
  };
  const cells = [
    ...[name, formatCount(rows.length)],
    ...[
      worst((row) => row.forwardError),
      worst((row) => row.gradientError),
      worst((row) => row.gradcheckError),
    ],
  ];
  const failed = rows.filter(({ ok }) => !ok);
  return [
    tableLine(cells) + (failed.length > 0 ? `  ${failed.length} FAILED` : ""),
    ...failed.flatMap(({ sample, tiling, problem }) => [`  ${sample} (${tiling})`, `    ${problem}`]),
  ];
}

function tableLine([name, ...numbers]: string[]): string {
  return [name.padEnd(18), ...numbers.map((text) => text.padStart(11))].join(" ");
}
