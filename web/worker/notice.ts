/** What went wrong, in words for a person. */
import { DeviceLostError, WgradError } from "../../engine/errors.ts";
import type { Notice } from "../protocol.ts";

/** The engine's words for it are for those who program with it. */
const lostNotice: Notice = {
  kind: "error",
  text: "The graphics device was lost, as happens when a driver crashes or the graphics card is busy for too long.",
  help: "Try it again; if that does not help, reload the page. What was trained is there as it was last saved.",
};

export const noOtherNotice: Notice = {
  kind: "error",
  text: "The graphics device was lost, and the browser gives no other.",
  help: "After some crashes it refuses for a few minutes: reload the page then. What was trained is there as it was last saved.",
};

export function noticeOf(error: unknown): Notice {
  if (error instanceof DeviceLostError) return lostNotice;
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
