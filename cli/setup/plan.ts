/**
 * What has to be installed, decided from facts alone: which system this is, where its packages come from, and who
 * is asking. Nothing here touches the machine.
 */
import { type AptSource, sourceForSuite } from "./aptSources.ts";

/** What is missing: an adapter for Dawn (a Vulkan CPU driver provides one), or a browser with WebGPU. */
export type Need = "driver" | "browser";

/**
 * How a command gets root's rights: it has them ("root"), from a sudo that asks nothing ("sudo"), or not without
 * a person: a sudo that wants a password ("password"), or no sudo at all ("none").
 */
export type Privilege = "root" | "sudo" | "password" | "none";

export interface Facts {
  readonly platform: NodeJS.Platform;
  /** The fields of /etc/os-release; empty where there is no such file. */
  readonly osRelease: Readonly<Record<string, string>>;
  readonly aptSources: readonly AptSource[];
  readonly privilege: Privilege;
}

export interface Step {
  /** Says what happens, for a line of progress: "updating apt's package lists". */
  readonly title: string;
  readonly command: readonly string[];
  /** Root's rights are needed. A command without this may still call sudo itself. */
  readonly asRoot: boolean;
  /** Text for the command's standard input. */
  readonly input?: string;
  /** Its failure alone does not matter: what comes after it may succeed all the same. */
  readonly mayFail?: boolean;
}

/** Steps that can be run now, or that are left to a person. */
export type Plan =
  | {
      readonly runnable: true;
      /** For people: "Mesa's Vulkan driver for the CPU (about 60 MB to download)". */
      readonly what: string;
      readonly steps: readonly Step[];
    }
  | {
      readonly runnable: false;
      readonly obstacle: string;
      /** What a person can do beyond the steps, which may be none. */
      readonly advice?: string;
      readonly steps: readonly Step[];
    };

/** Plans the installation of everything in `needs`, which is not empty. */
export function planInstallation(needs: readonly Need[], facts: Facts): Plan {
  const family = facts.platform === "linux" ? familyOf(facts.osRelease) : undefined;
  if (family === "debian" || family === "ubuntu") {
    const steps = aptSteps(needs, family, facts);
    const obstacle = rightsMissing(facts.privilege);
    if (obstacle !== undefined) return { runnable: false, obstacle, steps };
    return { runnable: true, what: needs.map((need) => describe(need, family)).join(" and "), steps };
  }
  const system = facts.osRelease.PRETTY_NAME ?? facts.platform;
  const obstacle = `wgrad installs by itself on Debian and Ubuntu only, and this is ${system}`;
  if (family !== undefined) return { runnable: false, obstacle, steps: otherPackages(needs, family) };
  return {
    runnable: false,
    obstacle,
    ...(needs.includes("driver") && { advice: driverAdvice(facts.platform) }),
    steps: needs.includes("browser") ? [playwrightStep()] : [],
  };
}

/** A step as a line for a shell, with what gives it root's rights. */
export function shellLine(step: Step, privilege: Privilege): string {
  const needsSudo = step.asRoot && (privilege === "sudo" || privilege === "password");
  const command = [...(needsSudo ? ["sudo"] : []), ...step.command];
  const line = command.map(shellWord).join(" ");
  if (step.input === undefined) return line;
  const lines = step.input.replace(/\n$/, "").split("\n");
  return `printf '%s\\n' ${lines.map(shellWord).join(" ")} | ${line} > /dev/null`;
}

