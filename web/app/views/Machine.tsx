/** The adapter: what it is, whether it computes rightly, how fast it is; and what happens when it goes away. */
import { useEffect, useState } from "preact/hooks";
import type { RowResult } from "../../../engine/checks.ts";
import type { AdapterDescription } from "../../../engine/gpu/adapter.ts";
import type { BenchmarkFigure } from "../../protocol.ts";
import { bytes, number, whole } from "../format.ts";
import { Field } from "../parts/Field.tsx";
import { machine, request, show, status } from "../state.ts";
import { listen } from "../worker.ts";

export function Machine() {
  const adapter = machine.value as AdapterDescription;
  return (
    <div class="machine">
      <h1>{adapter.name}</h1>
      <Adapter adapter={adapter} />
      <Checks adapter={adapter} />
      <Developer />
    </div>
  );
}

function Adapter({ adapter }: { readonly adapter: AdapterDescription }) {
  const { kind, vendor, architecture, features, limits, smallestSubgroup } = adapter;
  return (
    <section aria-labelledby="adapter">
      <h2 id="adapter">Adapter</h2>
      <dl class="facts">
        <Fact name="Runs on" value={kind === "cpu" ? "the processor" : "a graphics card"} />
        <Fact name="Vendor" value={vendor || "not told"} />
        <Fact name="Architecture" value={architecture || "not told"} />
        <Fact name="Features in use" value={features.join(", ") || "none of the optional ones"} />
        {smallestSubgroup > 0 && <Fact name="Lanes of a subgroup" value={`${smallestSubgroup} or more`} />}
        <Fact name="Largest buffer" value={bytes(limits.maxBufferSize)} />
        <Fact name="Largest binding" value={bytes(limits.maxStorageBufferBindingSize)} />
        <Fact name="Threads in a workgroup" value={whole(limits.maxComputeInvocationsPerWorkgroup)} />
        <Fact name="Workgroup memory" value={bytes(limits.maxComputeWorkgroupStorageSize)} />
      </dl>
      <details>
        <summary>All limits</summary>
        <dl class="facts">
          {Object.entries(limits).map(([name, value]) => (
            <Fact key={name} name={name} value={value.toLocaleString("en")} />
          ))}
        </dl>
      </details>
    </section>
  );
}

