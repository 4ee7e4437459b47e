/** Tensors that lie behind each other in memory, so that one command can work on all of them. */
import { type GpuMemory, nextPart, partOf } from "./gpu/buffers.ts";
import { copyMemory } from "./ops/elementwise.ts";
import type { Block } from "./storage.ts";
import type { Tensor } from "./tensor.ts";

/**
 * Moves float32 tensors of one device behind each other, in their order, into as few pieces of memory as the device
 * binds at once. Those that lie with others already, or are too large to lie with any, stay where they are.
 */
export function layTogether(tensors: readonly Tensor[]): void {
  let run: Tensor[] = [];
  let bytes = 0;
  function endRun(): void {
    if (run.length > 1) moveTogether(run, bytes);
    run = [];
    bytes = 0;
  }
  for (const tensor of tensors) {
    const { gpu, storage } = tensor;
    if (storage.isInBlock) endRun();
    else {
      if (nextPart(bytes) + storage.memory.bytes > gpu.largestBinding) endRun();
      run.push(tensor);
      bytes = nextPart(bytes) + storage.memory.bytes;
    }
  }
  endRun();
}

function moveTogether(tensors: readonly Tensor[], bytes: number): void {
  const { gpu } = tensors[0];
  const block: Block = { memory: gpu.allocate(bytes), parts: tensors.length };
  let start = 0;
  for (const { storage } of tensors) {
    const part: GpuMemory = partOf(block.memory, start, storage.memory.bytes);
    copyMemory(gpu, storage.memory, part);
    start = nextPart(start + storage.memory.bytes);
    storage.moveInto(block, part);
  }
}