/** The fields of an os-release file (os-release(5)), quotes removed. */
export function parseOsRelease(text: string): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const [, name, value] of text.matchAll(/^([A-Z_0-9]+)=(.*)$/gm)) {
    fields[name!] = value!.trim().replace(/^(["'])(.*)\1$/, "$2");
  }
  return fields;
}

type OtherFamily = "fedora" | "arch" | "suse";
type Family = "debian" | "ubuntu" | OtherFamily;

/** Ubuntu and what derives from it come before Debian: their ID_LIKE names both. */
function familyOf(osRelease: Facts["osRelease"]): Family | undefined {
  const names = `${osRelease.ID ?? ""} ${osRelease.ID_LIKE ?? ""}`.split(" ");
  if (names.includes("ubuntu")) return "ubuntu";
  if (names.includes("debian")) return "debian";
  if (names.includes("fedora") || names.includes("rhel")) return "fedora";
  if (names.includes("arch")) return "arch";
  if (names.some((name) => /^(opensuse|suse)/.test(name))) return "suse";
  return undefined;
}

function describe(need: Need, family: "debian" | "ubuntu"): string {
  if (need === "driver") return "Mesa's Vulkan driver for the CPU (about 60 MB to download)";
  return family === "ubuntu"
    ? "Playwright's Chromium (about 250 MB to download)"
    : "Chromium (about 200 MB to download)";
}

/** @param flags `--with-deps` on Ubuntu, where it installs the libraries that Chromium needs, through apt */
function playwrightStep(...flags: string[]): Step {
  return {
    title: "installing Playwright's Chromium",
    command: ["npx", "playwright-core", "install", ...flags, "--no-shell", "chromium"],
    asRoot: false,
  };
}

function aptSteps(needs: readonly Need[], family: "debian" | "ubuntu", facts: Facts): Step[] {
  const release = facts.osRelease.DEBIAN_CODENAME ?? facts.osRelease.VERSION_CODENAME;
  const steps: Step[] = [];
  const packages: string[] = [];
  if (needs.includes("driver")) {
    packages.push("libvulkan1");
    if (family === "debian" && release === "bookworm") {
      // Dawn refuses the CPU driver of bookworm's own Mesa 22.3 for want of a Vulkan feature; the backport has it.
      // "/suite" takes this one package from there, and of what it depends on only what cannot be had otherwise.
      packages.push("mesa-vulkan-drivers/bookworm-backports");
      steps.push(...backportsSteps("bookworm", facts.aptSources));
    } else {
      packages.push("mesa-vulkan-drivers");
    }
  }
  if (needs.includes("browser") && family === "debian") packages.push("chromium");
  if (packages.length > 0) steps.push(updateStep, installStep(packages));
  // Ubuntu's own `chromium` is a shell around a snap, which no container runs.
  if (needs.includes("browser") && family === "ubuntu") steps.push(playwrightStep("--with-deps"));
  return steps;
}

const updateStep: Step = {
  title: "updating apt's package lists",
  command: ["apt-get", "update"],
  asRoot: true,
  // One broken source of the user's own must not be in the way.
  mayFail: true,
};

function installStep(packages: readonly string[]): Step {
  const install = ["apt-get", "install", "-y", "--no-install-recommends"];
  return {
    title: `installing ${packages.join(", ")}`,
    command: ["env", "DEBIAN_FRONTEND=noninteractive", ...install, ...packages],
    asRoot: true,
  };
}

/** A file of its own makes the backports of `release` a source, where they are not one yet. */
function backportsSteps(release: string, sources: readonly AptSource[]): Step[] {
  const suite = `${release}-backports`;
  if (sources.some(({ suites }) => suites.includes(suite))) return [];
  const file = `/etc/apt/sources.list.d/wgrad-${suite}.sources`;
  return [
    {
      title: `adding the suite ${suite} in ${file}`,
      command: ["tee", file],
      asRoot: true,
      input: sourceForSuite(debianMirror(release, sources), suite),
    },
  ];
}

/** The mirror that the machine has its Debian from, else Debian's own. */
function debianMirror(release: string, sources: readonly AptSource[]): AptSource {
  const suites = [release, "stable", "oldstable"];
  return (
    sources.find(
      (source) =>
        source.components.includes("main") &&
        source.suites.some((suite) => suites.includes(suite)) &&
        !source.uris.startsWith("cdrom:"),
    ) ?? {
      uris: "http://deb.debian.org/debian",
      suites: [release],
      components: ["main"],
      options: { "Signed-By": "/usr/share/keyrings/debian-archive-keyring.gpg" },
    }
  );
}

/** For a person to run: the package managers that wgrad does not drive. */
const otherPackageManagers: Record<OtherFamily, { command: string[] } & Record<Need, string[]>> = {
  fedora: {
    command: ["dnf", "install", "-y"],
    driver: ["vulkan-loader", "mesa-vulkan-drivers"],
    browser: ["chromium"],
  },
  arch: {
    command: ["pacman", "-S", "--needed"],
    driver: ["vulkan-icd-loader", "vulkan-swrast"],
    browser: ["chromium"],
  },
  suse: {
    command: ["zypper", "install"],
    driver: ["libvulkan1", "libvulkan_lvp"],
    browser: ["chromium"],
  },
};

function otherPackages(needs: readonly Need[], family: OtherFamily): Step[] {
  const manager = otherPackageManagers[family];
  const packages = needs.flatMap((need) => manager[need]);
  return [
    { title: `installing ${packages.join(", ")}`, command: [...manager.command, ...packages], asRoot: true },
  ];
}

function driverAdvice(platform: NodeJS.Platform): string {
  if (platform === "darwin") return "update macOS, whose Metal Dawn uses; a virtual machine may have none";
  if (platform === "win32") return "update the graphics driver: Dawn uses its Direct3D 12";
  return (
    "install the Vulkan loader (libvulkan.so.1) and a driver for it: the GPU's own, " +
    "or Mesa 23.2 or newer, whose lavapipe runs on the CPU"
  );
}

function rightsMissing(privilege: Privilege): string | undefined {
  if (privilege === "password") return "this account is not root, and sudo wants a password";
  if (privilege === "none") return "this account is not root, and there is no sudo";
  return undefined;
}

function shellWord(word: string): string {
  return /^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
