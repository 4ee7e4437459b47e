/**
 * Which classes were taken for which, as an SVG: a row a true class, a column a predicted one. The darker a cell, the
 * larger its share of the row; the diagonal, what is right, is blue, and mistakes are orange (Okabe and Ito's palette).
 */
import { formatCount, formatPercent } from "./format.ts";
import { escaped } from "./svg.ts";

/** With more classes than this the numbers would not be readable. */
const mostNumbered = 30;
const right = [0, 114, 178];
const wrong = [213, 94, 0];

export function confusionPlot({
  counts,
  classes,
}: {
  /** [classes, classes]: row = true class, column = predicted class. */
  readonly counts: Int32Array;
  readonly classes: readonly string[];
}): string {
  const size = classes.length;
  const cell = Math.max(6, Math.min(44, Math.floor(880 / size)));
  const longest = Math.max(...classes.map((name) => name.length));
  const margin = { left: 46 + 7.5 * longest, top: 84 + 7.5 * longest };
  const width = margin.left + size * cell + 24;
  const height = margin.top + size * cell + 24;
  const totals = classes.map((_, row) => sumOf(counts.subarray(row * size, (row + 1) * size)));
  const correct = classes.reduce((sum, _, index) => sum + counts[index * size + index], 0);
  const isNumbered = size <= mostNumbered;

  const cells = Array.from(counts, (count, index) => {
    const [row, column] = [Math.floor(index / size), index % size];
    const share = totals[row] === 0 ? 0 : count / totals[row];
    const [x, y] = [margin.left + column * cell, margin.top + row * cell];
    const title = `${escaped(classes[row])} taken for ${escaped(classes[column])}: ${formatCount(count)}`;
    const number = isNumbered && count > 0 ? cellText(x + cell / 2, y + cell / 2, count, share) : "";
    return `<g><title>${title}</title><rect x="${x}" y="${y}" width="${cell}" height="${cell}" fill="${colour(share, row === column)}"/>${number}</g>`;
  });
  const names = classes.flatMap((name, index) => {
    const middle = (index + 0.5) * cell;
    const [x, y] = [margin.left + middle + 4, margin.top - 8];
    return [
      `<text x="${margin.left - 8}" y="${margin.top + middle + 4}" text-anchor="end">${escaped(name)}</text>`,
      `<text x="${x}" y="${y}" transform="rotate(-90 ${x} ${y})">${escaped(name)}</text>`,
    ];
  });
  const title = `Confusion matrix: ${formatPercent(correct / sumOf(totals))} of ${formatCount(sumOf(totals))} right`;
  const [middleX, middleY] = [margin.left + (size * cell) / 2, margin.top + (size * cell) / 2];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"` +
      ' role="img" font-family="system-ui, sans-serif" font-size="12" fill="#222">',
    `<title>${title}</title>`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<text x="16" y="28" font-size="16" font-weight="600">${title}</text>`,
    `<text x="${middleX}" y="54" text-anchor="middle">predicted</text>`,
    `<text transform="translate(20 ${middleY}) rotate(-90)" text-anchor="middle">true</text>`,
    ...cells,
    ...(isNumbered ? names : []),
    `<rect x="${margin.left}" y="${margin.top}" width="${size * cell}" height="${size * cell}" fill="none" stroke="#555"/>`,
    "</svg>\n",
  ].join("\n");
}

function cellText(x: number, y: number, count: number, share: number): string {
  const fill = share > 0.55 ? "#fff" : "#222";
  return `<text x="${x}" y="${y + 4}" text-anchor="middle" font-size="11" fill="${fill}">${count}</text>`;
}

/** From white to the full colour; the root makes rare mistakes visible. */
function colour(share: number, isRight: boolean): string {
  const strength = Math.sqrt(share);
  const channels = (isRight ? right : wrong).map((full) => Math.round(255 - strength * (255 - full)));
  return `rgb(${channels.join(",")})`;
}

function sumOf(numbers: ArrayLike<number>): number {
  return Array.from(numbers).reduce((sum, number) => sum + number, 0);
}
