/**
 * An output that takes no more: nobody reads it any longer (`wgrad models | head -1`), or what it goes to is full. The
 * first is no failure and needs no word, as SIGPIPE has none elsewhere; the second one is told. A command that stops at
 * Ctrl-C stops, every other one goes on to its end in silence: to end the process here would be in the middle of the
 * device's work, which crashes some drivers.
 */
import { OutputError } from "../../engine/errors.ts";
import { reportFailure } from "./failure.ts";
import { reasonOf } from "./folder.ts";
import { askToStop } from "./interrupt.ts";

/** 128 + SIGPIPE's number, as shells have it. */
const unreadCode = 141;

/**
 * Watches standard output and standard error for the rest of the process, and sets its exit code when one is lost.
 * @param verbose asked when it is needed
 */
export function watchOutputs(verbose: () => boolean): void {
  let isLost = false;
  for (const [name, stream] of [
    ["standard output", process.stdout],
    ["standard error", process.stderr],
  ] as const) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (isLost) return; // it comes again with every further line
      isLost = true;
      const code = error.code === "EPIPE" ? unreadCode : tell(name, error, verbose());
      process.exitCode ||= code;
      askToStop(error.code ?? error.message, code);
    });
  }
}

/** @returns the exit code */
function tell(name: string, error: NodeJS.ErrnoException, verbose: boolean): number {
  const failure = new OutputError(
    `cannot write to ${name}: ${reasonOf(error)}`,
    "send the output to a file on another disk, or free some space",
    { cause: error },
  );
  return reportFailure(failure, { json: false, verbose, output: process.stdout, errors: process.stderr });
}
