/** Numbers for people. */

/** Three digits that count: 0.0123, 85.2, 1,240. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size !== 0 && size < 1e-3) return value.toExponential(1).replace("e-", "e−");
  return new Intl.NumberFormat("en", { maximumSignificantDigits: size >= 1000 ? 4 : 3 }).format(value);
}

/**
 * The labels of an axis, with as many digits as tell one from the next.
 * @param step from one value to the next
 */
export function axisLabels(values: readonly number[], step: number): string[] {
  const most = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  if (most >= 1e5 || (most > 0 && most < 1e-3)) {
    const digits = decimals(step / 10 ** Math.floor(Math.log10(most)));
    return values.map((value) => value.toExponential(digits).replace("e+", "e").replace("e-", "e−"));
  }
  const digits = decimals(step);
  const form = new Intl.NumberFormat("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return values.map((value) => form.format(value));
}

/** Behind the point, for a number of few digits. */
function decimals(value: number): number {
  for (let digits = 0; digits < 15; digits++) {
    const scaled = value * 10 ** digits;
    if (Math.abs(scaled - Math.round(scaled)) < 1e-6 * scaled) return digits;
  }
  return 15;
}

export function whole(value: number): string {
  return Math.round(value).toLocaleString("en");
}

/** "12.3 MB" */
export function bytes(value: number): string {
  if (value < 1e6) return `${number(value / 1e3)} kB`;
  return value < 1e9 ? `${number(value / 1e6)} MB` : `${number(value / 1e9)} GB`;
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
