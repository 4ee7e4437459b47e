/** What Node, Dawn and NVIDIA's Vulkan driver load, and a bare machine may lack; `run.sh` uses what is not there. */
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { DownloadError } from "../../engine/errors.ts";

const packages = [
  "libvulkan1", // the loader, which finds the driver
  ...["libstdc++6", "libgcc-s1"], // for Node
  // for the driver, which is made for screens as well
  ...["libglvnd0", "libegl1", "libglx0", "libgl1"],
  ...["libx11-6", "libxext6", "libxcb1", "libxau6", "libxdmcp6", "libbsd0", "libmd0"],
];

/**
 * Downloads them from this machine's distribution into the folder.
 * @throws DownloadError
 */
export function packLibraries(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const work = mkdtempSync(join(tmpdir(), "wgrad-"));
  try {
    run("apt-get", ["download", ...packages], work);
    for (const file of readdirSync(work)) run("dpkg-deb", ["-x", file, "unpacked"], work);
    const unpacked = readdirSync(join(work, "unpacked"), { recursive: true, encoding: "utf8" });
    // by the names by which they are asked for: libvulkan.so.1
    for (const file of unpacked.filter((name) => /\/lib[^/]+\.so\.\d+$/.test(name)))
      copyFileSync(join(work, "unpacked", file), join(folder, basename(file)));
  } finally {
    rmSync(work, { recursive: true });
  }
}

function run(program: string, words: readonly string[], folder: string): void {
  const { status, error, stderr } = spawnSync(program, words, { cwd: folder, encoding: "utf8" });
  if (error) {
    throw new DownloadError(
      `the Vulkan loader cannot be downloaded: there is no ${program} here`,
      "make the pack on Debian or Ubuntu (not a newer one than on the machine with the card)",
      { cause: error },
    );
  }
  if (status === 0) return;
  const [, reason = `it ended with ${status}`] = /^E: (.*)$/m.exec(stderr) ?? [];
  throw new DownloadError(
    `${program} ${words[0]}: ${reason}`,
    "run `apt-get update` first, and look for a network",
  );
}
