/** What holds for pictures of every format. */
import { DataError } from "../engine/errors.ts";

/**
 * Of a picture that is read, or drawn: as a telephone's largest photographs. A file of a few bytes can announce a picture
 * of 16 exabytes.
 */
export const mostPixels = 50_000_000;

/** @throws DataError for a picture without pixels, or with too many; before memory is taken for them */
export function requireSize(name: string, width: number, height: number): void {
  if (width > 0 && height > 0 && width * height <= mostPixels) return;
  throw new DataError(
    `${name}: its header announces ${width}×${height} pixels; expected at least one and at most ${mostPixels / 1e6} million`,
    "make the picture smaller, or get it again if it should have another size",
  );
}

/** The error for a picture that begins well but does not decode. */
export function undecodable(name: string, what: string, cause?: unknown): DataError {
  const reason = cause instanceof Error ? ` (${cause.message})` : "";
  return new DataError(
    `${name}: ${what}${reason}`,
    "get the picture again from its source, or remove it from the set",
    { cause },
  );
}
