/**
 * Counts what an engine asks of WebGPU, whichever engine it is: the prototypes of Dawn's objects are wrapped, and the
 * device's first complaint is kept, which engines that look at no error would compute on after.
 */
import { globals } from "webgpu";

export interface Reading {
  readonly dispatches: number;
  readonly submits: number;
  /** In all buffers at once, at most: those in use, and those that an engine keeps for later. */
  readonly peakBytes: number;
  /** What the device refused, if anything. */
  readonly complaint: string | undefined;
}

/** To be called before the device is opened. @returns reads the meter */
export function startMeter(): () => Reading {
  const { GPUAdapter, GPUBuffer, GPUComputePassEncoder, GPUDevice, GPUQueue } = globals as typeof globalThis;
  const sizes = new WeakMap<object, number>();
  let [dispatches, submits, bytes, peakBytes] = [0, 0, 0, 0];
  let complaint: string | undefined;

  wrap(GPUComputePassEncoder, "dispatchWorkgroups", () => {
    dispatches++;
  });
  wrap(GPUComputePassEncoder, "dispatchWorkgroupsIndirect", () => {
    dispatches++;
  });
  wrap(GPUQueue, "submit", () => {
    submits++;
  });
  wrap(GPUDevice, "createBuffer", (_, buffer: GPUBuffer) => {
    sizes.set(buffer, buffer.size);
    bytes += buffer.size;
    peakBytes = Math.max(peakBytes, bytes);
  });
  wrap(GPUBuffer, "destroy", (buffer) => {
    bytes -= sizes.get(buffer) ?? 0;
    sizes.delete(buffer);
  });
  wrap(GPUAdapter, "requestDevice", (_, opening: Promise<GPUDevice>) => {
    void opening.then((device) =>
      device.addEventListener("uncapturederror", ({ error }) => {
        complaint ??= error.message;
      }),
    );
  });
  return () => ({ dispatches, submits, peakBytes, complaint });
}

/** After every call of the method, `seen` gets the object and what the call returned. */
function wrap<Result>(
  { prototype }: { prototype: object },
  name: string,
  seen: (self: object, result: Result) => void,
): void {
  const methods = prototype as Record<string, (...values: unknown[]) => Result>;
  const method = methods[name];
  methods[name] = function (this: object, ...values) {
    const result = method.apply(this, values);
    seen(this, result);
    return result;
  };
}
