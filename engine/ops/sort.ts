/**
 * Sorting on the device, for what must be added up in a fixed order: pairs [key, position] by a bitonic network, whose
 * comparisons do not depend on the numbers. n pairs, filled up to a power of two, take log² n / 2 comparisons each: one
 * dispatch up to 1024 pairs, 15 for 16,384 and 66 for a million.
 */
import orderSource from "../../shaders/sort_order.wgsl";
import runsSource from "../../shaders/sort_runs.wgsl";
import stepSource from "../../shaders/sort_step.wgsl";
import { kernel } from "../gpu/kernel.ts";
import type { Tensor } from "../tensor.ts";
import { dispatch } from "./define.ts";

/** What a workgroup sorts by itself. */
const shortestRun = 1024;

/** To how many pairs `count` of them have to be filled up to be sorted. */
export function paddedCount(count: number): number {
  return Math.max(shortestRun, 2 ** Math.ceil(Math.log2(count)));
}

/** Sorts `pairs`, uint32 [paddedCount(…), 2], in place: by the first number, then by the second. */
export function sortPairs(pairs: Tensor): void {
  const [count] = pairs.shape;
  function sortRuns(firstRun: number, lastRun: number): void {
    dispatch({
      kernel: kernel("sortRuns", [orderSource, runsSource]),
      buffers: [pairs],
      uniforms: { firstRun, lastRun },
      workgroups: count / shortestRun,
      flops: 0,
    });
  }
  sortRuns(2, shortestRun);
  for (let run = 2 * shortestRun; run <= count; run *= 2) {
    for (let apart = run / 2; apart >= shortestRun; apart /= 2) {
      dispatch({
        kernel: kernel("sortStep", [orderSource, stepSource]),
        buffers: [pairs],
        uniforms: { run, apart, comparisons: count / 2 },
        workgroups: count / 128,
        flops: 0,
      });
    }
    sortRuns(run, run);
  }
}
