/** The commands. Each one's work is in a file of its own; here are their options and their help. */
import { Command, InvalidArgumentError, Option } from "commander";
import packageJson from "../package.json" with { type: "json" };
import { reportFailure } from "./output/failure.ts";
import { watchOutputs } from "./output/lostOutput.ts";
import { positiveNumber } from "./positiveNumber.ts";

interface CommonOptions {
  readonly json?: boolean;
  readonly verbose?: boolean;
}

const dataHelp =
  "digits (drawn here), mnist, fashion-mnist or cifar-10 (downloaded once), a folder with MNIST's or CIFAR-10's " +
  "files or with a folder of photographs for each class; for graphs karate or blocks";

const program = new Command("wgrad")
  .description("Trains, measures and runs vision models on WebGPU.")
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
    "Trains a model and writes to a folder: the weights (model.safetensors), all that is needed to go on " +
      "(checkpoint.safetensors), the loss curve (loss.svg), every step's figures (metrics.jsonl) and the " +
      "pictures that fit the model. Ctrl-C stops after the current step and saves.",
  )
  .argument("[model]", "see `wgrad models` (default: autoencoder)")
  .option("--data <source>", dataHelp)
  .option("--epochs <count>", "how often to go through the data", wholeNumberFrom(1))
  .option("--batch <count>", "samples a step", wholeNumberFrom(1))
  .option("--lr <rate>", "the learning rate; the largest one, where the recipe changes it", positiveNumber)
  .option("--set <name=value...>", "the model's own settings, see `wgrad models`")
  .addOption(precisionOption())
  .option("--plain", "instead of the model's own recipe: Adam at a constant rate, and nothing that helps")
  .option(
    "--seed <number>",
    "fixes weights, order and noise: same seed, same bits (default: 1)",
    wholeNumberFrom(0),
  )
  .option("--out <folder>", "where to write (default: out/ and the model's name)", givenPath)
  .option("--resume [folder]", "go on with the training in the folder, as if it had never stopped", givenPath)
  .option(
    "--checkpoint-every <steps>",
    "how often to save what --resume needs (default: after each epoch, and once a minute)",
    wholeNumberFrom(1),
  )
  .addHelpText(
    "after",
    "\nWhat is left out is as the model's recipe says.\n\nExamples:\n" +
      "  wgrad train\n" +
      "  wgrad train lenet5 --data mnist\n" +
      "  wgrad train vae --data fashion-mnist --set codeSize=2 beta=4 --out runs/1\n" +
      "  wgrad train --resume runs/1",
  )
  .action(async (model: string | undefined, options) => {
    const { runTraining } = await import("./commands/train.ts");
    await runTraining({
      ...options,
      ...program.opts<CommonOptions>(),
      ...(model !== undefined && { model }),
    });
  });

program
  .command("evaluate")
  .summary("measure a trained model on test data")
  .description(
    "Measures a trained model on the test data: all figures that fit it, and its pictures if wanted.",
  )
  .addOption(fromOption())
  .option("--data <source>", `${dataHelp} (default: what it was trained on)`)
  .option(
    "--seed <number>",
    "by which data is drawn, or photographs are split (default: that of the training)",
    wholeNumberFrom(0),
  )
  .option("--out <folder>", "write pictures there: reconstructions, samples, the confusion matrix", givenPath)
  .option(
    "--iwae <samples>",
    "of a variational autoencoder: the importance-weighted bound as well",
    wholeNumberFrom(1),
  )
  .addHelpText("after", "\nExamples:\n  wgrad evaluate\n  wgrad evaluate --from out/lenet5 --data mnist")
  .action(async (options) => {
    const { runEvaluation } = await import("./commands/evaluate.ts");
    await runEvaluation({ ...options, ...program.opts<CommonOptions>() });
  });

program
  .command("predict")
  .summary("tell what is on images")
  .description("Tells the most likely classes of PNG or JPEG images of any size, with their probabilities.")
  .argument("<image...>", "PNG or JPEG files", givenPaths)
  .addOption(fromOption())
  .option("--top <count>", "how many classes", wholeNumberFrom(1), 5)
  .option("--invert", "the images are dark on white, and the model was trained on white on dark")
  .action(async (images: string[], options) => {
    const { runPrediction } = await import("./commands/predict.ts");
    await runPrediction({ ...options, ...program.opts<CommonOptions>(), images });
  });

