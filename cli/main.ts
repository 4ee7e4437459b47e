/** The commands. Each one's work is in a file of its own; here are their options and their help. */
import { Command, InvalidArgumentError, Option } from "commander";
import packageJson from "../package.json" with { type: "json" };
import { reportFailure } from "./output/failure.ts";

interface CommonOptions {
  readonly json?: boolean;
  readonly verbose?: boolean;
}

const program = new Command("wgrad")
  .description("Trains vision models on WebGPU.")
  .version(packageJson.version, "-V, --version", "print the version")
  .option("--json", "print one JSON object a line, for programs")
  .option("--verbose", "print the stack trace of an error, too")
  .helpOption("-h, --help", "show this help")
  .helpCommand("help [command]", "show a command's help")
  .configureHelp({ showGlobalOptions: true })
  .configureOutput({ outputError() {} }) // reportFailure prints them
  .exitOverride();

program
  .command("train")
  .summary("train a model; write its weights, loss curve and pictures to a folder")
  .description(
    "Trains a model and writes to a folder: the weights (model.safetensors), the loss curve (loss.svg), " +
      "test images over their reconstructions (reconstructions.png), and every step's figures " +
      "(metrics.jsonl). Ctrl-C stops after the current step and saves.",
  )
  .argument("[model]", "autoencoder or convolutional-autoencoder", "autoencoder")
  .option(
    "--data <source>",
    "digits (drawn here), mnist or fashion-mnist (downloaded once), or a folder with MNIST's four files",
    "digits",
  )
  .option(
    "--epochs <count>",
    "how often to go through the images (default: the model's own)",
    wholeNumberFrom(1),
  )
  .option("--batch <count>", "images a step (default: the model's own)", wholeNumberFrom(1))
  .option("--learning-rate <rate>", "of Adam (default: the model's own)", positiveNumber)
  .addOption(
    new Option("--loss <kind>", "mean squared error or binary cross-entropy")
      .choices(["mse", "bce"])
      .default("mse"),
  )
  .option("--seed <number>", "fixes weights, digits and order: same seed, same bits", wholeNumberFrom(0), 1)
  .option("--out <folder>", "where to write (default: out/ and the model's name)")
  .addHelpText(
    "after",
    "\nExamples:\n" +
      "  wgrad train\n" +
      "  wgrad train convolutional-autoencoder --data fashion-mnist --epochs 10 --out runs/1",
  )
  .action(async (model: string, options) => {
    const { runTraining } = await import("./commands/train.ts");
    await runTraining({ ...options, ...program.opts<CommonOptions>(), model });
  });

program
  .command("gradcheck")
  .summary("check every operation and its gradient on this machine's adapter")
  .description(
    "Checks operations and their gradients on this machine's adapter: results against a float64 reference, " +
      "gradients against central differences. Exits with 1 if anything is off.",
  )
  .argument("[operations...]", "only those with one of these in their name (default: all)")
  .addHelpText("after", "\nExamples:\n  wgrad gradcheck\n  wgrad gradcheck conv pool")
  .action(async (operations: string[]) => {
    const { runGradcheck } = await import("./commands/gradcheck.ts");
    await runGradcheck({ ...program.opts<CommonOptions>(), operations });
  });

program
  .command("setup")
  .summary("find out whether WebGPU works here; install a driver on Debian and Ubuntu if not")
  .description(
    "Finds out whether WebGPU works here. Where it does not, a driver is installed on Debian and Ubuntu: it " +
      "shows the commands first, and asks when a person sits at the terminal.",
  )
  .option("--browser", "and a browser with WebGPU, for the tests")
  .action(async ({ browser = false }: { browser?: boolean }) => {
    const { setup } = await import("./setup/index.ts");
    await setup({ browser });
  });

try {
  await program.parseAsync();
} catch (error) {
  const { json = false, verbose = false } = program.opts<CommonOptions>();
  process.exitCode = reportFailure(error, { json, verbose, output: process.stdout, errors: process.stderr });
}

function wholeNumberFrom(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== "" && Number.isSafeInteger(value) && value >= least) return value;
    throw new InvalidArgumentError(`It must be a whole number, ${least} or more.`);
  };
}

function positiveNumber(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError("It must be a number above 0.");
}
