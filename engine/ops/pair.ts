/** Options along height and width, as PyTorch takes them: one number for both, or [height, width]. */
import { ArgumentError } from "../errors.ts";

/**
 * The option `what` of the operation `op` as [height, width].
 * @param least the smallest value that makes sense
 * @throws ArgumentError unless both are whole numbers, `least` or more
 */
export function pair(
  op: string,
  what: string,
  value: number | readonly [number, number],
  least: number,
): [number, number] {
  const [height, width, ...more] = typeof value === "number" ? [value, value] : [...(value ?? [])];
  const valid = [height, width].every((size) => Number.isSafeInteger(size) && size >= least);
  if (valid && more.length === 0) return [height, width];
  const got = Array.isArray(value) ? `[${value.join(", ")}]` : String(value);
  throw new ArgumentError(
    `${op}: ${what} must be a whole number, ${least} or more, or a pair [height, width] of such, got ${got}`,
  );
}
