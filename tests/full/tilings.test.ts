/** The rows of the checks with the tiling that this machine's adapter would not choose. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkOps } from "../../engine/checks.ts";
import { openDevice } from "../../engine/currentDevice.ts";
import { showRows } from "../checks-helpers.ts";

const gpu = await openDevice();
test.after(() => gpu.close());

test("every row passes with the other tiling", async () => {
  const other = gpu.tiling === "registers" ? "workgroup" : "registers";
  console.log(`\n${gpu.adapter.name}, ${other}`);
  const { count, failed } = await showRows(checkOps(gpu, { tilings: [other] }));
  assert.is(failed, 0, `${failed} of ${count} rows failed: they stand above`);
});

test("every row with float16 passes with both tilings", async () => {
  const { count, failed } = await showRows(
    checkOps(gpu, { tilings: ["registers", "workgroup"], float16: true }),
  );
  assert.is(failed, 0, `${failed} of ${count} rows failed: they stand above`);
});

test.run();
