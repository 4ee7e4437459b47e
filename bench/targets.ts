/** What the engine is to reach on a graphics card, beside what it reaches there. */
import type { BenchRecord } from "./record.ts";
import type { Workload } from "./workloads.ts";

/** Of the card's float32 peak, by the largest matrix product. */
const shareOfPeak = 0.4;
/** Of PyTorch's speed on the same card, in training steps of this batch and more. */
const shareOfPyTorch = 0.5;
const leastBatch = 128;

export interface Measured {
  readonly workload: Workload;
  /** wgrad's first. */
  readonly records: readonly BenchRecord[];
}

/**
 * A line for every product and every training step that has a share to tell.
 * @param peakTflops the card's float32 peak, from its data sheet
 */
export function targetLines(all: readonly Measured[], peakTflops: number | undefined): string[] {
  return all.flatMap(({ workload, records: [own, ...peers] }) => {
    const { work, title, flops } = workload;
    if (own.milliseconds === null) return [];
    if (work.kind === "matmul" && peakTflops !== undefined) {
      // the device's own clock, where it has one: a product is one kernel
      const teraflops = flops! / (own.deviceMilliseconds ?? own.milliseconds) / 1e9;
      const share = teraflops / peakTflops;
      const aim = work.size >= 4096 ? aimed(share, shareOfPeak) : "";
      return [`${title}: ${teraflops.toPrecision(3)} TFLOP/s, ${percent(share)} of ${peakTflops}${aim}`];
    }
    const torch = peers.find(({ engine }) => engine === "torch")?.milliseconds;
    if (work.kind !== "training" || workload.cold || !torch) return [];
    const share = torch / own.milliseconds;
    const aim = work.batch >= leastBatch ? aimed(share, shareOfPyTorch) : "";
    return [`${title}: ${percent(share)} of PyTorch's speed${aim}`];
  });
}

function aimed(share: number, least: number): string {
  return ` (${share >= least ? "reached" : "missed"}: ${percent(least)})`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}
