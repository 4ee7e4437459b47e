/** `wgrad gradcheck`: every operation and its gradient, checked on this machine's adapter. */
import { checkOps, type RowResult } from "../../engine/checks.ts";
import { openDevice } from "../../engine/currentDevice.ts";
import { ArgumentError } from "../../engine/errors.ts";
import { type AnyChecks, opChecks } from "../../engine/ops/table.ts";
import { describeDevice } from "../openTunedDevice.ts";
import { formatCount, formatDevice, formatDuration } from "../output/format.ts";
import { gradcheckHead, gradcheckLines } from "../output/gradcheckTable.ts";
import { listenForInterrupt } from "../output/interrupt.ts";
import { say, sayEvent } from "../output/say.ts";

interface GradcheckCommand {
  /** Only operations with one of these in their name; all where there is none. */
  readonly operations: readonly string[];
  readonly float16?: boolean;
  readonly json?: boolean;
}

/**
 * Sets the exit code: 1 when a check failed, or the interrupt's.
 * @throws ArgumentError, AdapterError
 */
export async function runGradcheck({
  operations: parts,
  float16 = false,
  json = false,
}: GradcheckCommand): Promise<void> {
  const operations = chooseOperations(parts);
  const interrupt = listenForInterrupt();
  const started = performance.now();
  let checks = 0;
  let failures = 0;
  const gpu = await openDevice();
  try {
    const device = describeDevice(gpu);
    if (json) sayEvent("adapter", device);
    else say(`${formatDevice(device)}\n\n${gradcheckHead}`);
    for (const checked of operations) {
      const rows: RowResult[] = [];
      for await (const row of checkOps(gpu, { operations: [checked], float16 })) {
        rows.push(row);
        if (json) sayEvent("check", row);
        if (interrupt.signal.aborted) break;
      }
      checks += rows.length;
      failures += rows.filter(({ ok }) => !ok).length;
      if (!json) for (const line of gradcheckLines(checked.op.name, rows)) say(line);
      if (interrupt.signal.aborted) break;
    }
  } finally {
    interrupt.stopListening();
    await gpu.close();
  }
  const seconds = (performance.now() - started) / 1000;
  const { aborted } = interrupt.signal;
  if (json) sayEvent("end", { checks, failures, seconds, complete: !aborted });
  else {
    const result = failures === 0 ? "all passed" : `${formatCount(failures)} FAILED`;
    const end = aborted ? ", interrupted after" : " in";
    say(`\n${formatCount(checks)} checks: ${result}${end} ${formatDuration(seconds)}`);
  }
  if (aborted) process.exitCode = interrupt.exitCode;
  else if (failures > 0) process.exitCode = 1;
}

/** Those with one of `parts` in their name, any case, in the table's order. @throws ArgumentError for a part of none */
function chooseOperations(parts: readonly string[]): readonly AnyChecks[] {
  const has = ({ op }: AnyChecks, part: string) => op.name.toLowerCase().includes(part.toLowerCase());
  const unknown = parts.find((part) => !opChecks.some((checks) => has(checks, part)));
  if (unknown !== undefined) {
    throw new ArgumentError(
      `no operation has "${unknown}" in its name`,
      `choose among: ${opChecks.map(({ op }) => op.name).join(", ")}`,
    );
  }
  return parts.length === 0 ? opChecks : opChecks.filter((checks) => parts.some((part) => has(checks, part)));
}
