/** Reads off the machine what the plan is made from. */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { type AptSource, parseDeb822Sources, parseOneLineSources } from "./aptSources.ts";
import { type Facts, type Privilege, parseOsRelease } from "./plan.ts";

/** The facts of this machine. Changes nothing. */
export function readFacts(): Facts {
  return {
    platform: process.platform,
    osRelease: parseOsRelease(textOf("/etc/os-release")),
    aptSources: readAptSources(),
    privilege: privilege(),
  };
}

function readAptSources(): AptSource[] {
  const folder = "/etc/apt/sources.list.d";
  const files = ["/etc/apt/sources.list", ...namesIn(folder).map((name) => `${folder}/${name}`)];
  return files.flatMap((file) => {
    if (file.endsWith(".list")) return parseOneLineSources(textOf(file));
    return file.endsWith(".sources") ? parseDeb822Sources(textOf(file)) : [];
  });
}

function privilege(): Privilege {
  if (process.getuid?.() === 0) return "root";
  const { status, error } = spawnSync("sudo", ["-n", "true"], { stdio: "ignore" });
  if (error) return "none";
  return status === 0 ? "sudo" : "password";
}

/** A file's text, and nothing for one that is not there or not ours to read. */
function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}
