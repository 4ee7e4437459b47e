/** Lets Node import a `.wgsl` file as its text, as the bundlers do with their "text" loader. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export function load(url, context, nextLoad) {
  if (!url.endsWith(".wgsl")) return nextLoad(url, context);
  const text = readFileSync(fileURLToPath(url), "utf8");
  return { format: "module", shortCircuit: true, source: `export default ${JSON.stringify(text)};` };
}
