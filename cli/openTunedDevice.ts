/** The device that commands compute on: as `wgrad tune` left it. */
import { openDevice } from "../engine/currentDevice.ts";
import { ArgumentError, DataError } from "../engine/errors.ts";
import type { Gpu } from "../engine/gpu/gpu.ts";
import { savedTuning } from "../models/savedTuning.node.ts";
import type { DeviceDescription } from "./output/events.ts";

/**
 * Makes it the current one. A tuning that is damaged or does not fit stops nothing: it is told on standard error and left
 * out.
 * @throws AdapterError, LimitError
 */
export async function openTunedDevice(): Promise<Gpu> {
  try {
    return await openDevice({ tuning: await savedTuning() });
  } catch (error) {
    if (!(error instanceof DataError || error instanceof ArgumentError)) throw error;
    const help = error instanceof DataError ? error.help : "tune anew: wgrad tune";
    process.stderr.write(`warning: ${error.problem}\n  help: ${help}\n`);
    return openDevice();
  }
}

/** What commands say of their device. */
export function describeDevice({ adapter: { name, kind }, chosenShape }: Gpu): DeviceDescription {
  return { name, kind, ...(chosenShape && { tuned: true }) };
}
