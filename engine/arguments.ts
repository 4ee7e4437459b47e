/** What is asked of arguments that are numbers, in the same words everywhere. */
import { ArgumentError } from "./errors.ts";

/** @throws ArgumentError */
export function requireCount(name: string, what: string, value: number): void {
  if (!(Number.isSafeInteger(value) && value >= 1))
    throw new ArgumentError(`${name}: ${what} must be a whole number, 1 or more, got ${value}`);
}

/** @throws ArgumentError */
export function requireRange(name: string, what: string, value: number, least: number, most: number): void {
  if (!(value >= least && value <= most))
    throw new ArgumentError(`${name}: ${what} must be from ${least} to ${most}, got ${value}`);
}

/** @throws ArgumentError */
export function requirePositive(name: string, what: string, value: number): void {
  if (!(value > 0 && Number.isFinite(value)))
    throw new ArgumentError(`${name}: ${what} must be a finite number above 0, got ${value}`);
}

/** @throws ArgumentError */
export function requireNonNegative(name: string, what: string, value: number): void {
  if (!(value >= 0 && Number.isFinite(value)))
    throw new ArgumentError(`${name}: ${what} must be a finite number ≥ 0, got ${value}`);
}
