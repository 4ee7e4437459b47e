/** `npm run bench`: times wgrad and its peers on the same work and the same adapter, one after the other. */
import { writeFileSync } from "node:fs";
import { Command, InvalidArgumentError } from "commander";
import { ArgumentError } from "../engine/errors.ts";
import { quick, type Timing, thorough } from "./measure.ts";
import { type Answer, ask, type EngineName, findPython, type PeerName, peerNames } from "./process.ts";
import { runProgram } from "./program.ts";
import { type BenchRecord, record } from "./record.ts";
import { adapterLines, countsHead, countsLine, failureLine, timesHead, timesLine } from "./table.ts";
import { type Workload, workloads } from "./workloads.ts";

interface Options {
  readonly json?: string;
  readonly peers?: readonly PeerName[];
  readonly quick?: boolean;
}

const program = new Command("npm run bench --")
  .description(
    "Times wgrad and its peers on this machine's adapter: each in a process of its own, after a check that all " +
      "compute the same. PyTorch is the one that does not run on WebGPU.",
  )
  .argument("[names...]", "only workloads with one of these in their name (default: all)")
  .option("--json <file>", "write all that was measured as JSON, too")
  .option("--peers <names>", `none, or some of ${peerNames.join(",")} (default: all that are here)`, peerList)
  .option("--quick", "fewer runs: to see that everything works, not how fast")
  .addHelpText(
    "after",
    `\nWorkloads:\n${workloads.map(({ name, title }) => `  ${name.padEnd(22)} ${title}`).join("\n")}`,
  )
  .action(bench);

await runProgram(program);

async function bench(
  names: readonly string[],
  { json, peers, quick: isQuick = false }: Options,
): Promise<void> {
  const chosen = workloads.filter(
    ({ name }) => names.length === 0 || names.some((word) => name.includes(word)),
  );
  if (chosen.length === 0)
    throw new ArgumentError(`no workload has ${names.join(" or ")} in its name`, "--help lists them all");
  const wanted = peers ?? peerNames;
  const python = wanted.includes("torch") ? findPython() : undefined;
  if (peers?.includes("torch") && !python)
    throw new ArgumentError("there is no Python with PyTorch and NumPy here", "leave torch out of --peers");
  const engines: EngineName[] = ["wgrad", ...wanted.filter((peer) => peer !== "torch" || python)];

  const timing = isQuick ? quick : thorough;
  const all: BenchRecord[][] = [];
  console.log(timesHead(engines));
  for (const workload of chosen) {
    const records = await measured(workload, engines, { timing, python });
    console.log(timesLine(workload, records));
    all.push(records);
    if (json !== undefined) writeFileSync(json, `${JSON.stringify(all.flat(), null, 2)}\n`);
  }
  console.log(`\n${countsHead}`);
  for (const [index, workload] of chosen.entries()) console.log(countsLine(workload, all[index][0]));
  console.log(`\n${adapterLines(all.flat()).join("\n")}`);
  for (const [index, workload] of chosen.entries()) {
    for (const failed of all[index].filter(({ failure }) => failure !== undefined))
      console.log(failureLine(workload, failed));
  }
  if (all.some(([own]) => own.failure)) process.exitCode = 1;
}

async function measured(
  workload: Workload,
  engines: readonly EngineName[],
  options: { readonly timing: Timing; readonly python: string | undefined },
): Promise<BenchRecord[]> {
  const records: BenchRecord[] = [];
  let reference: Answer | undefined;
  for (const engine of engines) {
    const answers: Answer[] = [];
    const processes = workload.cold ? options.timing.processes : 1;
    while (answers.length < processes) answers.push(await ask(engine, workload, options));
    reference ??= answers[0];
    records.push(record(engine, workload, answers, reference));
  }
  return records;
}

function peerList(text: string): PeerName[] {
  if (text === "none") return [];
  const names = text.split(",");
  const unknown = names.find((name) => !peerNames.some((peer) => peer === name));
  if (unknown === undefined) return names as PeerName[];
  throw new InvalidArgumentError(`It must be none, or some of ${peerNames.join(",")}.`);
}
