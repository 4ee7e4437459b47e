/** The straight line through times that differ a thousandfold. */

/** What grows, and the milliseconds that it takes. */
export type Point = readonly [size: number, milliseconds: number];

export interface Line {
  /** Milliseconds that a step of any size takes; 0 or more. */
  readonly start: number;
  /** Milliseconds for each one more. */
  readonly slope: number;
  at(size: number): number;
}

/**
 * The line from which the points' times are the least off, as shares of themselves (least squares): a millisecond
 * counts more where steps are short.
 */
export function fitLine(points: readonly Point[]): Line {
  const weighted = (value: (size: number, milliseconds: number) => number) =>
    points.reduce((sum, [size, milliseconds]) => sum + value(size, milliseconds) / milliseconds ** 2, 0);
  const [one, x, xx] = [weighted(() => 1), weighted((size) => size), weighted((size) => size ** 2)];
  const [y, xy] = [weighted((_, time) => time), weighted((size, time) => size * time)];
  const start = (xx * y - x * xy) / (one * xx - x * x);
  const slope = (one * xy - x * y) / (one * xx - x * x);
  return start >= 0 ? line(start, slope) : line(0, xy / xx);
}

function line(start: number, slope: number): Line {
  return { start, slope, at: (size) => start + slope * size };
}
