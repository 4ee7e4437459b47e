/** The set-up step: what it decides from facts, and what it does with real files, programs and drivers. */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { parseDeb822Sources, parseOneLineSources, sourceForSuite } from "../cli/setup/aptSources.ts";
import { findBrowser, usualPlaces } from "../cli/setup/browser.ts";
import { ensureBrowser, setup } from "../cli/setup/index.ts";
import {
  type Facts,
  type Need,
  type Plan,
  type Privilege,
  parseOsRelease,
  planInstallation,
  type Step,
  shellLine,
} from "../cli/setup/plan.ts";
import { probeAdapter, reasonForRefusal } from "../cli/setup/probe.ts";
import { runStep, type StepResult } from "../cli/setup/runStep.ts";
import { ArgumentError } from "../engine/errors.ts";

const folder = mkdtempSync(join(tmpdir(), "wgrad-setup-"));
test.after(() => rmSync(folder, { recursive: true }));

const debian12 = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_CODENAME=bookworm\nID=debian\n';
const debian13 = 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nVERSION_CODENAME=trixie\nID=debian\n';
const ubuntu2404 = "PRETTY_NAME='Ubuntu 24.04 LTS'\nVERSION_CODENAME=noble\nID=ubuntu\nID_LIKE=debian\n";
const mint22 = 'ID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION_CODENAME=wilma\nUBUNTU_CODENAME=noble\n';
const lmde6 = "ID=linuxmint\nID_LIKE=debian\nVERSION_CODENAME=faye\nDEBIAN_CODENAME=bookworm\n";
const fedora = 'PRETTY_NAME="Fedora Linux 42"\nID=fedora\n';
const alpine = 'PRETTY_NAME="Alpine Linux v3.22"\nID=alpine\n';

const dockerSources = `Types: deb
# http://snapshot.debian.org/archive/debian/20250520T000000Z
URIs: http://deb.debian.org/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://deb.debian.org/debian-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`;

function facts(osRelease: string, more: Partial<Facts> = {}): Facts {
  return {
    platform: "linux",
    osRelease: parseOsRelease(osRelease),
    aptSources: [],
    privilege: "root",
    ...more,
  };
}

/** The plan as the lines that a person would type. */
function lines(needs: Need[], theFacts: Facts): string[] {
  return planInstallation(needs, theFacts).steps.map((step) => shellLine(step, theFacts.privilege));
}

const obstacle = (plan: Plan) => (plan.runnable ? "none" : plan.obstacle);
const advice = (plan: Plan) => (plan.runnable ? "none" : (plan.advice ?? "none"));

const install = "env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends";

test("Debian 12 gets Mesa from the backports of the mirror that it already uses", () => {
  const plan = planInstallation(
    ["driver"],
    facts(debian12, { aptSources: parseDeb822Sources(dockerSources) }),
  );
  assert.is(plan.runnable, true);
  const [add, update, last] = plan.steps as [Step, Step, Step];
  assert.is(plan.steps.length, 3);
  assert.equal(add.command, ["tee", "/etc/apt/sources.list.d/wgrad-bookworm-backports.sources"]);
  assert.is(
    add.input,
    "Types: deb\nURIs: http://deb.debian.org/debian\nSuites: bookworm-backports\nComponents: main\n" +
      "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n",
  );
  assert.is(shellLine(update, "root"), "apt-get update");
  assert.is(update.mayFail, true);
  assert.is(shellLine(last, "root"), `${install} libvulkan1 mesa-vulkan-drivers/bookworm-backports`);
});

test("Debian 12 that has its backports already gets no second source", () => {
  const aptSources = parseOneLineSources(
    "deb http://mirror.test/debian bookworm main\ndeb http://mirror.test/debian bookworm-backports main\n",
  );
  assert.equal(lines(["driver"], facts(debian12, { aptSources })), [
    "apt-get update",
    `${install} libvulkan1 mesa-vulkan-drivers/bookworm-backports`,
  ]);
});

test("Debian 12 without a usable source gets Debian's own mirror, with its key", () => {
  const aptSources = parseOneLineSources("deb cdrom:[Debian_12_DVD]/ bookworm main\n");
  const [add] = planInstallation(["driver"], facts(debian12, { aptSources })).steps;
  assert.match(add!.input!, "URIs: http://deb.debian.org/debian\n");
  assert.match(add!.input!, "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n");
});

test("a browser alone needs no backports, and both needs are one installation", () => {
  assert.equal(lines(["browser"], facts(debian12)), ["apt-get update", `${install} chromium`]);
  assert.equal(lines(["driver", "browser"], facts(debian12)).slice(1), [
    "apt-get update",
    `${install} libvulkan1 mesa-vulkan-drivers/bookworm-backports chromium`,
  ]);
});

test("Debian 13, Ubuntu and their derivatives use their own Mesa", () => {
  for (const system of [debian13, ubuntu2404, mint22]) {
    assert.equal(lines(["driver"], facts(system)), [
      "apt-get update",
      `${install} libvulkan1 mesa-vulkan-drivers`,
    ]);
  }
  assert.equal(lines(["browser"], facts(debian13)), ["apt-get update", `${install} chromium`]);
});

