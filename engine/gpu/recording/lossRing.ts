/**
 * Numbers that steps leave on the device, read in lots: a step copies its own behind those of the step before, and a
 * lot is mapped when somebody asks for a number in it or when it is full. Meanwhile the next steps fill another one.
 */
import { mapModeRead, usageCopyDestination, usageMapRead } from "../flags.ts";
import type { Awaiting } from "../pipelines.ts";

const stepsALot = 64;

interface Lot {
  readonly buffer: GPUBuffer;
  steps: number;
  /** All numbers in it, once they are asked for. */
  numbers: Promise<Float32Array> | undefined;
}

export class LossRing {
  readonly #device: GPUDevice;
  readonly #awaiting: Awaiting;
  /** Numbers a step. */
  readonly #width: number;
  readonly #free: GPUBuffer[] = [];
  #filling: Lot | undefined;
  #isDestroyed = false;

  constructor(device: GPUDevice, width: number, awaiting: Awaiting) {
    this.#device = device;
    this.#awaiting = awaiting;
    this.#width = width;
  }

  /**
   * Encodes the copies of a step's numbers, 4 bytes each.
   * @returns gives the numbers; to be called after the submission
   */
  store(encoder: GPUCommandEncoder, numbers: readonly GPUBufferBinding[]): () => Promise<Float32Array> {
    if (this.#filling?.steps === stepsALot) void this.#read(this.#filling).catch(() => {}); // whoever wants them hears of it
    this.#filling ??= { buffer: this.#freeBuffer(), steps: 0, numbers: undefined };
    const lot = this.#filling;
    const start = lot.steps++ * this.#width;
    numbers.forEach(({ buffer, offset = 0 }, index) => {
      encoder.copyBufferToBuffer(buffer, offset, lot.buffer, 4 * (start + index), 4);
    });
    return async () => (await this.#read(lot)).slice(start, start + this.#width);
  }

  /** Numbers that were stored can be read after it, too. */
  destroy(): void {
    this.#isDestroyed = true;
    if (this.#filling) void this.#read(this.#filling).catch(() => {});
    for (const buffer of this.#free) buffer.destroy();
  }

  #read(lot: Lot): Promise<Float32Array> {
    if (lot === this.#filling) this.#filling = undefined; // a buffer that is being mapped takes no more copies
    lot.numbers ??= this.#map(lot);
    return lot.numbers;
  }

  async #map({ buffer }: Lot): Promise<Float32Array> {
    await this.#awaiting(buffer.mapAsync(mapModeRead));
    const numbers = new Float32Array(buffer.getMappedRange().slice(0));
    buffer.unmap();
    if (this.#isDestroyed) buffer.destroy();
    else this.#free.push(buffer);
    return numbers;
  }

  #freeBuffer(): GPUBuffer {
    return (
      this.#free.pop() ??
      this.#device.createBuffer({
        label: "a recorded step's losses",
        size: Math.max(4, 4 * stepsALot * this.#width),
        usage: usageMapRead | usageCopyDestination,
      })
    );
  }
}
