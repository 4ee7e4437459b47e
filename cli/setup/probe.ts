/**
 * Asks Dawn for an adapter in a process of its own: a driver that crashes or hangs takes only that one along, a
 * Dawn instance sees no driver installed after its first look, and what Dawn prints to standard error, where the
 * reason for a refusal stands, can be read. Costs about a tenth of a second.
 */
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

export type ProbeResult =
  | { readonly found: true; readonly adapter: string }
  | { readonly found: false; readonly reason: string; readonly dawnLoads: boolean };

/** Has a Dawn instance of its own name its adapter; see the head of this file. */
export function probeAdapter(): ProbeResult {
  const child = spawnSync(process.execPath, ["--input-type=module", "--eval", probeProgram()], {
    encoding: "utf8",
    timeout: 60_000,
    killSignal: "SIGKILL",
    // What this process was started with (a TypeScript loader, an inspector) is not for the child.
    env: { ...process.env, NODE_OPTIONS: "" },
  });
  const report = /^wgrad-probe (.*)$/m.exec(child.stdout ?? "")?.[1];
  if (report === undefined) {
    const end = child.error?.message ?? child.signal ?? `exit code ${child.status}`;
    return {
      found: false,
      dawnLoads: true,
      reason: `it ended in the middle of the search (${end})${driverSetting()}`,
    };
  }
  const { adapter, loadError } = JSON.parse(report) as { adapter?: string; loadError?: string };
  if (loadError !== undefined) return { found: false, dawnLoads: false, reason: loadError };
  if (adapter === undefined) {
    const reason = reasonForRefusal(child.stderr) ?? "it gives no reason";
    return { found: false, dawnLoads: true, reason: reason + driverSetting() };
  }
  return { found: true, adapter };
}

/** Those of Dawn's warnings that say why there is no adapter: at most three. */
export function reasonForRefusal(standardError: string): string | undefined {
  const warnings = [...standardError.matchAll(/^Warning: (.*?)[.!]?$/gm)].map(([, text]) => text!);
  const reasons = warnings.filter((text) => !text.includes("artificially reduced")).slice(0, 3);
  return reasons.length > 0 ? reasons.join("; ") : undefined;
}

/** The Vulkan loader's variables that hide drivers from it, where one is set. */
function driverSetting(): string {
  const name = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES", "VK_LOADER_DRIVERS_SELECT"].find(
    (one) => process.env[one],
  );
  return name === undefined ? "" : ` (${name} is set to ${process.env[name]})`;
}

function probeProgram(): string {
  let dawn: string;
  try {
    dawn = pathToFileURL(createRequire(import.meta.url).resolve("webgpu")).href;
  } catch {
    dawn = "webgpu";
  }
  return `
    const say = (report) => process.stdout.write("wgrad-probe " + JSON.stringify(report) + "\\n");
    const dawn = await import(${JSON.stringify(dawn)}).catch((error) => say({ loadError: error.message.split("\\n")[0] }));
    if (dawn) {
      const gpu = dawn.create([]);
      const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
      say(adapter ? { adapter: adapter.info.description || adapter.info.device || "unnamed adapter" } : {});
    }`;
}