test("a derivative of Debian 12 is known by its DEBIAN_CODENAME", () => {
  assert.is(
    lines(["driver"], facts(lmde6)).at(-1),
    `${install} libvulkan1 mesa-vulkan-drivers/bookworm-backports`,
  );
});

test("Ubuntu's chromium is a snap, so Playwright's Chromium comes instead", () => {
  for (const system of [ubuntu2404, mint22]) {
    assert.equal(lines(["browser"], facts(system)), [
      "npx playwright-core install --with-deps --no-shell chromium",
    ]);
  }
});

test("rights decide whether the steps can be run, and how they are written", () => {
  const last = (privilege: Privilege) => lines(["driver"], facts(ubuntu2404, { privilege })).at(-1);
  const runnable = (privilege: Privilege) =>
    planInstallation(["driver"], facts(ubuntu2404, { privilege })).runnable;
  assert.equal(
    ["root", "sudo", "password", "none"].map((one) => runnable(one as Privilege)),
    [...[true, true], ...[false, false]],
  );
  assert.is(last("root"), `${install} libvulkan1 mesa-vulkan-drivers`);
  assert.is(last("sudo"), `sudo ${install} libvulkan1 mesa-vulkan-drivers`);
  assert.is(last("password"), `sudo ${install} libvulkan1 mesa-vulkan-drivers`);
  assert.is(last("none"), `${install} libvulkan1 mesa-vulkan-drivers`);
});

test("other systems get commands or advice, and run nothing", () => {
  const onFedora = planInstallation(["driver", "browser"], facts(fedora, { privilege: "password" }));
  assert.not(onFedora.runnable);
  assert.match(obstacle(onFedora), "Debian and Ubuntu only, and this is Fedora Linux 42");
  assert.equal(
    onFedora.steps.map((step) => shellLine(step, "password")),
    ["sudo dnf install -y vulkan-loader mesa-vulkan-drivers chromium"],
  );
  const onAlpine = planInstallation(["driver"], facts(alpine));
  assert.equal(onAlpine.steps, []);
  assert.match(advice(onAlpine), "Mesa 23.2");
  const onMac = planInstallation(["browser"], facts("", { platform: "darwin", privilege: "password" }));
  assert.equal(
    onMac.steps.map((step) => shellLine(step, "password")),
    ["npx playwright-core install --no-shell chromium"],
  );
  assert.match(obstacle(onMac), "this is darwin");
});

test("one-line sources: options, comments, and what is not a source of binaries", () => {
  const sources = parseOneLineSources(`# deb http://off.test/debian bookworm main
deb-src http://source.test/debian bookworm main
deb [ arch=amd64,arm64 signed-by=/etc/key.gpg trusted=yes ] https://mirror.test/debian bookworm main contrib # mine
`);
  assert.equal(sources, [
    {
      uris: "https://mirror.test/debian",
      suites: ["bookworm"],
      components: ["main", "contrib"],
      options: { Architectures: "amd64 arm64", "Signed-By": "/etc/key.gpg", trusted: "yes" },
    },
  ]);
});

test("deb822 sources: disabled ones are left out, a key within the file goes along", () => {
  const key = "\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBFxB\n -----END PGP PUBLIC KEY BLOCK-----";
  const sources = parseDeb822Sources(`Enabled: no
Types: deb
URIs: http://off.test/debian
Suites: bookworm
Components: main

Types: deb-src
URIs: http://source.test/debian
Suites: bookworm
Components: main

types: deb deb-src
uris: mirror+file:///etc/apt/mirrors/debian.list
suites: bookworm
  bookworm-updates
components: main
Signed-By:${key}
`);
  assert.equal(sources, [
    {
      uris: "mirror+file:///etc/apt/mirrors/debian.list",
      suites: ["bookworm", "bookworm-updates"],
      components: ["main"],
      options: { "Signed-By": key },
    },
  ]);
  assert.equal(parseDeb822Sources(sourceForSuite(sources[0]!, "bookworm-backports")), [
    { ...sources[0], suites: ["bookworm-backports"], components: ["main"] },
  ]);
});

test("the printed command writes the same file as the step", async () => {
  const input = 'Types: deb\nSigned-By:\n it\'s a "key" $HOME `id` \\n %s\n';
  const step = (name: string): Step => ({
    title: "writing",
    command: ["tee", join(folder, name)],
    asRoot: false,
    input,
  });
  assert.is(spawnSync("sh", ["-c", shellLine(step("printed"), "none")]).status, 0);
  const { result, said } = await run(step("run"));
  assert.is(result.succeeded, true);
  assert.is(said, "wgrad setup: writing ... done (0 s)\n");
  assert.is(readFileSync(join(folder, "printed"), "utf8"), input);
  assert.is(readFileSync(join(folder, "run"), "utf8"), input);
});

