/** Opening a device: the same call in Node and in a browser. */
import { platform } from "#platform";
import { tunedTo } from "#tuning";
import {
  AdapterError,
  ArgumentError,
  DeviceLostError,
  KernelError,
  LimitError,
  type WgradError,
} from "../errors.ts";
import type { Tuning } from "../tuning.ts";
import { findAdapter, tilingOf } from "./adapter.ts";
import { BufferPool, type GpuMemory, partAlignment } from "./buffers.ts";
import { usageCopyDestination, usageCopySource, usageStorage } from "./flags.ts";
import type { DispatchTime, Gpu, ReadyDispatch, Tiling } from "./gpu.ts";
import { mostBuffers } from "./kernel.ts";
import { Profiler } from "./profiler.ts";
import { CommandQueue } from "./queue.ts";
import { recordable } from "./recording/recordable.ts";
import { prepareReplay } from "./recording/replay.ts";

const storageUsage = usageStorage | usageCopySource | usageCopyDestination;

/** What every kernel here takes for granted; WebGPU guarantees it, but compatibility-mode adapters do not. */
const requiredLimits = {
  maxStorageBuffersPerShaderStage: mostBuffers,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupStorageSize: 16384,
} as const;

export interface DeviceOptions {
  /** Part of the adapter's name, any case: "llvmpipe", "nvidia". Default: `WGRAD_ADAPTER`, else the fastest. */
  readonly adapter?: string;
  /** Default: what suits the adapter's kind. */
  readonly tiling?: Tiling;
  /**
   * Bytes that a kernel may bind at once, rounded down to a multiple of 256; default: all that the adapter allows. For
   * tests, and for trying out what happens on smaller adapters.
   */
  readonly largestBinding?: number;
  /**
   * What `wgrad tune` found on this adapter (`savedTuning()` of `wgrad/models/node`). It makes products of the sizes that
   * were measured faster, and may change their last bits. In browsers, which have fewer kernels, it does nothing.
   */
  readonly tuning?: Tuning | undefined;
}

/**
 * Opens the adapter's device with all its limits and the optional features that kernels can use.
 * @throws AdapterError when there is no adapter; LimitError when it is too small; ArgumentError for a tuning that is not for
 * this adapter and these kernels
 */