program
  .command("reconstruct")
  .summary("draw images as an autoencoder sees them")
  .description("Draws PNG or JPEG images over their reconstructions by an autoencoder.")
  .argument("<image...>", "PNG or JPEG files", givenPaths)
  .addOption(fromOption())
  .addOption(pictureOption("reconstructions.png"))
  .option("--invert", "the images are dark on white, and the model was trained on white on dark")
  .action(async (images: string[], options) => {
    const { runReconstruction } = await import("./commands/draw.ts");
    await runReconstruction({ ...options, ...program.opts<CommonOptions>(), images });
  });

program
  .command("sample")
  .summary("draw new images with a trained generative model")
  .description("Draws new images with a variational or adversarial autoencoder.")
  .addOption(fromOption())
  .addOption(pictureOption("samples.png"))
  .option("--count <images>", "how many", wholeNumberFrom(1), 72)
  .option("--seed <number>", "other images for another seed", wholeNumberFrom(0), 1)
  .action(async (options) => {
    const { runSampling } = await import("./commands/draw.ts");
    await runSampling({ ...options, ...program.opts<CommonOptions>() });
  });

program
  .command("interpolate")
  .summary("draw the way from one image to another through the code")
  .description("Draws what lies between images: the codes on the line between theirs, decoded.")
  .argument("<image...>", "PNG or JPEG files: two or more, a row from each to the next", givenPaths)
  .addOption(fromOption())
  .addOption(pictureOption("interpolation.png"))
  .option("--steps <count>", "images in a row, both ends included", wholeNumberFrom(2), 12)
  .option("--invert", "the images are dark on white, and the model was trained on white on dark")
  .action(async (images: string[], options) => {
    const { runInterpolation } = await import("./commands/draw.ts");
    await runInterpolation({ ...options, ...program.opts<CommonOptions>(), images });
  });

program
  .command("latent-map")
  .summary("draw what is where in a code of two dimensions")
  .description("Draws a map of a variational autoencoder's code; train one with `--set codeSize=2`.")
  .addOption(fromOption())
  .addOption(pictureOption("latent-map.png"))
  .option("--side <count>", "images in a row and in a column", wholeNumberFrom(2), 20)
  .action(async (options) => {
    const { runLatentMap } = await import("./commands/draw.ts");
    await runLatentMap({ ...options, ...program.opts<CommonOptions>() });
  });

program
  .command("models")
  .summary("list the models and their settings")
  .action(async () => {
    const { listModels } = await import("./commands/models.ts");
    listModels(program.opts<CommonOptions>());
  });

program
  .command("summary")
  .summary("show a model's layers, and what its training takes")
  .description(
    "Shows a model's layers, shapes, parameters and FLOPs, what its training takes, and whether this machine's " +
      "adapter can do it, before anything is allocated.",
  )
  .argument("<model>", "see `wgrad models`")
  .option("--set <name=value...>", "the model's own settings")
  .option("--input <shape>", "of one sample, such as 3x224x224 (default: what its data has)", inputShape)
  .option("--classes <count>", "how many (default: what its data has)", wholeNumberFrom(1))
  .addOption(batchOption())
  .addOption(precisionOption())
  .addHelpText("after", "\nExample:\n  wgrad summary alexnet --batch 32")
  .action(async (model: string, options) => {
    const { runSummary } = await import("./commands/summary.ts");
    await runSummary({ ...options, ...program.opts<CommonOptions>(), model });
  });

program
  .command("profile")
  .summary("time a training step, layer by layer and kernel by kernel")
  .description(
    "Times a training step on example data: forward, backward and update, layer by layer and kernel by kernel, by " +
      "the device's own clock, and against what the adapter reaches at best, which is measured as well.",
  )
  .argument("<model>", "see `wgrad models`")
  .option("--set <name=value...>", "the model's own settings")
  .addOption(batchOption())
  .addOption(precisionOption())
  .option("--steps <count>", "of how many steps the median is taken", wholeNumberFrom(1), 5)
  .option("--trace <file>", "write the step as a Chrome trace, too: ui.perfetto.dev shows it", givenPath)
  .addHelpText("after", "\nExample:\n  wgrad profile lenet5 --batch 128 --trace lenet5.json")
  .action(async (model: string, options) => {
    const { runProfile } = await import("./commands/profile.ts");
    await runProfile({ ...options, ...program.opts<CommonOptions>(), model });
  });

