/**
 * A device that computes nothing: memory is counted but not taken, commands are counted but not run. A model built and
 * called on it tells its shapes, parameters, FLOPs and bytes before anything is allocated.
 */
import { ArgumentError } from "../errors.ts";
import { type AdapterDescription, tilingOf } from "./adapter.ts";
import { BufferPool } from "./buffers.ts";
import type { Counters, Gpu } from "./gpu.ts";
import { recordable } from "./recording/recordable.ts";

/** Whose kernels are planned unless somebody says otherwise: those that every processor can run. */
const plainProcessor: AdapterDescription = {
  name: "plan",
  kind: "cpu",
  vendor: "",
  architecture: "",
  features: ["shader-f16"],
  smallestSubgroup: 0,
  limits: {},
};

/** @param adapter which kernels a model uses depends on it */
export function planDevice(adapter = plainProcessor): Gpu {
  const pool = new BufferPool(() => undefined, Number.POSITIVE_INFINITY);
  let dispatches = 0;
  let uploads = 0;
  let flops = 0;
  return recordable({
    adapter,
    tiling: tilingOf(adapter),
    largestBinding: Number.MAX_SAFE_INTEGER,
    allocate: (bytes, isLasting) => pool.allocate(bytes, isLasting),
    release: (memory) => pool.release(memory),
    upload() {
      uploads++;
    },
    dispatch(dispatch) {
      dispatches++;
      flops += dispatch.flops;
    },
    async prepare() {
      throw new ArgumentError("a plan cannot be run", "open a device with openDevice()");
    },
    async read() {
      throw new ArgumentError("there are no numbers on a plan", "open a device with openDevice()");
    },
    async flush() {},
    async profile() {
      throw new ArgumentError("there are no times on a plan", "open a device with openDevice()");
    },
    memory: () => pool.report(),
    counters: (): Counters => ({ dispatches, passes: 0, submits: 0, uploads, pipelines: 0, flops }),
    async close() {},
  });
}