export async function openDevice(options: DeviceOptions = {}): Promise<Gpu> {
  const { adapter, description, features } = await findAdapter(options.adapter);
  for (const [limit, least] of Object.entries(requiredLimits)) {
    if (description.limits[limit] < least) {
      throw new LimitError(
        `${description.name} offers ${limit} = ${description.limits[limit]}, but wgrad needs ${least}`,
        "choose another adapter with WGRAD_ADAPTER, or update the driver",
      );
    }
  }
  const tiling = options.tiling ?? tilingOf(description);
  const tuned = await tunedTo(options, description, tiling);
  const device = await adapter.requestDevice({
    requiredFeatures: features,
    requiredLimits: Object.fromEntries(
      Object.entries(description.limits).filter(([limit]) => !limit.startsWith("minSubgroup")),
    ),
  });
  let failure: WgradError | undefined;
  function awaiting<T>(pending: Promise<T>): Promise<T> {
    if (description.kind === "cpu") platform.restUntil(pending);
    return pending;
  }
  const queue = new CommandQueue(device, awaiting, (error) => {
    failure ??= error as WgradError;
  });
  const { maxBufferSize, maxStorageBufferBindingSize } = device.limits;
  const most = Math.min(options.largestBinding ?? maxBufferSize, maxStorageBufferBindingSize);
  const largestBinding = Math.floor(most / partAlignment) * partAlignment;
  const pool = new BufferPool((size) => device.createBuffer({ size, usage: storageUsage }), maxBufferSize);
  let closed = false;
  void device.lost.then(({ reason, message }) => {
    failure =
      reason === "destroyed"
        ? wasClosed()
        : new DeviceLostError(
            `the device was lost: ${message}`,
            "open a new one with openDevice() and load the last saved weights",
          );
  });
  device.onuncapturederror = ({ error }) => {
    failure ??= outOfMemory(error)
      ? new LimitError(
          `the GPU is out of memory: ${error.message}`,
          "use a smaller batch, or close other programs",
        )
      : new KernelError(`the device refused a command: ${error.message}`);
  };

  function check(): void {
    if (failure) throw failure;
  }

  /** Runs `work`; whatever goes wrong in it once the device has failed is that failure. */
  async function guarded<T>(work: () => Promise<T>): Promise<T> {
    check();
    try {
      const result = await work();
      check();
      return result;
    } catch (error) {
      await Promise.race([device.lost, Promise.resolve()]); // lets the handler above run first
      check();
      throw error;
    }
  }

  function dispatch(dispatch: ReadyDispatch): void {
    check();
    requireBindable(dispatch, largestBinding);
    queue.dispatch(dispatch);
  }
  function upload(memory: GpuMemory, data: ArrayBufferView): void {
    check();
    queue.upload(memory, data);
  }
  function allocate(bytes: number, isLasting?: boolean): GpuMemory {
    check();
    return pool.allocate(bytes, isLasting);
  }
  const release = (memory: GpuMemory) => pool.release(memory);

  async function profile(work: () => unknown): Promise<DispatchTime[]> {
    if (!device.features.has("timestamp-query")) {
      throw new AdapterError(
        `${description.name} times no kernels (it has no "timestamp-query")`,
        "choose another adapter with WGRAD_ADAPTER, or update the driver",
      );
    }
    await queue.handOver();
    if (queue.profiler)
      throw new ArgumentError("this device is being profiled already", "await the profile() under way");
    const profiler = new Profiler(device);
    queue.profiler = profiler;
    try {
      await work();
      await queue.handOver();
      queue.profiler = undefined;
      return await profiler.times();
    } finally {
      queue.profiler = undefined;
      profiler.destroy();
    }
  }

  return recordable({
    adapter: description,
    tiling,
    ...tuned,
    largestBinding,
    allocate,
    release,
    upload,
    dispatch,
    prepare: (plan, lent) =>
      guarded(() => {
        for (const command of [...plan.once, ...plan.commands])
          if (command.type === "dispatch") requireBindable(command.dispatch, largestBinding);
        const isInUse = (memory: GpuMemory) => pool.isInUse(memory);
        const commands = { allocate, release, upload, give: dispatch, isInUse };
        return prepareReplay({ ...queue.forReplay(), ...commands, check, guarded }, plan, lent);
      }),
    read: (memory, bytes) => guarded(() => queue.read(memory, bytes)),
    flush: () =>
      guarded(async () => {
        await queue.handOver();
        if (pool.flushed()) queue.forgetBuffers();
        await queue.throttle();
      }),
    profile: (work) => guarded(() => profile(work)),
    memory: () => pool.report(),
    counters: () => queue.counters(),
    async close() {
      if (closed) return;
      if (!failure) await queue.finish().catch(() => {}); // closing is the one thing that must always work
      failure ??= wasClosed(); // before what is read now fails by it
      queue.destroy();
      device.destroy();
      await device.lost;
      closed = true;
    },
  });
}

function wasClosed(): DeviceLostError {
  return new DeviceLostError("the device was closed", "open a new one with openDevice()");
}

/** @throws LimitError */
function requireBindable(
  { kernel, buffers }: Pick<ReadyDispatch, "kernel" | "buffers">,
  largestBinding: number,
): void {
  for (const { bytes } of buffers) {
    if (bytes <= largestBinding) continue;
    throw new LimitError(
      `${kernel.name}: a tensor of ${bytes.toLocaleString("en")} bytes is more than this adapter binds at once (${largestBinding.toLocaleString("en")}), and this kernel does not work in slices`,
      "use a smaller batch or a narrower layer, or an adapter with a larger maxStorageBufferBindingSize",
    );
  }
}

/** By its class name: Node has no global GPUOutOfMemoryError. */
function outOfMemory(error: GPUError): boolean {
  return error.constructor.name === "GPUOutOfMemoryError";
}
