/**
 * The one place that encodes and submits. Commands wait in a list until somebody needs a result or the list is
 * long; then consecutive dispatches go into one compute pass, and the whole list into as few submissions as the
 * uniform arena and the uploads allow. Nothing here blocks: while a kernel is still compiling, commands wait.
 */
import { KernelError } from "../errors.ts";
import type { GpuMemory } from "./buffers.ts";
import { mapModeRead, usageCopyDestination, usageMapRead, usageUniform } from "./flags.ts";
import type { Counters, ReadyDispatch } from "./gpu.ts";
import { type Kernel, packUniforms, uniformBytes } from "./kernel.ts";
import { type Awaiting, bindGroup, PipelineCache } from "./pipelines.ts";
import type { Profiler } from "./profiler.ts";

type Command =
  | { readonly type: "dispatch"; readonly dispatch: ReadyDispatch }
  | { readonly type: "upload"; readonly memory: GpuMemory; readonly data: ArrayBufferView }
  | { readonly type: "copy"; readonly memory: GpuMemory; readonly target: GPUBuffer; readonly bytes: number };

/** Without anybody asking for a result, commands are handed over in lots of this many. */
const lot = 256;
const arenaSlots = 512;
const submissionsInFlight = 2;

export class CommandQueue {
  /** While there is one, it times every dispatch that is encoded, each in a pass of its own. */
  profiler: Profiler | undefined;
  readonly #device: GPUDevice;
  readonly #awaiting: Awaiting;
  readonly #onFailure: (error: unknown) => void;
  readonly #pipelines: PipelineCache;
  readonly #arena: GPUBuffer;
  readonly #arenaImage: DataView;
  readonly #slotBytes: number;
  readonly #mostWorkgroups: number;
  readonly #groups = new Map<string, GPUBindGroup>();
  /** The command that last used any part of a buffer: tells whether a write from the host has to wait its turn. */
  readonly #lastCommands = new WeakMap<GPUBuffer, number>();
  readonly #inFlight: Promise<unknown>[] = [];
  #waiting: Command[] = [];
  #tail: Promise<void> = Promise.resolve();
  #handingOver = false;
  #given = 0;
  #encoded = 0;
  #dispatches = 0;
  #passes = 0;
  #submits = 0;
  #uploads = 0;
  #flops = 0;
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;
  #slot = 0;

