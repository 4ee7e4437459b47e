/** The device on which tensors are made when none is named. */
import { ArgumentError } from "./errors.ts";
import type { DeviceOptions } from "./gpu/device.ts";
import { openDevice as open } from "./gpu/device.ts";
import type { Gpu } from "./gpu/gpu.ts";

let current: Gpu | undefined;

/**
 * Opens a device (see `DeviceOptions`) and makes it the current one: tensors and modules are made on it from now on.
 * @throws AdapterError, LimitError; ArgumentError for a tuning that is not for this adapter
 */
export async function openDevice(options?: DeviceOptions): Promise<Gpu> {
  current = await open(options);
  return current;
}

/** @throws ArgumentError before the first `openDevice()` */
export function currentDevice(): Gpu {
  if (current) return current;
  throw new ArgumentError("no device is open", "call `await openDevice()` first");
}

/** Runs `work` with `gpu` as the current device. */
export function withDevice<T>(gpu: Gpu, work: () => T): T {
  const before = current;
  current = gpu;
  try {
    return work();
  } finally {
    current = before;
  }
}
