/** What `wgrad gradcheck` shows: a line an operation, and every row that failed. */
import type { RowResult } from "../../engine/checks.ts";
import { type Style, styleFor } from "./style.ts";

interface OperationTotals {
  rows: number;
  failed: number;
  forward: number | null;
  gradient: number | null;
  gradcheck: number | null;
}

const columns = ["operation", "rows", "forward", "gradient", "gradcheck", ""] as const;
const widths = [20, 5, 9, 9, 10, 6];

/**
 * Prints the rows as they come.
 * @param verbose prints a line a row, not only one an operation
 * @returns how many rows there were, and how many failed
 */
export async function printGradcheck(
  results: AsyncIterable<RowResult>,
  stream: NodeJS.WritableStream & { readonly isTTY?: boolean },
  { verbose }: { readonly verbose: boolean },
): Promise<{ rows: number; failed: number }> {
  const style = styleFor(stream);
  stream.write(`${style.dim(line(columns))}\n`);
  const all = { rows: 0, failed: 0 };
  let name = "";
  let totals = noTotals();
  function finishOperation(): void {
    if (totals.rows > 0) stream.write(`${operationLine(name, totals, style)}\n`);
  }
  for await (const row of results) {
    if (row.op !== name) {
      finishOperation();
      name = row.op;
      totals = noTotals();
    }
    add(totals, row);
    all.rows++;
    if (!row.ok) all.failed++;
    if (verbose || !row.ok) stream.write(`${rowText(row, style)}\n`);
  }
  finishOperation();
  stream.write(`\n${all.rows} rows, ${all.failed === 0 ? "all good" : style.red(`${all.failed} failed`)}\n`);
  return all;
}

function noTotals(): OperationTotals {
  return { rows: 0, failed: 0, forward: null, gradient: null, gradcheck: null };
}

function add(totals: OperationTotals, row: RowResult): void {
  totals.rows++;
  if (!row.ok) totals.failed++;
  totals.forward = larger(totals.forward, row.forwardError);
  totals.gradient = larger(totals.gradient, row.gradientError);
  totals.gradcheck = larger(totals.gradcheck, row.gradcheckError);
}

function larger(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : Math.max(a, b);
}

function operationLine(name: string, totals: OperationTotals, style: Style): string {
  const { rows, failed, forward, gradient, gradcheck } = totals;
  const figures = line([name, `${rows}`, error(forward), error(gradient), error(gradcheck)]);
  return `${figures}  ${failed === 0 ? "ok" : style.red(`${failed} FAILED`)}`;
}

function rowText(
  { op, sample, tiling, forwardError, gradientError, problem }: RowResult,
  style: Style,
): string {
  const where = `  ${op} ${sample} (${tiling})`;
  return problem
    ? style.red(`${where}\n    ${problem}`)
    : style.dim(`${where}  ${error(forwardError)} ${error(gradientError)}`);
}

/** The worst relative error; "–" where there is no gradient. */
function error(value: number | null): string {
  return value === null ? "–" : value === 0 ? "0" : value.toExponential(1);
}

function line(cells: readonly string[]): string {
  return cells
    .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
    .join(" ")
    .trimEnd();
}
