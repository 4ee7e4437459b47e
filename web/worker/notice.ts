/** What went wrong, in words for a person. */
import { WgradError } from "../../engine/errors.ts";
import type { Notice } from "../protocol.ts";

export function noticeOf(error: unknown): Notice {
  if (error instanceof WgradError) {
    const help = error.help !== undefined && { help: error.help };
    return { kind: "error", text: asSentence(error.problem), ...help };
  }
  return { kind: "error", text: asSentence(error instanceof Error ? error.message : String(error)) };
}

/** With a capital, unless it begins with a name (of a file, or of a weight). */
function asSentence(text: string): string {
  return text.replace(/^[a-z]+(?= )/, (word) => word[0].toUpperCase() + word.slice(1));
}
