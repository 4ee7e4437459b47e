/** The device that commands compute on: as `wgrad tune` left it. */
import { openDevice } from "../engine/currentDevice.ts";
import { DataError } from "../engine/errors.ts";
import type { Gpu } from "../engine/gpu/gpu.ts";
import type { Tuning } from "../engine/tuning.ts";
import { savedTuning } from "../models/savedTuning.node.ts";
import type { DeviceDescription } from "./output/events.ts";

/**
 * Makes it the current one. A damaged file of `wgrad tune` stops nothing: it is told on standard error and left out.
 * @throws AdapterError, LimitError
 */
export async function openTunedDevice(): Promise<Gpu> {
  return openDevice({ tuning: await savedOrNone() });
}

async function savedOrNone(): Promise<Tuning | undefined> {
  try {
    return await savedTuning();
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    process.stderr.write(`warning: ${error.problem}\n  help: ${error.help}\n`);
    return undefined;
  }
}

/** What commands say of their device. */
export function describeDevice({ adapter: { name, kind }, chosenShape }: Gpu): DeviceDescription {
  return { name, kind, ...(chosenShape && { tuned: true }) };
}
