/** WebGPU as a browser offers it. The bundler puts this file in the place of `platform.node.ts`. */
import { AdapterError } from "../errors.ts";
import type { Platform } from "./platform.ts";

export const platform: Platform = {
  async webgpu(adapterName) {
    const entry = globalThis.navigator?.gpu;
    if (entry && adapterName === undefined) return entry;
    if (entry) {
      return {
        async requestAdapter(options) {
          const adapter = await entry.requestAdapter(options);
          return adapter && hasInName(adapter.info, adapterName!) ? adapter : null;
        },
      };
    }
    throw globalThis.isSecureContext === false
      ? new AdapterError(
          "WebGPU is hidden on pages that are not secure",
          "serve the page over https, or from localhost",
        )
      : new AdapterError(
          "this browser has no WebGPU",
          "use Chrome or Edge 113, Safari 26 or Firefox 141 (or newer), and update the graphics driver",
        );
  },
  restUntil() {}, // waiting costs a browser nothing
  adapterName: () => undefined,
  noAdapterHelp: "look at chrome://gpu or about:support: is hardware acceleration switched on?",
};

function hasInName({ vendor, architecture, device, description }: GPUAdapterInfo, part: string): boolean {
  return [vendor, architecture, device, description].join(" ").toLowerCase().includes(part.toLowerCase());
}
