/**
 * Times dispatches on the device, by timestamps at the beginning and the end of a compute pass. Whoever encodes commands
 * asks it for a pass for each dispatch (`beginPass`) and, before the encoder is finished, for the figures (`resolve`);
 * `times` reads them when all has been submitted. A pass for each dispatch is slower than one for many: the times are
 * those of the kernels, their sum leaves out what lies between them.
 */
import {
  mapModeRead,
  usageCopyDestination,
  usageCopySource,
  usageMapRead,
  usageQueryResolve,
} from "./flags.ts";
import type { Dispatch, DispatchTime } from "./gpu.ts";

const dispatchesASet = 512;
const bytesADispatch = 16; // two timestamps of 64 bits

interface Resolved {
  readonly dispatches: readonly Dispatch[];
  readonly timestamps: GPUBuffer;
}

export class Profiler {
  readonly #device: GPUDevice;
  #querySet: GPUQuerySet | undefined;
  #timed: Dispatch[] = [];
  #resolved: Resolved[] = [];
  readonly #garbage: { destroy(): void }[] = [];

  /** @param device with the feature "timestamp-query" */
  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** A pass for this dispatch alone, to be ended before the next one begins. */
  beginPass(encoder: GPUCommandEncoder, dispatch: Dispatch): GPUComputePassEncoder {
    if (this.#timed.length === dispatchesASet) this.resolve(encoder);
    this.#querySet ??= this.#later(
      this.#device.createQuerySet({ type: "timestamp", count: 2 * dispatchesASet }),
    );
    const beginningOfPassWriteIndex = 2 * this.#timed.length;
    this.#timed.push(dispatch);
    return encoder.beginComputePass({
      timestampWrites: {
        querySet: this.#querySet,
        beginningOfPassWriteIndex,
        endOfPassWriteIndex: beginningOfPassWriteIndex + 1,
      },
    });
  }

  /** To be called between the last pass and `encoder.finish()`. */
  resolve(encoder: GPUCommandEncoder): void {
    const dispatches = this.#timed;
    if (dispatches.length === 0) return;
    const size = bytesADispatch * dispatches.length;
    const target = this.#buffer("timestamps", size, usageQueryResolve | usageCopySource);
    const timestamps = this.#buffer("timestamps to read", size, usageMapRead | usageCopyDestination);
    encoder.resolveQuerySet(this.#querySet!, 0, 2 * dispatches.length, target, 0);
    encoder.copyBufferToBuffer(target, 0, timestamps, 0, size);
    this.#resolved.push({ dispatches, timestamps });
    this.#timed = [];
    this.#querySet = undefined;
  }

  /** All dispatches so far, in order, once the device has done them. The profiler is used up then. */
  async times(): Promise<DispatchTime[]> {
    const times: DispatchTime[] = [];
    let [zero, previousEnd] = [0n, 0n];
    for (const { dispatches, timestamps } of this.#resolved) {
      await timestamps.mapAsync(mapModeRead);
      const clock = new BigUint64Array(timestamps.getMappedRange());
      if (times.length === 0) [zero, previousEnd] = [clock[0], clock[0]];
      for (const [index, dispatch] of dispatches.entries()) {
        // A pass may begin while the one before is being finished: that time is counted once.
        const start = later(clock[2 * index], previousEnd);
        const end = later(clock[2 * index + 1], start);
        times.push(timeOf(dispatch, Number(start - zero), Number(end - zero)));
        previousEnd = end;
      }
    }
    return times;
  }

  destroy(): void {
    for (const object of this.#garbage) object.destroy();
  }

  #buffer(label: string, size: number, flags: number): GPUBuffer {
    return this.#later(this.#device.createBuffer({ label, size, usage: flags }));
  }

  #later<T extends { destroy(): void }>(object: T): T {
    this.#garbage.push(object);
    return object;
  }
}

function timeOf(dispatch: Dispatch, start: number, end: number): DispatchTime {
  const { kernel, buffers, workgroups, flops, origin } = dispatch;
  const distinct = new Map(buffers.map((memory) => [`${memory.id}:${memory.offset}`, memory.bytes]));
  const bytes = [...distinct.values()].reduce((sum, size) => sum + size, 0);
  return { kernel: kernel.name, origin, workgroups, flops, bytes, start, end };
}

function later(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
