/** What the benchmark's commands share. */
import { type Command, CommanderError } from "commander";
import { reportFailure } from "../cli/output/failure.ts";
import { WgradError } from "../engine/errors.ts";

/** Runs a command of this process' arguments; a refusal is shown without its stack trace. */
export async function runProgram(program: Command): Promise<void> {
  program
    .helpOption("-h, --help", "show this help")
    .configureOutput({ outputError() {} }) // reportFailure prints them
    .exitOverride();
  try {
    await program.parseAsync();
  } catch (error) {
    const isRefusal = error instanceof WgradError || error instanceof CommanderError;
    process.exitCode = reportFailure(error, {
      json: false,
      verbose: !isRefusal,
      output: process.stdout,
      errors: process.stderr,
    });
  }
}
