/** What is asked of arguments that are numbers, in the same words everywhere; an argument is given as { name: value }. */
import { ArgumentError } from "./errors.ts";

type Numbers = Readonly<Record<string, number>>;

/** @throws ArgumentError */
export function requireCount(caller: string, values: Numbers): void {
  requireAll(
    caller,
    values,
    (value) => Number.isSafeInteger(value) && value >= 1,
    "a whole number, 1 or more",
  );
}

/** @throws ArgumentError */
export function requireRange(caller: string, values: Numbers, least: number, most: number): void {
  requireAll(caller, values, (value) => value >= least && value <= most, `from ${least} to ${most}`);
}

/** @throws ArgumentError */
export function requirePositive(caller: string, values: Numbers): void {
  requireAll(caller, values, (value) => value > 0 && Number.isFinite(value), "a finite number above 0");
}

/** @throws ArgumentError */
export function requireNonNegative(caller: string, values: Numbers): void {
  requireAll(caller, values, (value) => value >= 0 && Number.isFinite(value), "a finite number ≥ 0");
}

/** @throws ArgumentError */
export function requireShare(caller: string, values: Numbers): void {
  requireAll(caller, values, (value) => value >= 0 && value < 1, "from 0 up to (not including) 1");
}

function requireAll(
  caller: string,
  values: Numbers,
  isSo: (value: number) => boolean,
  expected: string,
): void {
  for (const [name, value] of Object.entries(values)) {
    if (!isSo(value)) throw new ArgumentError(`${caller}: ${name} must be ${expected}, got ${value}`);
  }
}
