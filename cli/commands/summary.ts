/** `wgrad summary`: what a model is made of and what its training takes, before anything is allocated. */
import { totalmem } from "node:os";
import { AdapterError } from "../../engine/errors.ts";
import { type AdapterDescription, findAdapter } from "../../engine/gpu/adapter.ts";
import { type Footprint, footprint } from "../../models/footprint.ts";
import type { ModelAtWork } from "../../models/kinds/kind.ts";
import { findModel } from "../../models/registry.ts";
import { chooseSettings } from "../../models/settings.ts";
import type { Batch } from "../../models/training.ts";
import { chooseRecipe, type RecipeChoice } from "../chooseRecipe.ts";
import { chooseShape, type ShapeChoice } from "../chooseShape.ts";
import { formatBytes, formatCount, formatScaled } from "../output/format.ts";
import { styleFor } from "../output/style.ts";
import { summaryTable } from "../output/summaryTable.ts";

export interface SummaryCommand extends ShapeChoice, RecipeChoice {
  readonly model: string;
  readonly set?: readonly string[];
  readonly json?: boolean;
}

/** @throws ArgumentError, AdapterError, LimitError for mixed precision on an adapter without float16 */
export async function runSummary(command: SummaryCommand): Promise<void> {
  const registered = findModel(command.model);
  const settings = chooseSettings(registered.settings, command.set ?? []);
  const shape = chooseShape(registered, command);
  const recipe = chooseRecipe(registered, command);
  const adapter = await describeAdapter();
  const measure = <Data, B extends Batch>(open: () => ModelAtWork<Data, B>) =>
    footprint(open, recipe, adapter);
  const figures =
    registered.data === "images"
      ? measure(() => registered.open(shape, settings))
      : measure(() => registered.open(shape, settings));
  const problems = adapter
    ? findProblems(figures, adapter)
    : ["there is no WebGPU adapter here: run `wgrad setup`"];
  const { stdout } = process;
  if (command.json) {
    const told = {
      ...{ event: "summary", model: command.model, batchSize: recipe.batchSize, ...figures },
      adapter: adapter && { name: adapter.name, kind: adapter.kind },
      ...{ fits: problems.length === 0, problems },
    };
    stdout.write(`${JSON.stringify(told)}\n`);
    return;
  }
  const style = styleFor(stdout);
  const lines = [
    ...summaryTable(figures, stdout.columns || Number.POSITIVE_INFINITY, style),
    "",
    ...footprintLines(figures, recipe.batchSize),
    "",
    ...verdict(adapter?.name ?? "This machine", recipe.batchSize, problems),
  ];
  stdout.write(`${lines.join("\n")}\n`);
}

/** Nothing where there is none: what a model takes can be told without. */
async function describeAdapter(): Promise<AdapterDescription | undefined> {
  try {
    return (await findAdapter(undefined)).description;
  } catch (error) {
    if (error instanceof AdapterError) return undefined;
    throw error;
  }
}

function footprintLines(figures: Footprint, batchSize: number): string[] {
  const { modelBytes, optimizerBytes, activationBytes, peakBytes, stepFlops, stepDispatches } = figures;
  return [
    `A training step of ${formatCount(batchSize)} ${batchSize === 1 ? "sample" : "samples"}`,
    `  weights       ${formatBytes(modelBytes)}`,
    `  optimiser     ${formatBytes(optimizerBytes)}`,
    `  activations   ${formatBytes(activationBytes)} with gradients and the batch, at most at once`,
    `  at its peak   ${formatBytes(peakBytes)}`,
    `  computes      ${formatScaled(stepFlops)}FLOPs in ${formatCount(stepDispatches)} dispatches`,
  ];
}

/** Why this adapter cannot train it; empty if it can. */
function findProblems(
  { largestBytes, peakBytes }: Footprint,
  { kind, limits }: AdapterDescription,
): string[] {
  const problems: string[] = [];
  const { maxBufferSize, maxStorageBufferBindingSize } = limits;
  if (largestBytes.parameter > maxBufferSize)
    problems.push(
      `its largest weight takes ${formatBytes(largestBytes.parameter)}, and a buffer here is at most ${formatBytes(maxBufferSize)}`,
    );
  if (largestBytes.activation > maxStorageBufferBindingSize)
    problems.push(
      `its largest activation takes ${formatBytes(largestBytes.activation)}, and a kernel here binds at most ${formatBytes(maxStorageBufferBindingSize)}: choose a smaller batch`,
    );
  if (kind === "cpu" && peakBytes > totalmem())
    problems.push(
      `it needs ${formatBytes(peakBytes)}, and this machine has ${formatBytes(totalmem())}: choose a smaller batch`,
    );
  return problems;
}

function verdict(adapter: string, batchSize: number, problems: readonly string[]): string[] {
  if (problems.length === 0) return [`${adapter} can train it with batches of ${formatCount(batchSize)}.`];
  return [
    `${adapter} cannot train it with batches of ${formatCount(batchSize)}:`,
    ...problems.map((problem) => `  ${problem}`),
  ];
}
