/**
 * The output folder, against a real file system that really refuses: files where folders should be, folders
 * without permission, a device without space, and a limit on how large a file may grow.
 */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openOutputFile, openOutputFolder, writeWhole } from "../cli/output/folder.ts";
import { OutputError } from "../engine/errors.ts";

const names = ["loss.svg", "metrics.jsonl", "model.safetensors"] as const;
let base: string;
test.before.each(() => {
  base = mkdtempSync(join(tmpdir(), "wgrad-output-"));
  chmodSync(base, 0o755);
});
test.after.each(() => rmSync(base, { recursive: true, force: true }));

/** `action` fails with an OutputError that names `path` and says `reason`, and with a remedy. */
function refused(path: string, reason: RegExp, action: () => unknown) {
  assert.throws(action, (error: Error) => {
    assert.instance(error, OutputError);
    const { problem, help } = error as OutputError;
    assert.ok(problem.includes(path), problem);
    assert.match(problem, reason);
    assert.ok(help && help.length > 10, help);
    return true;
  });
}

test("makes the folder with those above it, and leaves nothing in it", () => {
  const path = join(base, "out", "first");
  const folder = openOutputFolder(path, names);
  assert.is(folder.path, path);
  assert.equal(readdirSync(path), []);
  assert.is(openOutputFolder(path, names).path, path, "a second run takes the same folder");
});

test("replaces files whole and appends lines", () => {
  const path = join(base, "out");
  const folder = openOutputFolder(path, names);
  assert.is(folder.write("loss.svg", "<svg/>"), join(path, "loss.svg"));
  folder.write("loss.svg", "<svg>2</svg>");
  folder.write("model.safetensors", Uint8Array.of(1, 2, 255));
  const metrics = folder.startLines("metrics.jsonl");
  metrics.append({ step: 1, loss: 0.1 });
  assert.is(readFileSync(join(path, "metrics.jsonl"), "utf8"), '{"step":1,"loss":0.1}\n', "there at once");
  metrics.append({ step: 2, note: "÷" });
  metrics.close();
  metrics.close();
  assert.is(
    readFileSync(join(path, "metrics.jsonl"), "utf8"),
    '{"step":1,"loss":0.1}\n{"step":2,"note":"÷"}\n',
  );
  assert.is(readFileSync(join(path, "loss.svg"), "utf8"), "<svg>2</svg>");
  assert.equal([...readFileSync(join(path, "model.safetensors"))], [1, 2, 255]);
  assert.equal(readdirSync(path).sort(), ["loss.svg", "metrics.jsonl", "model.safetensors"]);
});

test("a new run starts its lines anew, and keeps the old model until it has its own", () => {
  const first = openOutputFolder(base, names);
  first.write("model.safetensors", "old");
  first.startLines("metrics.jsonl").append({ run: 1 });
  chmodSync(join(base, "metrics.jsonl"), 0o444);
  writeFileSync(join(base, ".model.safetensors.partial"), "left behind by a run that was killed");
  const second = openOutputFolder(base, names);
  assert.is(readFileSync(join(base, "model.safetensors"), "utf8"), "old");
  assert.is(readFileSync(join(base, "metrics.jsonl"), "utf8"), '{"run":1}\n');
  second.startLines("metrics.jsonl").append({ run: 2 });
  second.write("model.safetensors", "new");
  assert.is(readFileSync(join(base, "metrics.jsonl"), "utf8"), '{"run":2}\n');
  assert.is(readFileSync(join(base, "model.safetensors"), "utf8"), "new");
  assert.equal(readdirSync(base).sort(), ["metrics.jsonl", "model.safetensors"]);
});

test("lines of an earlier run that are to stay come first; the rest of them is gone", () => {
  const folder = openOutputFolder(base, names);
  assert.is(folder.pathOf("metrics.jsonl"), join(base, "metrics.jsonl"));
  assert.not.ok(existsSync(folder.pathOf("metrics.jsonl")), "a path alone makes no file");
  writeFileSync(folder.pathOf("metrics.jsonl"), '{"step":1}\n{"step":2}\n{"step":3}\n{"st');
  const metrics = folder.startLines("metrics.jsonl", ['{"step":1}', '{"note":"÷"}']);
  const read = () => readFileSync(join(base, "metrics.jsonl"), "utf8");
  assert.is(read(), '{"step":1}\n{"note":"÷"}\n');
  metrics.append({ step: 2 });
  metrics.flush();
  metrics.append({ step: 3 });
  metrics.close();
  assert.is(read(), '{"step":1}\n{"note":"÷"}\n{"step":2}\n{"step":3}\n');
  refused(join(base, "metrics.jsonl"), /./, () => metrics.flush());
  assert.equal(readdirSync(base), ["metrics.jsonl"]);
});

test("one file alone: whole, its folder made, and what is in the way said", () => {
  const path = join(base, "pictures", "of", "samples.png");
  writeWhole(path, "old");
  writeWhole(path, Uint8Array.of(1, 2, 3));
  assert.equal([...readFileSync(path)], [1, 2, 3]);
  assert.equal(readdirSync(join(base, "pictures", "of")), ["samples.png"]);
  symlinkSync("/dev/full", join(base, "pictures", "of", ".samples.png.partial"));
  refused(path, /no space left on the disk/, () => writeWhole(path, "new"));
  assert.equal([...readFileSync(path)], [1, 2, 3]);
  refused(join(path, "below"), /samples\.png is a file, not a folder/, () =>
    writeWhole(join(path, "below", "x.png"), "new"),
  );
  refused(join(base, "pictures"), /cannot write .*pictures: /, () =>
    writeWhole(join(base, "pictures"), "new"),
  );
  assert.equal(readdirSync(base), ["pictures"]);
});