function Fact({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

type Progress = "never" | "running" | "stopped" | "done";

function Checks({ adapter }: { readonly adapter: AdapterDescription }) {
  const [progress, setProgress] = useState<Progress>("never");
  const [everything, setEverything] = useState(false);
  const [rows, setRows] = useState<readonly RowResult[]>([]);
  const [of, setOf] = useState(0);
  const [figures, setFigures] = useState<readonly BenchmarkFigure[]>([]);

  useEffect(
    () =>
      listen((happening) => {
        if (happening.event === "checked") {
          setRows((before) => [...before, happening.row]);
          setOf(happening.of);
        } else if (happening.event === "measured") {
          setFigures((before) => [...before, happening.figure]);
        }
      }),
    [],
  );
  // Nobody would see the rest.
  useEffect(() => () => void request("stopChecks"), []);

  async function run(): Promise<void> {
    setRows([]);
    setFigures([]);
    setOf(0);
    setProgress("running");
    const end = await request("checkMachine", everything);
    setProgress(end && !end.stopped ? "done" : "stopped");
  }
  const { phase } = status.value;
  const isBusy = phase === "training" || phase === "preparing";
  const failed = rows.filter(({ ok }) => !ok);
  const text = report(adapter, rows, of, figures);
  return (
    <section aria-labelledby="checks">
      <h2 id="checks">Check this machine</h2>
      <p>
        Runs operations on this adapter and compares results and gradients with float64 references and finite
        differences; then measures a matrix product and training steps.
      </p>
      <label class="check">
        <input
          type="checkbox"
          checked={everything}
          disabled={progress === "running"}
          onChange={({ currentTarget }) => setEverything(currentTarget.checked)}
        />
        Every sample of every operation (more than six hundred rows)
      </label>
      <div class="actions">
        {progress === "running" ? (
          <button type="button" onClick={() => request("stopChecks")}>
            Stop
          </button>
        ) : (
          <button type="button" class="primary" disabled={isBusy} onClick={run}>
            Check
          </button>
        )}
        {isBusy && <span class="note">while nothing trains</span>}
      </div>
      {progress !== "never" && (
        <div class="waiting">
          <p role="status">{words(progress, rows.length, of, failed.length, figures.length)}</p>
          <progress max={Math.max(1, of)} value={rows.length} aria-label="Rows checked" />
        </div>
      )}
      {failed.length > 0 && (
        <ul class="failures">
          {failed.map(({ op, sample, problem }) => (
            <li key={`${op} ${sample}`}>
              <strong>
                {op} {sample}
              </strong>
              : {problem}
            </li>
          ))}
        </ul>
      )}
      {figures.length > 0 && (
        <dl class="facts">
          {figures.map(({ what, value, unit }) => (
            <Fact key={what} name={what} value={`${number(value)} ${unit}`} />
          ))}
        </dl>
      )}
      {(progress === "done" || progress === "stopped") && (
        <>
          <Field label="Report">
            <textarea readOnly rows={12} value={text} />
          </Field>
          <div class="actions">
            <button type="button" onClick={() => copy(text)}>
              Copy the report
            </button>
          </div>
        </>
      )}
    </section>
  );
}

function words(progress: Progress, done: number, of: number, failed: number, figures: number): string {
  const counted = `${done} of ${of || "…"} rows checked, ${failed === 0 ? "all right" : `${failed} failed`}`;
  if (progress === "stopped") return `Stopped: ${counted}`;
  if (progress === "done") return `Done: ${counted}`;
  return done === of && of > 0 ? `${counted}; measuring${figures > 0 ? ` (${figures})` : ""}` : counted;
}

function report(
  adapter: AdapterDescription,
  rows: readonly RowResult[],
  of: number,
  figures: readonly BenchmarkFigure[],
): string {
  const failed = rows.filter(({ ok }) => !ok);
  const worst = (name: "forwardError" | "gradientError") =>
    rows.reduce<RowResult | undefined>(
      (worst, row) => ((row[name] ?? -1) > (worst?.[name] ?? -1) ? row : worst),
      undefined,
    );
  const describe = (name: "forwardError" | "gradientError") => {
    const row = worst(name);
    return row ? `${row[name]?.toExponential(1)} (${row.op})` : "none";
  };
  return [
    `adapter: ${adapter.name} (${adapter.kind}; ${[adapter.vendor, adapter.architecture].filter(Boolean).join(" ")})`,
    `features: ${adapter.features.join(", ") || "none"}`,
    `browser: ${navigator.userAgent}`,
    `checked: ${rows.length} of ${of} rows, ${failed.length} failed`,
    `worst relative error, forward: ${describe("forwardError")}`,
    `worst relative error, gradient: ${describe("gradientError")}`,
    ...failed.map(({ op, sample, problem }) => `FAILED ${op} ${sample}: ${problem}`),
    ...figures.map(({ what, value, unit }) => `${what}: ${number(value)} ${unit}`),
  ].join("\n");
}

async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    show({ kind: "information", text: "The report is on the clipboard." });
  } catch {
    show({
      kind: "error",
      text: "This browser did not allow copying.",
      help: "Select the text and copy it.",
    });
  }
}

function Developer() {
  return (
    <section aria-labelledby="developer">
      <h2 id="developer">Developer</h2>
      <p>
        Destroys the device, as a crashed driver does. A message tells, a new device is opened, and the
        training goes on from the last automatic save.
      </p>
      <div class="actions">
        <button type="button" onClick={() => request("destroyDevice")}>
          Destroy the device
        </button>
      </div>
    </section>
  );
}
