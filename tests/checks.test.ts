/** Every operation × sample on this machine's adapter; and that no operation escapes the table. */
import { readdirSync, readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkOps } from "../engine/checks.ts";
import { openDevice } from "../engine/currentDevice.ts";
import { type AnyChecks, opChecks } from "../engine/ops/table.ts";
import { showRows } from "./checks-helpers.ts";

const gpu = await openDevice();
test.after(() => gpu.close());

test("every row agrees with its float64 reference and with central differences", async () => {
  console.log(`\n${gpu.adapter.name}`);
  const { count, failed } = await showRows(checkOps(gpu));
  assert.is(failed, 0, `${failed} of ${count} rows failed: they stand above`);
  assert.ok(count > 500, `only ${count} rows`);
});

test("every operation that a file of engine/ops defines is in the table, with the checks beside it", async () => {
  const folder = new URL("../engine/ops/", import.meta.url);
  const listed = new Set<unknown>(
    (opChecks as readonly AnyChecks[]).flatMap((checks) => [checks, checks.op]),
  );
  for (const file of readdirSync(folder)) {
    const exported: Record<string, unknown> = await import(new URL(file, folder).href);
    for (const [name, value] of Object.entries(exported)) {
      const op = (value as { op?: unknown } | null)?.op;
      for (const found of [value, op]) {
        if (isOp(found) || isChecks(found))
          assert.ok(listed.has(found), `engine/ops/${file} exports ${name}, which table.ts does not list`);
      }
    }
    // What is not exported would escape.
    const [hidden] = /^const \w+(: .+)? = \w+[(<].*/m.exec(readFileSync(new URL(file, folder), "utf8")) ?? [];
    assert.is(hidden, undefined, `engine/ops/${file} makes something that it does not export: ${hidden}`);
  }
});

test("no two operations have the same name, and every one has samples", () => {
  assert.is(new Set(opChecks.map(({ op }) => op.name)).size, opChecks.length);
  for (const { op, samples } of opChecks) {
    const { length } = samples();
    assert.ok(length > 1, `${op.name} has ${length} samples`);
  }
});

function isOp(value: unknown): boolean {
  return typeof value === "object" && value !== null && "run" in value && "gradient" in value;
}

function isChecks(value: unknown): boolean {
  return typeof value === "object" && value !== null && "samples" in value;
}

test.run();
