/**
 * The last word of a command that failed: what is wrong and what to do, on one screen, and the exit code. The
 * stack trace is for whoever asks for it with `--verbose`.
 */
import { inspect } from "node:util";
import { CommanderError } from "commander";
import { ArgumentError, WgradError } from "../../engine/errors.ts";
import { styleFor } from "./style.ts";

export interface FailureOptions {
  readonly verbose: boolean;
  /** Print `{"event":"error",…}` as a line to `output`, instead of words to `errors`. */
  readonly json: boolean;
  /** Standard output. */
  readonly output: NodeJS.WritableStream;
  /** Standard error. */
  readonly errors: NodeJS.WritableStream;
}

interface Failure {
  /** The error's class. */
  kind: string;
  message: string;
  help?: string;
}

/**
 * Prints why a command failed and returns the process's exit code: 2 when the command line is at fault, else 1,
 * and 0 when `error` is only commander's way to say that it has shown its help or the version.
 */
export function reportFailure(error: unknown, options: FailureOptions): number {
  if (error instanceof CommanderError && /^commander\.(help|version)/.test(error.code)) {
    return error.exitCode === 0 ? 0 : 2;
  }
  const failure = describe(error, options.verbose);
  const stack = options.verbose ? inspect(error) : undefined;
  if (options.json) {
    options.output.write(`${JSON.stringify({ event: "error", ...failure, stack })}\n`);
  } else {
    const style = styleFor(options.errors);
    const lines = [labelled(style.red(style.bold("error:")), "error: ", failure.message)];
    if (failure.help !== undefined)
      lines.push(labelled(`  ${style.cyan("help:")}`, "  help: ", failure.help));
    if (stack !== undefined) lines.push("", stack);
    options.errors.write(`${lines.join("\n")}\n`);
  }
  return error instanceof ArgumentError || error instanceof CommanderError ? 2 : 1;
}

function describe(error: unknown, verbose: boolean): Failure {
  if (error instanceof WgradError) return { kind: error.name, message: error.problem, help: error.help };
  if (error instanceof CommanderError) {
    return {
      kind: "ArgumentError",
      message: error.message.replace(/^error: /, ""),
      help: "add --help to the command to see what it takes",
    };
  }
  const kind = error instanceof Error ? error.name : "Error";
  const message = error instanceof Error ? error.message : String(error);
  const [firstLine] = message.split("\n");
  return {
    kind,
    message: `something unexpected went wrong: ${kind}: ${firstLine}`,
    help: verbose
      ? "this is a fault of wgrad: please report what is printed here"
      : "this is a fault of wgrad: please run the command again with --verbose and report what it prints",
  };
}

/** `text` after its label, further lines of it lined up below the first. */
function labelled(label: string, plainLabel: string, text: string): string {
  return `${label} ${text.replace(/\n/g, `\n${" ".repeat(plainLabel.length)}`)}`;
}
