/** Tensors that lie behind each other in memory, so that one command can work on all of them. */
import { layOut, partOf } from "./gpu/buffers.ts";
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
    fillMemory(gpu, block.memory, 0);
    return run.map(
      ({ shape }, index) => new Tensor(new Storage(gpu, memories[index], "owner", block), shape, "float32"),
    );
  });
}

interface Sized {
  /** Elements. */
  readonly size: number;
}

/** What one command can bind together. */
function runsOf<T extends Sized>(wanted: readonly T[], largestBinding: number): T[][] {
  const runs: T[][] = [];
  for (const item of wanted) {
    const run = runs[runs.length - 1];
    if (run && layOut([...run, item].map(bytesOf)).end <= largestBinding) run.push(item);
    else runs.push([item]);
  }
  return runs;
}

function allocateBlock(gpu: Gpu, run: readonly Sized[]) {
  const { starts, end } = layOut(run.map(bytesOf));
  const block: Block = { memory: gpu.allocate(end, true), parts: run.length };
  return { block, memories: run.map((item, i) => partOf(block.memory, starts[i], bytesOf(item))) };
}

function bytesOf({ size }: Sized): number {
  return 4 * size;
}
