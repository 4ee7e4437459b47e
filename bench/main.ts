/** `npm run bench`: times wgrad and its peers on the same work and the same adapter, one after the other. */
import { Command, InvalidArgumentError } from "commander";
import { openOutputFile } from "../cli/output/folder.ts";
import { formatDevice } from "../cli/output/format.ts";
import { positiveNumber } from "../cli/positiveNumber.ts";
import { ArgumentError } from "../engine/errors.ts";
import { onCard, quick, thorough } from "./measure.ts";
import {
  type Answer,
  type AskOptions,
  ask,
  askForAdapter,
  type EngineName,
  findPython,
  type PeerName,
  peerNames,
} from "./process.ts";
import { runProgram } from "./program.ts";
import { type BenchRecord, record } from "./record.ts";
import { adapterLines, countsHead, countsLine, failureLine, timesHead, timesLine } from "./table.ts";
import { type Measured, targetLines } from "./targets.ts";
import { type Workload, workloads } from "./workloads.ts";

interface Options {
  readonly json?: string;
  readonly peakTflops?: number;
  readonly peers?: readonly PeerName[];
  readonly quick?: boolean;
  readonly seconds?: number;
}

/** An engine that takes longer for a workload is killed. */
const patience = 15 * 60;
/** The same where all have so much time together: this part of it. */
const shareOfAll = 0.2;
const noTimeLeft: Answer = { adapter: null, failure: "no time was left" };

const program = new Command("npm run bench --")
  .description(
    "Times wgrad and its peers on this machine's adapter: each in a process of its own, after a check that all " +
      "compute the same. PyTorch is the one that does not run on WebGPU; where the adapter is a graphics card, it " +
      "computes there in full float32.",
  )
  .argument(
    "[names...]",
    "only workloads of these names, or with one of these in theirs, in this order (default: all)",
  )
  .option("--json <file>", "write all that was measured as JSON, too")
  .option(
    "--peak-tflops <number>",
    "the card's float32 peak by its data sheet, to tell shares of it",
    positiveNumber,
  )
  .option("--peers <names>", `none, or some of ${peerNames.join(",")} (default: all that are here)`, peerList)
  .option("--quick", "fewer runs: to see that everything works, not how fast")
  .option(
    "--seconds <number>",
    "begin nothing after so long, and end what takes more than a fifth of it; wgrad and torch come first",
    positiveNumber,
  )
  .addHelpText(
    "after",
    `\nWorkloads (* by default only on a graphics card):\n${workloads.map(helpLine).join("\n")}`,
  )
  .action(bench);

await runProgram(program);

async function bench(
  names: readonly string[],
  { json, peakTflops, peers, quick: isQuick = false, seconds }: Options,
): Promise<void> {
  const named = new Set(names.flatMap(workloadsNamed));
  if (names.length > 0 && named.size === 0)
    throw new ArgumentError(`no workload has ${names.join(" or ")} in its name`, "--help lists them all");
  const wanted = peers ?? peerNames;
  const python = wanted.includes("torch") ? findPython() : undefined;
  if (peers?.includes("torch") && !python)
    throw new ArgumentError("there is no Python with PyTorch and NumPy here", "leave torch out of --peers");
  const engines: EngineName[] = ["wgrad", ...wanted.filter((peer) => peer !== "torch" || python)];
  const file = json === undefined ? undefined : openOutputFile(json);
  const adapter = askForAdapter();
  const isCard = adapter.kind === "gpu";
  console.log(`${formatDevice(adapter)}\n`);
  if (!peers && !python) console.log("PyTorch is left out: there is no Python with PyTorch and NumPy here\n");
  const chosen = names.length > 0 ? named : workloads.filter(({ forCards }) => isCard || !forCards);

  const options: AskOptions = {
    timing: isQuick ? quick : isCard ? onCard : thorough,
    onCard: isCard,
    python,
    secondsAtMost: seconds === undefined ? patience : shareOfAll * seconds,
  };
  const end = seconds === undefined ? Number.POSITIVE_INFINITY : performance.now() + 1000 * seconds;
  const all = Array.from(chosen, (workload): Progress => ({ workload, records: [] }));
  for (const round of roundsOf(engines, seconds !== undefined)) {
    console.log(timesHead(round));
    for (const progress of all) {
      for (const engine of round) await measure(progress, engine, options, end);
      const { workload, records } = progress;
      const [own, ...others] = records;
      console.log(timesLine(workload, [own, ...others.filter(({ engine }) => round.includes(engine))]));
      file?.write(`${JSON.stringify(recordsOf(all), null, 2)}\n`);
    }
    console.log();
  }
  console.log(countsHead);
  for (const { workload, records } of all) console.log(countsLine(workload, records[0]));
  console.log(`\n${adapterLines(recordsOf(all)).join("\n")}`);
  for (const { workload, records } of all) {
    for (const failed of records.filter(({ failure }) => failure !== undefined))
      console.log(failureLine(workload, failed));
  }
  if (isCard || peakTflops !== undefined) console.log(`\n${targetLines(all, peakTflops).join("\n")}`);
  if (all.some(({ records: [own] }) => own.failure)) process.exitCode = 1;
}

/** What is known of a workload so far. */
interface Progress extends Measured {
  readonly records: BenchRecord[];
  /** wgrad's first answer. */
  reference?: Answer;
}

/** @param end nothing is begun after it, by `performance.now()` */
async function measure(
  progress: Progress,
  engine: EngineName,
  options: AskOptions,
  end: number,
): Promise<void> {
  const { workload, records } = progress;
  const answers: Answer[] = [];
  const processes = workload.cold ? options.timing.processes : 1;
  while (answers.length < processes) {
    const secondsAtMost = Math.min(options.secondsAtMost, (end - performance.now()) / 1000);
    const answer =
      secondsAtMost > 0 ? await ask(engine, workload, { ...options, secondsAtMost }) : noTimeLeft;
    answers.push(answer);
  }
  progress.reference ??= answers[0];
  records.push(record(engine, workload, answers, progress.reference));
}

/** Slow peers use up what time there is: where it is limited, all that targets are about comes before them. */
function roundsOf(engines: readonly EngineName[], isLimited: boolean): (readonly EngineName[])[] {
  if (!isLimited) return [engines];
  const isFirst = (engine: EngineName) => engine === "wgrad" || engine === "torch";
  const [first, last] = [engines.filter(isFirst), engines.filter((engine) => !isFirst(engine))];
  return last.length > 0 ? [first, last] : [first];
}

function recordsOf(all: readonly Measured[]): BenchRecord[] {
  return all.flatMap(({ records }) => records);
}

function workloadsNamed(word: string): readonly Workload[] {
  const exact = workloads.filter(({ name }) => name === word);
  return exact.length > 0 ? exact : workloads.filter(({ name }) => name.includes(word));
}

function helpLine({ name, title, forCards }: Workload): string {
  return `  ${name.padEnd(22)} ${title}${forCards ? " *" : ""}`;
}

function peerList(text: string): PeerName[] {
  if (text === "none") return [];
  const names = text.split(",");
  const unknown = names.find((name) => !peerNames.some((peer) => peer === name));
  if (unknown === undefined) return [...new Set(names as PeerName[])];
  throw new InvalidArgumentError(`It must be none, or some of ${peerNames.join(",")}.`);
}
