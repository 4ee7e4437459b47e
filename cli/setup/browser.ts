/** Looks for a browser of the Chromium family, the one kind that has WebGPU without a screen on every system. */
import { spawnSync } from "node:child_process";
import { accessSync, closeSync, constants, openSync, readSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { ArgumentError } from "../../engine/errors.ts";

/**
 * The executable of a Chrome, Chromium or Edge: the one that `WGRAD_BROWSER` names, else an installed one, else
 * Playwright's build.
 * @returns its path, or undefined where there is none
 * @throws ArgumentError when `WGRAD_BROWSER` names something that is not there
 */
export async function findBrowser(): Promise<string | undefined> {
  const named = process.env.WGRAD_BROWSER;
  if (named) {
    if (isExecutable(named)) return named;
    throw new ArgumentError(
      `WGRAD_BROWSER names ${named}, and there is no executable of that name`,
      "set it to the path of a Chrome, Chromium or Edge, or unset it to use the installed one",
    );
  }
  return usualPlaces(process.platform, process.env).find(isUsable) ?? (await playwrightBrowser());
}

/** Where a system keeps its browsers, in order of preference. */
export function usualPlaces(
  platform: NodeJS.Platform,
  environment: Readonly<Record<string, string | undefined>>,
): string[] {
  if (platform === "win32") {
    const roots = ["ProgramFiles", "ProgramFiles(x86)", "LocalAppData"].flatMap(
      (name) => environment[name] ?? [],
    );
    return [
      "Google\\Chrome\\Application\\chrome.exe",
      "Chromium\\Application\\chrome.exe",
      "Microsoft\\Edge\\Application\\msedge.exe",
    ].flatMap((program) => roots.map((root) => `${root}\\${program}`));
  }
  if (platform === "darwin") {
    return ["Google Chrome", "Chromium", "Microsoft Edge"].flatMap((name) =>
      ["/Applications", `${homedir()}/Applications`].map(
        (folder) => `${folder}/${name}.app/Contents/MacOS/${name}`,
      ),
    );
  }
  const folders = (environment.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  return [
    ...["google-chrome-stable", "google-chrome", "chromium", "chromium-browser"],
    ...["microsoft-edge-stable", "microsoft-edge"],
  ].flatMap((name) => folders.map((folder) => join(folder, name)));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Ubuntu puts a script where a browser should be that does nothing but ask for a snap: that must show its version. */
function isUsable(path: string): boolean {
  if (!isExecutable(path)) return false;
  return !needsSnap(path) || spawnSync(path, ["--version"], { timeout: 10_000 }).status === 0;
}

function needsSnap(path: string): boolean {
  if (/\/snap(\/|$)/.test(realpathSync(path))) return true;
  const head = Buffer.alloc(4096);
  const file = openSync(path, "r");
  const length = readSync(file, head);
  closeSync(file);
  const text = head.toString("latin1", 0, length);
  return text.startsWith("#!") && text.includes("/snap/");
}

/** The build that `npx playwright-core install chromium` fetches; the package itself is there for development only. */
async function playwrightBrowser(): Promise<string | undefined> {
  const playwright = await import("playwright-core").catch(() => undefined);
  const path = playwright?.chromium.executablePath();
  return path !== undefined && isExecutable(path) ? path : undefined;
}
