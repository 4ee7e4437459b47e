/** `wgrad profile`: where the time of a training step goes. */
import { measurePeak } from "../../engine/peak.ts";
import type { ModelAtWork } from "../../models/kinds/kind.ts";
import { profileStep } from "../../models/profile.ts";
import { findModel } from "../../models/registry.ts";
import { chooseSettings } from "../../models/settings.ts";
import type { Batch } from "../../models/training.ts";
import { chooseRecipe, type RecipeChoice, refuseBatchOfGraph } from "../chooseRecipe.ts";
import { chooseShape } from "../chooseShape.ts";
import { describeDevice, openTunedDevice } from "../openTunedDevice.ts";
import { chromeTrace } from "../output/chromeTrace.ts";
import { openOutputFile } from "../output/folder.ts";
import { formatDevice } from "../output/format.ts";
import { kernelsOf, layersOf, profileLines } from "../output/profileTables.ts";
import { say, sayEvent } from "../output/say.ts";
import { styleFor } from "../output/style.ts";

export interface ProfileCommand extends RecipeChoice {
  readonly model: string;
  readonly set?: readonly string[];
  readonly steps: number;
  /** Where to write the trace. */
  readonly trace?: string;
  readonly json?: boolean;
}

/** @throws ArgumentError, AdapterError, OutputError */
export async function runProfile({
  model: name,
  trace,
  json = false,
  ...command
}: ProfileCommand): Promise<void> {
  const registered = findModel(name);
  const settings = chooseSettings(registered.settings, command.set ?? []);
  refuseBatchOfGraph(registered, command);
  const shape = chooseShape(registered, {});
  const recipe = chooseRecipe(registered, command);
  const traceFile = trace === undefined ? undefined : openOutputFile(trace);
  const gpu = await openTunedDevice();
  try {
    const device = describeDevice(gpu);
    if (json) sayEvent("adapter", device);
    else say(formatDevice(device));
    const peak = await measurePeak(gpu);
    const measure = <Data, B extends Batch>(atWork: ModelAtWork<Data, B>) =>
      profileStep(atWork, recipe, command.steps);
    const step = await (registered.data === "images"
      ? measure(registered.open(shape, settings))
      : measure(registered.open(shape, settings)));
    const profile = { model: name, batchSize: recipe.batchSize, peak, ...step };
    if (json) {
      const { timeline: _, dispatches, ...whole } = profile;
      const rows = { layers: layersOf(profile), kernels: kernelsOf(profile), dispatches };
      sayEvent("profile", { ...whole, ...rows });
    } else {
      const { stdout } = process;
      const columns = stdout.columns || Number.POSITIVE_INFINITY;
      for (const line of profileLines(profile, columns, styleFor(stdout))) say(line);
    }
    if (traceFile) {
      const { path } = traceFile;
      traceFile.write(chromeTrace(profile, device.name));
      if (json) sayEvent("saved", { path });
      else say(`\nsaved    ${path} (open it at https://ui.perfetto.dev)`);
    }
  } finally {
    await gpu.close();
  }
}
