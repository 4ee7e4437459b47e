/**
 * `npm run bench:pack`: makes `.gpu/`, all that it takes to measure a graphics card on a machine with a driver and
 * nothing else: no Node, no npm, no Vulkan loader, no network. There, `run.sh` does the rest.
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { formatBytes } from "../../cli/output/format.ts";
import { ArgumentError, OutputError } from "../../engine/errors.ts";
import { runProgram } from "../program.ts";
import { packLibraries } from "./libraries.ts";
import { packPrograms } from "./programs.ts";

const target = fileURLToPath(new URL("../../.gpu", import.meta.url));

const program = new Command("npm run bench:pack --")
  .description(
    "Makes the folder .gpu with all that measures a graphics card on a Linux machine that has only the card's " +
      "driver: Node, Dawn, the Vulkan loader, the benchmark with its peers, and run.sh, which is run there.",
  )
  .action(pack);

await runProgram(program);

async function pack(): Promise<void> {
  requireWholeNode();
  const work = mkdtempSync(join(tmpdir(), "wgrad-"));
  try {
    packLibraries(join(work, "lib"));
    await packPrograms(join(work, "program"));
    copyFileSync(process.execPath, join(work, "node"));
    rmSync(target, { recursive: true, force: true });
    mkdirSync(target);
    copyFileSync(fileURLToPath(new URL("run.sh", import.meta.url)), join(target, "run.sh"));
    const packed = join(target, "pack.tar.gz");
    const { status, stderr } = spawnSync("tar", ["-czf", packed, "-C", work, "."], { encoding: "utf8" });
    if (status !== 0)
      throw new OutputError(`tar could not write ${packed}: ${stderr}`, "look for free space");
    console.log(
      `.gpu/pack.tar.gz: ${formatBytes(statSync(packed).size)}, Node ${process.version} for ${process.arch}\n` +
        "On the machine with the card, from where .gpu was copied to: bash .gpu/run.sh RESULTS",
    );
  } finally {
    rmSync(work, { recursive: true });
  }
}

/** Some distributions' Node is a small program and a library. */
function requireWholeNode(): void {
  const { stdout } = spawnSync("ldd", [process.execPath], { encoding: "utf8" });
  if (process.platform === "linux" && !stdout?.includes("libnode")) return;
  throw new ArgumentError(
    `${process.execPath} does not run elsewhere by itself`,
    "make the pack on Linux, with a Node from nodejs.org",
  );
}