program
  .command("tune")
  .summary("find out which kernels are fastest on this machine, for models of yours")
  .description(
    "Times every way in which this machine's adapter can compute the matrix products and convolutions of the " +
      "models' training steps, and keeps those that are clearly faster than the usual one. From then on, commands " +
      "that compute with a model take them for products of exactly these sizes. The same tuning gives the same bits; the last bits " +
      "of results may differ from those without one.",
  )
  .argument("[models...]", "see `wgrad models` (default: autoencoder, vae, lenet5 and alexnet28)")
  .option("--set <name=value...>", "the settings of the model, if it is one")
  .option("--input <shape>", "of one sample, such as 3x64x64 (default: what its data has)", inputShape)
  .option("--classes <count>", "how many (default: what its data has)", wholeNumberFrom(1))
  .addOption(batchOption())
  .addOption(precisionOption())
  .option("--list", "show what was found so far, for all adapters")
  .option("--clear", "forget it")
  .addHelpText("after", "\nExamples:\n  wgrad tune lenet5\n  wgrad tune alexnet28 vae --batch 128")
  .action(async (models: string[], options) => {
    const { runTune } = await import("./commands/tune.ts");
    await runTune({ ...options, ...program.opts<CommonOptions>(), models });
  });

program
  .command("export")
  .summary("write a trained model's weights to a file for PyTorch and others")
  .description(
    "Writes the weights to one safetensors file with the names of PyTorch's state_dict: " +
      "model.load_state_dict(safetensors.torch.load_file(FILE)) reads it.",
  )
  .argument("<file>", "where to write", givenPath)
  .addOption(fromOption())
  .action(async (file: string, options) => {
    const { runExport } = await import("./commands/exchange.ts");
    await runExport({ ...options, ...program.opts<CommonOptions>(), file });
  });

program
  .command("import")
  .summary("bring weights from PyTorch and others in")
  .description(
    "Reads a safetensors file with the names of PyTorch's state_dict, checks that it fits the model, and writes " +
      "a folder that all commands take with --from.",
  )
  .argument("<model>", "see `wgrad models`")
  .argument("<file>", "the safetensors file", givenPath)
  .option("--set <name=value...>", "the model's own settings")
  .option("--data <source>", `${dataHelp}; gives the classes and the size of images`)
  .option("--input <shape>", "of one sample, such as 3x224x224, where there is no data", inputShape)
  .option(
    "--classes <file>",
    "a text file with the name of a class in each line, where there is no data",
    givenPath,
  )
  .option("--out <folder>", "where to write (default: out/ and the model's name)", givenPath)
  .action(async (model: string, file: string, options) => {
    const { runImport } = await import("./commands/exchange.ts");
    await runImport({ ...options, ...program.opts<CommonOptions>(), model, file });
  });

program
  .command("gradcheck")
  .summary("check every operation and its gradient on this machine's adapter")
  .description(
    "Checks operations and their gradients on this machine's adapter: results against a float64 reference, " +
      "gradients against central differences. Exits with 1 if anything is off.",
  )
  .argument("[operations...]", "only those with one of these in their name (default: all)")
  .option("--float16", "with float16, those operations that take it, on an adapter that has it")
  .addHelpText("after", "\nExamples:\n  wgrad gradcheck\n  wgrad gradcheck conv pool")
  .action(async (operations: string[], options) => {
    const { runGradcheck } = await import("./commands/gradcheck.ts");
    await runGradcheck({ ...options, ...program.opts<CommonOptions>(), operations });
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

watchOutputs(() => program.opts<CommonOptions>().verbose ?? false);
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

/** A shell's unset variable in quotes is an empty one, and would be the folder that one is in. */
function givenPath(text: string): string {
  if (text !== "") return text;
  throw new InvalidArgumentError("It must be a path, and this is empty.");
}

function givenPaths(text: string, before: readonly string[] = []): string[] {
  return [...before, givenPath(text)];
}

/** Where a trained model is. */
function fromOption(): Option {
  return new Option(
    "--from <training>",
    "a training's folder, or a weights file (default: the newest in out/)",
  ).argParser(givenPath);
}

function batchOption(): Option {
  return new Option("--batch <count>", "samples a step (default: the recipe's)").argParser(
    wholeNumberFrom(1),
  );
}

function precisionOption(): Option {
  return new Option(
    "--precision <name>",
    "mixed: activations in float16, where the adapter has it, and a scaled loss (default: float32)",
  ).choices(["float32", "mixed"]);
}

/** Where a picture goes. */
function pictureOption(name: string): Option {
  return new Option("--out <file>", "the PNG file to write").default(name).argParser(givenPath);
}

/** "3x224x224" */
function inputShape(text: string): number[] {
  const sizes = text.split(/[x×,]/).map(Number);
  if (sizes.every((size) => Number.isSafeInteger(size) && size >= 1)) return sizes;
  throw new InvalidArgumentError("It must be whole numbers with x between them, such as 1x28x28.");
}