  /**
   * @param awaiting is given everything that the device is asked for and that takes time
   * @param onFailure hears of commands that could not be handed over, whoever asked for it
   */
  constructor(device: GPUDevice, awaiting: Awaiting, onFailure: (error: unknown) => void) {
    this.#device = device;
    this.#awaiting = awaiting;
    this.#onFailure = onFailure;
    const alignment = device.limits.minUniformBufferOffsetAlignment;
    this.#slotBytes = Math.max(uniformBytes, alignment);
    this.#mostWorkgroups = device.limits.maxComputeWorkgroupsPerDimension;
    this.#arena = device.createBuffer({
      label: "uniform arena",
      size: arenaSlots * this.#slotBytes,
      usage: usageUniform | usageCopyDestination,
    });
    this.#arenaImage = new DataView(new ArrayBuffer(arenaSlots * this.#slotBytes));
    this.#pipelines = new PipelineCache(device, awaiting);
  }

  counters(): Counters {
    return {
      dispatches: this.#dispatches,
      passes: this.#passes,
      submits: this.#submits,
      uploads: this.#uploads,
      pipelines: this.#pipelines.count,
      flops: this.#flops,
    };
  }

  dispatch(dispatch: ReadyDispatch): void {
    void this.#pipelines.request(dispatch.kernel);
    this.#give({ type: "dispatch", dispatch }, dispatch.buffers);
    if (this.#waiting.length >= lot) void this.handOver().catch(() => {}); // onFailure has it
  }

  upload(memory: GpuMemory, data: ArrayBufferView): void {
    // A buffer that no waiting command touches can be written at once, ahead of all of them.
    if ((this.#lastCommands.get(memory.buffer!) ?? 0) <= this.#encoded) {
      this.#write(memory, data);
    } else {
      const copy = data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength);
      this.#give({ type: "upload", memory, data: new Uint8Array(copy) }, [memory]);
    }
  }

  async read(memory: GpuMemory, bytes: number): Promise<ArrayBuffer> {
    const rounded = Math.ceil(bytes / 4) * 4;
    const target = this.#device.createBuffer({
      label: "readback",
      size: Math.max(4, rounded),
      usage: usageMapRead | usageCopyDestination,
    });
    try {
      this.#give({ type: "copy", memory, target, bytes: rounded }, [memory]);
      await this.handOver();
      await this.#awaiting(target.mapAsync(mapModeRead));
      return target.getMappedRange().slice(0, bytes);
    } finally {
      target.destroy();
    }
  }

  /** Submits all commands given so far, once their kernels are compiled. */
  handOver(): Promise<void> {
    const ready = this.#waiting.every(
      (command) => command.type !== "dispatch" || this.#pipelines.get(command.dispatch.kernel),
    );
    if (ready && !this.#handingOver) {
      this.#encodeAll(this.#take());
      return Promise.resolve();
    }
    this.#tail = this.#tail
      .catch(() => {})
      .then(async () => {
        this.#handingOver = true;
        const commands = this.#take();
        try {
          await Promise.all(
            commands.map(
              (command) => command.type === "dispatch" && this.#pipelines.request(command.dispatch.kernel),
            ),
          );
          this.#encodeAll(commands);
        } catch (error) {
          this.#onFailure(error); // these commands are lost: what follows would compute with stale numbers
          throw error;
        } finally {
          this.#handingOver = false;
        }
      });
    return this.#tail;
  }

  /** What a recording shares with the queue. */
  forReplay() {
    return {
      device: this.#device,
      awaiting: this.#awaiting,
      profiler: () => this.profiler,
      slotBytes: this.#slotBytes,
      pipelineOf: (kernel: Kernel) => this.#pipelines.request(kernel),
      fold: (workgroups: number) => this.#fold(workgroups),
      isIdle: () => this.#waiting.length === 0 && !this.#handingOver,
      submit: (commands: GPUCommandBuffer, { dispatches, flops }: Pick<Counters, "dispatches" | "flops">) => {
        this.#dispatches += dispatches;
        this.#flops += flops;
        this.#passes++;
        this.#uploads++;
        this.#submitCommands(commands);
      },
    };
  }

  /** Waits until the device is at most `submissionsInFlight` submissions behind. */
  async throttle(): Promise<void> {
    while (this.#inFlight.length > submissionsInFlight) await this.#inFlight[0];
  }

  async finish(): Promise<void> {
    await this.handOver();
    await this.#awaiting(this.#device.queue.onSubmittedWorkDone());
  }

  /** Buffers were destroyed: forget the bind groups that name them. */
  forgetBuffers(): void {
    this.#groups.clear();
  }

  destroy(): void {
    this.#arena.destroy();
  }

  #give(command: Command, buffers: readonly GpuMemory[]): void {
    this.#given++;
    this.#waiting.push(command);
    for (const { buffer } of buffers) this.#lastCommands.set(buffer!, this.#given);
  }

  #take(): Command[] {
    const commands = this.#waiting;
    this.#waiting = [];
    return commands;
  }

  #encodeAll(commands: readonly Command[]): void {
    for (const command of commands) {
      if (command.type === "dispatch") this.#encodeDispatch(command.dispatch);
      else if (command.type === "upload") {
        this.#submit(); // queue writes overtake the encoder: what came before must be submitted first
        this.#write(command.memory, command.data);
      } else this.#encodeCopy(command.memory, command.target, command.bytes);
    }
    this.#encoded += commands.length;
    this.#submit();
  }

  #encodeDispatch(dispatch: ReadyDispatch): void {
    const { kernel, workgroups } = dispatch;
    if (workgroups === 0) return;
    if (this.#slot === arenaSlots) this.#submit();
    const { pipeline, layout } = this.#pipelines.get(kernel)!;
    const offset = this.#slot++ * this.#slotBytes;
    packUniforms(kernel, dispatch.uniforms, this.#arenaImage, offset);
    this.#pass ??= this.#beginPass(dispatch);
    this.#pass.setPipeline(pipeline);
    this.#pass.setBindGroup(0, this.#group(dispatch, layout, offset));
    this.#pass.dispatchWorkgroups(...this.#fold(workgroups));
    if (this.profiler) this.#endPass();
    this.#dispatches++;
    this.#flops += dispatch.flops;
  }

  #fold(workgroups: number): [number, number] {
    return foldWorkgroups(workgroups, this.#mostWorkgroups);
  }

  #beginPass(dispatch: ReadyDispatch): GPUComputePassEncoder {
    this.#passes++;
    this.#encoder ??= this.#device.createCommandEncoder();
    return this.profiler?.beginPass(this.#encoder, dispatch) ?? this.#encoder.beginComputePass();
  }

  #endPass(): void {
    this.#pass?.end();
    this.#pass = undefined;
  }

  #encodeCopy(memory: GpuMemory, target: GPUBuffer, bytes: number): void {
    this.#endPass();
    this.#encoder ??= this.#device.createCommandEncoder();
    this.#encoder.copyBufferToBuffer(memory.buffer!, memory.offset, target, 0, bytes);
  }

  /** @param slotOffset where in the arena its uniforms lie */
  #group({ kernel, buffers }: ReadyDispatch, layout: GPUBindGroupLayout, slotOffset: number): GPUBindGroup {
    const places = buffers.map(({ id, offset, bytes }) => `${id}:${offset}:${bytes}`);
    const key = `${kernel.bindings.join()} ${places.join()} ${slotOffset}`;
    let group = this.#groups.get(key);
    if (!group) {
      if (buffers.length !== kernel.bindings.length) {
        throw new KernelError(
          `${kernel.name} binds ${kernel.bindings.length} buffers, but was given ${buffers.length}`,
        );
      }
      if (this.#groups.size >= 4096) this.#groups.clear();
      const bound = buffers.map(({ buffer, offset, bytes }) => ({ buffer: buffer!, offset, size: bytes }));
      const uniforms = { buffer: this.#arena, offset: slotOffset, size: this.#slotBytes };
      group = bindGroup(this.#device, layout, bound, uniforms);
      this.#groups.set(key, group);
    }
    return group;
  }

  #write(memory: GpuMemory, data: ArrayBufferView): void {
    this.#uploads++;
    this.#device.queue.writeBuffer(
      memory.buffer!,
      memory.offset,
      data.buffer as ArrayBuffer,
      data.byteOffset,
      data.byteLength,
    );
  }

  #submit(): void {
    this.#endPass();
    if (!this.#encoder) return;
    this.profiler?.resolve(this.#encoder);
    const bytes = this.#slot * this.#slotBytes;
    if (bytes > 0)
      this.#device.queue.writeBuffer(this.#arena, 0, this.#arenaImage.buffer as ArrayBuffer, 0, bytes);
    this.#slot = 0;
    const commands = this.#encoder.finish();
    this.#encoder = undefined;
    this.#submitCommands(commands);
  }

  #submitCommands(commands: GPUCommandBuffer): void {
    this.#device.queue.submit([commands]);
    this.#submits++;
    const done = this.#awaiting(this.#device.queue.onSubmittedWorkDone()).catch(() => {}); // a lost device is reported by `lost`
    this.#inFlight.push(done.then(() => void this.#inFlight.shift()));
  }
}

/** [x, y] with x · y ≥ count and neither over `most`; kernels ignore the workgroups past the end. */
export function foldWorkgroups(count: number, most: number): [number, number] {
  if (count <= most) return [count, 1];
  const rows = Math.ceil(count / most);
  return [Math.ceil(count / rows), rows];
}
