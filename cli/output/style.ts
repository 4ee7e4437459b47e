/**
 * The few styles of text used here. Node knows what a terminal can show and honours NO_COLOR, FORCE_COLOR and
 * TERM=dumb in `hasColors`; anything that is not a terminal gets plain text.
 */
import type { WriteStream } from "node:tty";

export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  cyan(text: string): string;
}

/** The styles that `stream` can show; each leaves its text as it is where there are none. */
export function styleFor(stream: NodeJS.WritableStream): Style {
  const terminal = stream as Partial<WriteStream>;
  const coloured = terminal.isTTY === true && terminal.hasColors?.() === true;
  const style = (on: number, off: number) => (text: string) =>
    coloured ? `\u001b[${on}m${text}\u001b[${off}m` : text;
  return { bold: style(1, 22), dim: style(2, 22), red: style(31, 39), cyan: style(36, 39) };
}
