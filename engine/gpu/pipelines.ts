/** Compiled kernels, each compiled once, all of them concurrently, with explicit layouts: one bind group a kernel. */
import { KernelError } from "../errors.ts";
import { stageCompute } from "./flags.ts";
import { type Kernel, mostBuffers, wholeSource } from "./kernel.ts";

export interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/** Passes a promise of the device on, and does what can be done while it is pending. */
export type Awaiting = <T>(pending: Promise<T>) => Promise<T>;

export class PipelineCache {
  readonly #device: GPUDevice;
  readonly #awaiting: Awaiting;
  readonly #layouts = new Map<string, GPUBindGroupLayout>();
  readonly #ready = new Map<string, Pipeline>();
  readonly #pending = new Map<string, Promise<Pipeline>>();

  constructor(device: GPUDevice, awaiting: Awaiting) {
    this.#device = device;
    this.#awaiting = awaiting;
  }

  get count(): number {
    return this.#pending.size;
  }

  /** The pipeline, when it is ready. */
  get(kernel: Kernel): Pipeline | undefined {
    return this.#ready.get(kernel.key);
  }

  /**
   * Starts compiling on the first call.
   * @throws KernelError (asynchronously) with the line of the source that does not compile
   */
  request(kernel: Kernel): Promise<Pipeline> {
    let pending = this.#pending.get(kernel.key);
    if (!pending) {
      pending = this.#compile(kernel);
      pending.catch(() => {}); // whoever flushes next gets the error
      this.#pending.set(kernel.key, pending);
    }
    return pending;
  }

  async #compile(kernel: Kernel): Promise<Pipeline> {
    const layout = this.#layout(kernel.bindings);
    this.#device.pushErrorScope("validation");
    const module = this.#device.createShaderModule({ label: kernel.name, code: wholeSource(kernel) });
    const moduleError = this.#device.popErrorScope();
    const pipeline = this.#awaiting(
      this.#device.createComputePipelineAsync({
        label: kernel.name,
        layout: this.#device.createPipelineLayout({ bindGroupLayouts: [layout] }),
        compute: { module },
      }),
    );
    try {
      const compiled = { pipeline: await pipeline, layout };
      this.#ready.set(kernel.key, compiled);
      return compiled;
    } catch (cause) {
      await moduleError;
      throw await compileError(kernel, module, cause as Error);
    }
  }

  #layout(bindings: Kernel["bindings"]): GPUBindGroupLayout {
    const key = bindings.join();
    let layout = this.#layouts.get(key);
    if (!layout) {
      const entry = (binding: number, buffer: GPUBufferBindingLayout) => ({
        binding,
        visibility: stageCompute,
        buffer,
      });
      const types = { read: "read-only-storage", write: "storage" } as const;
      layout = this.#device.createBindGroupLayout({
        entries: [
          ...bindings.map((access, binding) => entry(binding, { type: types[access] })),
          entry(mostBuffers, { type: "uniform" }),
        ],
      });
      this.#layouts.set(key, layout);
    }
    return layout;
  }
}

/**
 * A dispatch's group: its buffers, and its slot for uniforms. A slot moved by a dynamic offset would need fewer groups, but
 * costs lavapipe 0.04 to 0.13 ms a dispatch.
 */
export function bindGroup(
  device: GPUDevice,
  layout: GPUBindGroupLayout,
  buffers: readonly GPUBufferBinding[],
  slot: GPUBufferBinding,
): GPUBindGroup {
  const entries = buffers.map((resource, binding) => ({ binding, resource }));
  return device.createBindGroup({ layout, entries: [...entries, { binding: mostBuffers, resource: slot }] });
}

/** Shows the offending line with a mark under the offending column. */
async function compileError(kernel: Kernel, module: GPUShaderModule, cause: Error): Promise<KernelError> {
  const { messages } = await module.getCompilationInfo();
  const lines = wholeSource(kernel).split("\n");
  const report = messages
    .filter((message) => message.type === "error")
    .map(({ lineNum, linePos, message }) => {
      const number = `${lineNum}`.padStart(5);
      return `${number} | ${lines[lineNum - 1] ?? ""}\n      | ${" ".repeat(Math.max(0, linePos - 1))}^ ${message}`;
    });
  return new KernelError(
    `the kernel ${kernel.name} does not compile:\n${report.length > 0 ? report.join("\n") : cause.message}`,
    undefined,
    { cause },
  );
}
