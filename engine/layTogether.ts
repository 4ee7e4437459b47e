/** Tensors that lie behind each other in memory, so that one command can work on all of them. */
import { nextPart, partOf } from "./gpu/buffers.ts";
import type { Gpu } from "./gpu/gpu.ts";
import { copyMemory, filled, fillMemory } from "./ops/elementwise.ts";
import { type Shape, sizeOf } from "./shape.ts";
import { type Block, Storage } from "./storage.ts";
import { Tensor } from "./tensor.ts";

/**
 * Moves float32 tensors of one device behind each other, in their order, into as few pieces of memory as the device
 * binds at once. Those that lie with others already, or find no others, stay where they are.
 */
export function layTogether(tensors: readonly Tensor[]): void {
  const [{ gpu }] = tensors;
  const loose = tensors.filter(({ storage }) => !storage.isInBlock);
  for (const run of runsOf(loose, gpu.largestBinding)) {
    if (run.length === 1) continue;
    const { block, memories } = allocateBlock(gpu, run);
    for (const [index, { storage }] of run.entries()) {
      copyMemory(gpu, storage.memory, memories[index]);
      storage.moveInto(block, memories[index]);
    }
  }
}

/** New tensors of zeros, one for each shape, that lie as `layTogether` would lay them. */
export function zerosTogether(gpu: Gpu, shapes: readonly Shape[]): Tensor[] {
  const wanted = shapes.map((shape) => ({ shape, size: sizeOf(shape) }));
  return runsOf(wanted, gpu.largestBinding).flatMap((run) => {
    if (run.length === 1) return filled(gpu, run[0].shape, 0).keep();
    const { block, memories } = allocateBlock(gpu, run);
    return run.map(({ shape }, index) => {
      fillMemory(gpu, memories[index], 0);
      return new Tensor(new Storage(gpu, memories[index], "owner", block), shape, "float32");
    });
  });
}

interface Sized {
  readonly size: number;
}

/** What one command can bind together. */
function runsOf<T extends Sized>(wanted: readonly T[], largestBinding: number): T[][] {
  const runs: T[][] = [];
  let end = Number.POSITIVE_INFINITY;
  for (const of of wanted) {
    const start = nextPart(end);
    if (start + 4 * of.size <= largestBinding) runs[runs.length - 1].push(of);
    else runs.push([of]);
    end = runs[runs.length - 1].length === 1 ? 4 * of.size : start + 4 * of.size;
  }
  return runs;
}

function allocateBlock(gpu: Gpu, run: readonly Sized[]) {
  const starts: number[] = [];
  let end = 0;
  for (const { size } of run) {
    starts.push(nextPart(end));
    end = nextPart(end) + 4 * size;
  }
  const block: Block = { memory: gpu.allocate(end, true), parts: run.length };
  return { block, memories: run.map(({ size }, i) => partOf(block.memory, starts[i], 4 * size)) };
}
