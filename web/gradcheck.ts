/** A page's script that checks every operation on the browser's adapter and shows the rows as they come. */
import { checkOps, type RowResult } from "../engine/checks.ts";
import { openDevice } from "../engine/currentDevice.ts";

/** What a test that drives the page waits for. */
export interface GradcheckOutcome {
  adapter: string;
  rows: RowResult[];
  done: boolean;
  error?: string;
}

const outcome: GradcheckOutcome = { adapter: "", rows: [], done: false };
Object.assign(globalThis, { gradcheckOutcome: outcome });

try {
  const gpu = await openDevice();
  outcome.adapter = gpu.adapter.name;
  for await (const row of checkOps(gpu)) {
    outcome.rows.push(row);
    const { op, sample, tiling, ok, problem } = row;
    document.body.append(
      `${ok ? "ok" : "FAILED"} ${op} ${sample} (${tiling}) ${problem ?? ""}`,
      document.createElement("br"),
    );
  }
  await gpu.close();
} catch (error) {
  outcome.error = String(error);
} finally {
  outcome.done = true;
}
