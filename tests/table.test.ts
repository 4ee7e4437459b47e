/** What the types and the table ask of an operation (that none is missing in the table: checks.test.ts). */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { defineOp } from "../engine/ops/define.ts";
import { type AnyOp, ops } from "../engine/ops/table.ts";

test("TypeScript refuses what is no operation, and an operation without backward", () => {
  const described = {
    name: "half",
    forward: ([x]: readonly never[]) => x,
    reference: ([x]: readonly never[]) => x,
    samples: [],
  };
  // @ts-expect-error: neither a backward nor a reason for having none
  const op = defineOp(described);
  assert.is(op.gradient, undefined);
  // @ts-expect-error: a function is not an operation
  const table = [...ops, () => 0] satisfies readonly AnyOp[];
  assert.is(table.length, ops.length + 1);
});

test("an operation without gradient says why", () => {
  const reasons = (ops as readonly AnyOp[]).flatMap(({ gradient }) =>
    typeof gradient === "object" ? [gradient.noGradient] : [],
  );
  assert.ok(reasons.length >= 8);
  for (const reason of reasons) assert.ok(reason.length > 10, reason);
});

test.run();
