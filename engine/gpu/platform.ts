/** What differs between Node and a browser: where WebGPU comes from, which adapter the user asked for, how one waits. */

export type WebGpuEntry = Pick<GPU, "requestAdapter">;

export interface Platform {
  /**
   * The entry point of WebGPU.
   * @param adapterName part of an adapter's name, any case: only adapters that have it are found then
   * @throws AdapterError when this machine or browser has no WebGPU
   */
  webgpu(adapterName: string | undefined): Promise<WebGpuEntry>;
  /** The adapter that the environment names (`WGRAD_ADAPTER`), if any. */
  adapterName(): string | undefined;
  /** Leaves the processor to a CPU adapter's kernels until this is settled. */
  restUntil(settled: Promise<unknown>): void;
  /** What to do when there is no adapter: the `help:` line. */
  readonly noAdapterHelp: string;
}
