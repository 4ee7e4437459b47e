/** `wgrad models`: which models there are, and what can be chosen about them. */
import { models } from "../../models/registry.ts";
import { describeSettings } from "../../models/settings.ts";
import { styleFor } from "../output/style.ts";

export function listModels({ json = false }: { readonly json?: boolean }): void {
  if (json) {
    for (const { name, about, dataset, settings, recipe } of models)
      process.stdout.write(`${JSON.stringify({ event: "model", name, about, dataset, settings, recipe })}\n`);
    return;
  }
  const style = styleFor(process.stdout);
  const width = Math.max(...models.map(({ name }) => name.length));
  for (const { name, about, settings } of models) {
    process.stdout.write(`${style.bold(name.padEnd(width))}  ${about}\n`);
    const offered = describeSettings(settings);
    if (offered !== "") process.stdout.write(`${" ".repeat(width)}  ${style.dim(`--set ${offered}`)}\n`);
  }
}