test("one file alone is known to be writable before there is anything to write", () => {
  const path = join(base, "traces", "step.json");
  const file = openOutputFile(path);
  assert.is(file.path, path);
  assert.equal(readdirSync(join(base, "traces")), [], "its folder is there, and nothing in it");
  file.write("{}");
  assert.is(readFileSync(path, "utf8"), "{}");
  const folder = join(base, "traces");
  refused(folder, /a folder has that name/, () => openOutputFile(folder));
  for (const name of [`${folder}/`, `${join(base, "new")}/`])
    refused(name, /that is a folder, not a file/, () => openOutputFile(name));
  assert.equal(readdirSync(base), ["traces"]);
});

test("a file in the way of a write is told in words", () => {
  symlinkSync(join(base, "notes.txt", "below"), join(base, ".x.png.partial"));
  writeFileSync(join(base, "notes.txt"), "mine");
  refused(join(base, "x.png"), /a file is where a folder should be/, () =>
    writeWhole(join(base, "x.png"), "new"),
  );
});

test("a file where the folder should be, or above it", () => {
  const file = join(base, "notes.txt");
  writeFileSync(file, "mine");
  refused(file, /is a file, not a folder/, () => openOutputFolder(file, names));
  refused(join(file, "out", "first"), /notes\.txt is a file, not a folder/, () =>
    openOutputFolder(join(file, "out", "first"), names),
  );
  assert.is(readFileSync(file, "utf8"), "mine");
});

test("a folder where a file should be", () => {
  mkdirSync(join(base, "model.safetensors"));
  refused(join(base, "model.safetensors"), /a folder has that name/, () => openOutputFolder(base, names));
});

test("a link that leads nowhere, and a name that is too long", () => {
  symlinkSync(join(base, "gone"), join(base, "link"));
  refused(join(base, "link"), /something of that name is there/, () =>
    openOutputFolder(join(base, "link"), names),
  );
  const long = join(base, "x".repeat(300));
  refused(long, /the name is too long/, () => openOutputFolder(long, names));
});

test("no permission", () => {
  const closed = join(base, "closed");
  mkdirSync(closed);
  chmodSync(closed, 0o555);
  // Root may write anywhere; as long as this test runs it is nobody.
  const isRoot = process.getuid?.() === 0;
  if (isRoot) process.seteuid?.(65534);
  try {
    refused(closed, /permission denied/, () => openOutputFolder(closed, names));
    refused(join(closed, "out"), /permission denied/, () => openOutputFolder(join(closed, "out"), names));
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
  assert.equal(readdirSync(closed), []);
});

test("a file system that takes no files", () => {
  refused("/proc/1", /cannot write in the output folder/, () => openOutputFolder("/proc/1", names));
  refused("/proc/wgrad/out", /cannot create the output folder/, () =>
    openOutputFolder("/proc/wgrad/out", names),
  );
});

test("no space left: the old file stays, the half-written one goes", () => {
  const folder = openOutputFolder(base, names);
  folder.write("loss.svg", "old");
  symlinkSync("/dev/full", join(base, ".loss.svg.partial"));
  refused(join(base, "loss.svg"), /no space left on the disk/, () => folder.write("loss.svg", "new"));
  assert.is(readFileSync(join(base, "loss.svg"), "utf8"), "old");
  assert.equal(readdirSync(base), ["loss.svg"]);
  symlinkSync("/dev/full", join(base, ".writable"));
  refused(base, /no space left on the disk/, () => openOutputFolder(base, names));
  assert.equal(readdirSync(base), ["loss.svg"], "found before the training, and cleaned up");
});

test("less space than the results take is known beforehand", () => {
  const folder = openOutputFolder(base, names);
  folder.requireSpace(1000);
  refused(base, /the results take 8,192 PiB, .+ are free/, () => folder.requireSpace(2 ** 63));
});

test("a write that stops half-way: files are old or new, lines whole or absent", () => {
  const script = `
    import { openOutputFolder } from ${JSON.stringify(new URL("../cli/output/folder.ts", import.meta.url).href)};
    const folder = openOutputFolder(process.argv[1], ["model.safetensors", "metrics.jsonl"]);
    folder.write("model.safetensors", "old");
    const problems = [];
    const attempt = (action) => { try { action(); } catch (error) { problems.push([error.name, error.message]); } };
    attempt(() => folder.write("model.safetensors", new Uint8Array(1_000_000)));
    const metrics = folder.startLines("metrics.jsonl");
    metrics.append({ first: true });
    attempt(() => metrics.append({ long: "x".repeat(1_000_000) }));
    metrics.append({ last: true });
    metrics.close();
    console.log(JSON.stringify(problems));
  `;
  // The shell's limit is in blocks of 512 or 1024 bytes: files may grow to 50 or 100 KB here.
  const limited = 'ulimit -f 100 && exec "$0" "$@"';
  const { stdout, stderr } = spawnSync(
    "sh",
    ["-c", limited, process.execPath, "--import", "tsx", "--input-type=module", "-e", script, base],
    { encoding: "utf8", cwd: fileURLToPath(new URL("..", import.meta.url)) },
  );
  const problems: [string, string][] = JSON.parse(stdout || JSON.stringify([["", stderr]]));
  assert.equal(
    problems.map(([name]) => name),
    ["OutputError", "OutputError"],
    stderr,
  );
  for (const [, message] of problems)
    assert.match(message, /the file is larger than allowed here\n {2}help: /);
  assert.is(readFileSync(join(base, "model.safetensors"), "utf8"), "old");
  assert.is(readFileSync(join(base, "metrics.jsonl"), "utf8"), '{"first":true}\n{"last":true}\n');
  assert.not.ok(existsSync(join(base, ".model.safetensors.partial")));
});

test.run();
