/** Every operation × sample on this machine's adapter; and that no operation escapes the table. */
import { readdirSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkOps } from "../engine/checks.ts";
import { openDevice } from "../engine/currentDevice.ts";
import { type AnyOp, ops } from "../engine/ops/table.ts";
import { showRows } from "./checks-helpers.ts";

const gpu = await openDevice();
test.after(() => gpu.close());

test("every row agrees with its float64 reference and with central differences", async () => {
  console.log(`\n${gpu.adapter.name}`);
  const { count, failed } = await showRows(checkOps(gpu));
  assert.is(failed, 0, `${failed} of ${count} rows failed: they stand above`);
  assert.ok(count > 500, `only ${count} rows`);
});

test("every operation that a file of engine/ops exports is in the table", async () => {
  const folder = new URL("../engine/ops/", import.meta.url);
  const listed = new Set<unknown>(ops);
  for (const file of readdirSync(folder)) {
    const exported: Record<string, unknown> = await import(new URL(file, folder).href);
    for (const [name, value] of Object.entries(exported)) {
      const op = isOp(value) ? value : (value as { op?: unknown } | null)?.op;
      if (isOp(op))
        assert.ok(listed.has(op), `engine/ops/${file} exports ${name}, which table.ts does not list`);
    }
  }
});

test("no two operations have the same name, and every one has samples", () => {
  assert.is(new Set(ops.map((op) => op.name)).size, ops.length);
  for (const op of ops as readonly AnyOp[])
    assert.ok(op.samples.length > 1, `${op.name} has ${op.samples.length} samples`);
});

function isOp(value: unknown): value is AnyOp {
  return (
    typeof value === "object" &&
    value !== null &&
    "samples" in value &&
    "reference" in value &&
    "run" in value
  );
}

test.run();
