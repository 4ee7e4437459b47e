/** What a failed command says and which exit code it has, with commander's own errors among them. */
import { Writable } from "node:stream";
import { Command } from "commander";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { reportFailure } from "../cli/output/failure.ts";
import { ArgumentError, DataError, OutputError } from "../engine/errors.ts";

function failed(error: unknown, { verbose = false, json = false } = {}) {
  const written = { output: "", errors: "" };
  const stream = (name: "output" | "errors") =>
    new Writable({
      write(chunk, _encoding, done) {
        written[name] += chunk;
        done();
      },
    });
  const code = reportFailure(error, { verbose, json, output: stream("output"), errors: stream("errors") });
  return { code, ...written };
}

/** What commander throws for a command line. */
function commanderError(...words: string[]): unknown {
  const silent = { writeOut() {}, writeErr() {}, outputError() {} };
  const program = new Command("wgrad").version("1.0.0").exitOverride().configureOutput(silent);
  program
    .command("train")
    .argument("<model>")
    .option("--epochs <number>")
    .exitOverride()
    .configureOutput(silent);
  try {
    program.parse(words, { from: "user" });
  } catch (error) {
    return error;
  }
  throw new Error("commander took it");
}

const dataError = new DataError(
  "cannot read train-images.gz:\ngot 12 bytes, expected 47,040,016",
  "download it again",
);

test("a known error: what is wrong, what to do, no stack", () => {
  assert.equal(failed(dataError), {
    code: 1,
    output: "",
    errors:
      "error: cannot read train-images.gz:\n       got 12 bytes, expected 47,040,016\n  help: download it again\n",
  });
  assert.is(failed(new OutputError("no help here")).errors, "error: no help here\n");
});

test("--verbose adds the stack, and what was the cause", () => {
  const { errors } = failed(new DataError("outer", "help", { cause: new Error("inner") }), { verbose: true });
  assert.ok(errors.startsWith("error: outer\n  help: help\n\n"));
  assert.match(errors, /output-failure\.test\.ts/);
  assert.match(errors, /cause.*inner/);
});

test("an error nobody foresaw: one line, and how to see more", () => {
  const surprise = new TypeError("x is not a function\nsecond line");
  assert.equal(failed(surprise), {
    code: 1,
    output: "",
    errors:
      "error: something unexpected went wrong: TypeError: x is not a function\n" +
      "  help: this is a fault of wgrad: please run the command again with --verbose and report what it prints\n",
  });
  const verbose = failed(surprise, { verbose: true }).errors;
  assert.match(verbose, /second line[\s\S]*at .*output-failure/);
  assert.not.match(verbose, /again with --verbose/);
  assert.match(failed("just text").errors, /went wrong: Error: just text\n/);
  assert.match(failed(undefined).errors, /went wrong: Error: undefined\n/);
});

test("a wrong command line ends with 2", () => {
  assert.is(failed(new ArgumentError("epochs must be 1 or more, got 0", "pass --epochs 5")).code, 2);
  const unknown = failed(commanderError("train", "autoencoder", "--epoch", "3"));
  assert.is(unknown.code, 2);
  assert.match(
    unknown.errors,
    /^error: unknown option '--epoch'\n {7}\(Did you mean --epochs\?\)\n {2}help: .*--help/,
  );
  assert.match(failed(commanderError("train")).errors, /^error: missing required argument 'model'\n/);
});

test("help and version are no failure, and say nothing more", () => {
  assert.equal(failed(commanderError("--help")), { code: 0, output: "", errors: "" });
  assert.equal(failed(commanderError("--version")), { code: 0, output: "", errors: "" });
  assert.equal(
    failed(commanderError()),
    { code: 2, output: "", errors: "" },
    "help, because nothing was asked",
  );
});

test("json: one line on standard output", () => {
  const { code, output, errors } = failed(dataError, { json: true });
  assert.is(code, 1);
  assert.is(errors, "");
  assert.is(
    output,
    '{"event":"error","kind":"DataError","message":"cannot read train-images.gz:\\n' +
      'got 12 bytes, expected 47,040,016","help":"download it again"}\n',
  );
  const verbose = JSON.parse(failed(dataError, { json: true, verbose: true }).output);
  assert.match(verbose.stack, /output-failure\.test\.ts/);
  assert.is(JSON.parse(failed(commanderError("tarin"), { json: true }).output).kind, "ArgumentError");
});

test.run();