test("a step that fails tells how, with what it said", async () => {
  const failing = await run(shellStep("echo to output; echo to error >&2; exit 3"));
  assert.is(failing.result.succeeded, false);
  assert.is(failing.result.end, "exit code 3");
  assert.match(failing.result.output, "to output");
  assert.match(failing.result.output, "to error");
  assert.match(failing.said, "failed, exit code 3");
  const missing = await run({ title: "nothing", command: ["wgrad-no-such-program"], asRoot: false });
  assert.is(missing.result.succeeded, false);
  assert.match(missing.result.end, "ENOENT");
});

test("a step waits for another apt that holds a lock", async () => {
  const marker = join(folder, "second-time");
  const says = "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 1 (apt)";
  const script = `[ -e ${marker} ] || { touch ${marker}; echo "${says}"; exit 100; }`;
  const { result, said } = await run(shellStep(script));
  assert.is(result.succeeded, true);
  assert.match(said, "waiting for another apt");
});

/** Runs `body`, and keeps what it says on standard error from the terminal. */
async function listening<T>(body: () => Promise<T>): Promise<{ result: T; said: string }> {
  let said = "";
  const write = process.stderr.write;
  process.stderr.write = ((text: unknown) => {
    said += text;
    return true;
  }) as typeof write;
  try {
    const result = await body();
    return { result, said };
  } finally {
    process.stderr.write = write;
  }
}

function shellStep(script: string): Step {
  return { title: "a test", command: ["sh", "-c", script], asRoot: false };
}

function run(step: Step): Promise<{ result: StepResult; said: string }> {
  return listening(() => runStep(step, "none"));
}

test("Dawn's reason is found among its warnings", () => {
  const said = `Warning: maxDynamicUniformBuffersPerPipelineLayout artificially reduced from 1000000 to 16.
error: XDG_RUNTIME_DIR is invalid or not set in the environment.
Warning: Vulkan shaderUniform*ArrayDynamicIndexing required.
 - While initializing adapter (backend=BackendType::Vulkan)
`;
  assert.is(reasonForRefusal(said), "Vulkan shaderUniform*ArrayDynamicIndexing required");
  assert.is(reasonForRefusal(""), undefined);
});

test("this machine's adapter is found in less than a second, and nothing is said about it", async () => {
  const seconds = [1, 2, 3].map(() => {
    const start = performance.now();
    const probe = probeAdapter();
    assert.ok(probe.found, probe.found ? "" : probe.reason);
    return (performance.now() - start) / 1000;
  });
  assert.ok(Math.min(...seconds) < 1, `took ${seconds} s`);

  assert.is((await listening(() => setup({ browser: false }))).said, "");
});

// Metal and Direct3D 12 know no such variable.
if (process.platform === "linux") {
  test("without a driver the probe says why, and names the variable that hides the drivers", async () => {
    await withEnvironment({ VK_DRIVER_FILES: "/nonexistent.json" }, () => {
      const probe = probeAdapter();
      assert.not(probe.found);
      const reason = probe.found ? "" : probe.reason;
      assert.match(reason, /driver.*\(VK_DRIVER_FILES is set to \/nonexistent\.json\)/i);
    });
  });
}

test("WGRAD_BROWSER wins, and must be there", async () => {
  await withEnvironment({ WGRAD_BROWSER: process.execPath }, async () => {
    assert.is(await ensureBrowser(), process.execPath);
  });
  await withEnvironment({ WGRAD_BROWSER: join(folder, "nobody") }, async () => {
    const error = await ensureBrowser().catch((reason) => reason);
    assert.instance(error, ArgumentError);
    assert.match(error.message, "nobody");
  });
});

test("a browser is found on the PATH, and a stub that only asks for a snap is passed over", async () => {
  if (process.platform === "win32" || process.platform === "darwin") return;
  const program = (name: string, script: string) => {
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(folder, name), 0o755);
  };
  program("chromium-browser", "# /snap/bin/chromium\necho 'install the chromium snap' >&2; exit 1");
  program("microsoft-edge", "exit 0");
  await withEnvironment(
    { PATH: [folder, "/nonexistent"].join(delimiter), WGRAD_BROWSER: undefined },
    async () => {
      assert.is(await findBrowser(), join(folder, "microsoft-edge"));
    },
  );
});

test("Windows and macOS keep browsers in folders of their own", () => {
  const onWindows = usualPlaces("win32", { ProgramFiles: "C:\\Program Files", LocalAppData: "C:\\Local" });
  assert.ok(onWindows.includes("C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe"));
  assert.ok(onWindows.includes("C:\\Local\\Microsoft\\Edge\\Application\\msedge.exe"));
  assert.is(usualPlaces("darwin", {})[0], "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome");
});

/** Runs `body` with these environment variables, and puts the old ones back when it has ended. */
async function withEnvironment(
  variables: Record<string, string | undefined>,
  body: () => void | Promise<void>,
): Promise<void> {
  const before = { ...process.env };
  for (const [name, value] of Object.entries(variables)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
  try {
    await body();
  } finally {
    for (const name of Object.keys(variables)) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  }
}

test.run();
