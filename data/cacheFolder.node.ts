/** What can be had again is kept in the place that the platform has for caches. */
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

/**
 * Where downloads and tunings are kept: `WGRAD_CACHE` where it is set, else the platform's place for caches: `XDG_CACHE_HOME`
 * or `~/.cache`, `~/Library/Caches` on macOS, `%LOCALAPPDATA%` on Windows.
 */
export function cacheFolder(
  environment: Readonly<Record<string, string | undefined>> = process.env,
  platform: NodeJS.Platform = process.platform,
  home: string = homedir(),
): string {
  const { WGRAD_CACHE: own, XDG_CACHE_HOME: xdg, LOCALAPPDATA: local } = environment;
  if (own) return own;
  // The XDG specification has relative paths ignored.
  if (xdg && isAbsolute(xdg)) return join(xdg, "wgrad");
  if (platform === "win32") return join(local || join(home, "AppData", "Local"), "wgrad", "Cache");
  if (platform === "darwin") return join(home, "Library", "Caches", "wgrad");
  return join(home, ".cache", "wgrad");
}
