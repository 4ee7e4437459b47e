/** The model as a table: one row a layer, numbers to the right, the sums below. */
import type { SummaryRow } from "./events.ts";
import { formatCount, formatScaled, formatShape } from "./format.ts";
import type { Style } from "./style.ts";

interface Column {
  heading: string;
  cell(row: SummaryRow): string;
  total: string;
  /** Numbers stand to the right and are never cut; names may be, to no fewer characters than this. */
  shortest?: number;
}

const gap = "  ";

/**
 * The lines of the table. Where `columns` are too few, names of layers and paths are cut; where that is not
 * enough, the layers and the longer headings go.
 */
export function summaryTable(
  summary: { rows: readonly SummaryRow[]; parameters: number; flops: number },
  columns: number,
  style: Style,
): string[] {
  const shape = (row: SummaryRow) => formatShape(row.outputShape);
  const parameters = (row: { parameters: number }) => formatCount(row.parameters);
  const flops = (row: { flops: number }) => formatScaled(row.flops);
  const path = (row: SummaryRow) => row.path;
  const full: Column[] = [
    { heading: "path", cell: path, total: "total", shortest: 8 },
    { heading: "layer", cell: (row) => row.layer, total: "", shortest: 8 },
    { heading: "output shape", cell: shape, total: "" },
    { heading: "parameters", cell: parameters, total: parameters(summary) },
    { heading: "FLOPs/sample", cell: flops, total: flops(summary) },
  ];
  const compact: Column[] = [
    { heading: "path", cell: path, total: "total", shortest: 8 },
    { heading: "output", cell: shape, total: "" },
    { heading: "params", cell: parameters, total: parameters(summary) },
    { heading: "FLOPs", cell: flops, total: flops(summary) },
  ];
  const layout = shortestWidth(full, summary.rows) <= columns ? full : compact;

  const widths = layout.map((column) => widest(column, summary.rows));
  for (const [index, { shortest }] of [...layout.entries()].reverse()) {
    const excess = tableWidth(widths) - columns;
    if (shortest !== undefined && excess > 0) {
      widths[index] = Math.max(Math.min(widths[index]!, shortest), widths[index]! - excess);
    }
  }
  const line = (cells: string[]) =>
    cells
      .map((cell, index) => {
        const width = widths[index]!;
        const text = cell.length > width ? `${cell.slice(0, width - 1)}…` : cell;
        return index < cells.length - 2 ? text.padEnd(width) : text.padStart(width);
      })
      .join(gap);
  const rule = style.dim("─".repeat(tableWidth(widths)));
  return [
    style.bold(line(layout.map(({ heading }) => heading))),
    rule,
    ...summary.rows.map((row) => line(layout.map(({ cell }) => cell(row)))),
    rule,
    style.bold(line(layout.map(({ total }) => total))),
  ];
}

function widest({ heading, cell, total }: Column, rows: readonly SummaryRow[]): number {
  return Math.max(heading.length, total.length, ...rows.map((row) => cell(row).length));
}

function shortestWidth(layout: Column[], rows: readonly SummaryRow[]): number {
  return tableWidth(
    layout.map((column) => Math.min(widest(column, rows), column.shortest ?? Number.POSITIVE_INFINITY)),
  );
}

function tableWidth(widths: number[]): number {
  return widths.reduce((sum, width) => sum + width + gap.length, -gap.length);
}
