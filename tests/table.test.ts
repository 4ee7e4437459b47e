/** What the types and the table ask of an operation (that none is missing in the table: checks.test.ts). */
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { wgslPlugin } from "../engine/gpu/wgslBundle.mjs";
import { defineOp } from "../engine/ops/define.ts";
import { type AnyChecks, opChecks } from "../engine/ops/table.ts";

test("TypeScript refuses an operation without backward, and checks that lack something", () => {
  const described = { name: "half", forward: ([x]: readonly never[]) => x };
  // @ts-expect-error: neither a backward nor a reason for having none
  const op = defineOp(described);
  assert.is(op.noGradient, undefined);
  // @ts-expect-error: no samples
  const withoutSamples: AnyChecks = { op, reference: ([x]) => x };
  // @ts-expect-error: no reference
  const withoutReference: AnyChecks = { op, samples: () => [] };
  // @ts-expect-error: an operation alone has no checks
  const table = [...opChecks, withoutSamples, withoutReference, op] satisfies readonly AnyChecks[];
  assert.is(table.length, opChecks.length + 3);
});

test("an operation without gradient says why", () => {
  const reasons = (opChecks as readonly AnyChecks[]).flatMap(({ op }) => op.noGradient ?? []);
  assert.ok(reasons.length >= 8);
  for (const reason of reasons) assert.ok(reason.length > 10, reason);
});

test("a bundle without the checks drops them", async () => {
  assert.equal(await checksIn("engine/index.ts"), [], "they must be literals that call nothing");
  assert.is((await checksIn("engine/checks.ts")).length, opChecks.length);
});

/** The names of the checks that stand in the bundle for browsers of an entry. */
async function checksIn(entry: string): Promise<string[]> {
  const { outputFiles } = await build({
    absWorkingDir: fileURLToPath(new URL("..", import.meta.url)),
    entryPoints: [entry],
    bundle: true,
    write: false,
    platform: "browser",
    format: "esm",
    plugins: [wgslPlugin],
  });
  return [...outputFiles[0].text.matchAll(/^var (\w+Checks) = \{/gm)].map(([, name]) => name);
}

test.run();
