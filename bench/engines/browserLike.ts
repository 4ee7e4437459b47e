/**
 * What libraries for browsers look for: `navigator.gpu` and WebGPU's classes and constants as globals, here from Dawn.
 * To be called before such a library is loaded.
 */
import { globals } from "webgpu";
import { findAdapter } from "../../engine/gpu/adapter.ts";

/** There is one adapter: the one that wgrad would open. @returns its name @throws AdapterError */
export async function installWebgpu(): Promise<string> {
  const { adapter, description } = await findAdapter(undefined);
  Object.assign(globalThis, globals);
  const gpu: Partial<GPU> = { requestAdapter: async () => adapter };
  // Node 20 has no navigator; where there is one, it can be replaced, but not changed.
  Object.defineProperty(globalThis, "navigator", {
    value: { gpu, userAgent: "Node", hardwareConcurrency: 1 },
    configurable: true,
  });
  return description.name;
}
