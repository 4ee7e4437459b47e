/** Shows rows of the checks as `wgrad gradcheck` does. */
import { gradcheckHead, gradcheckLines } from "../cli/output/gradcheckTable.ts";
import type { RowResult } from "../engine/checks.ts";

/** Prints a line an operation as the rows come. @returns how many there were, and how many failed */
export async function showRows(
  rows: AsyncIterable<RowResult> | Iterable<RowResult>,
): Promise<{ count: number; failed: number }> {
  console.log(gradcheckHead);
  let count = 0;
  let failed = 0;
  let group: RowResult[] = [];
  function showGroup(): void {
    if (group.length > 0) console.log(gradcheckLines(group[0].op, group).join("\n"));
  }
  for await (const row of rows) {
    if (group.length > 0 && group[0].op !== row.op) {
      showGroup();
      group = [];
    }
    group.push(row);
    count++;
    if (!row.ok) failed++;
  }
  showGroup();
  return { count, failed };
}
