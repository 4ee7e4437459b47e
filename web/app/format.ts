/** Numbers for people. */

/** Three digits that count: 0.0123, 85.2, 1,240. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size !== 0 && size < 1e-3) return value.toExponential(1).replace("e-", "e−");
  return new Intl.NumberFormat("en", { maximumSignificantDigits: size >= 1000 ? 4 : 3 }).format(value);
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
