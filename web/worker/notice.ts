/** What went wrong, in words for a person. */
import { WgradError } from "../../engine/errors.ts";
import type { Notice } from "../protocol.ts";

export function noticeOf(error: unknown): Notice {
  if (error instanceof WgradError)
    return { kind: "error", text: error.problem, ...(error.help !== undefined && { help: error.help }) };
  return { kind: "error", text: error instanceof Error ? error.message : String(error) };
}
