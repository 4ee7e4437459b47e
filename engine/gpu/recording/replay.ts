/**
 * A recording on a device: pipelines, bind groups and buffers are made once, and a replay is one upload (of uniforms and
 * of what the host feeds), one compute pass and one submission. The numbers that a step returns are copied into a ring,
 * which is read in lots: nobody waits for a single loss.
 */
import { RecordingError } from "../../errors.ts";
import { type GpuMemory, nextPart } from "../buffers.ts";
import { usageCopyDestination, usageCopySource, usageStorage, usageUniform } from "../flags.ts";
import type { ReadyDispatch } from "../gpu.ts";
import { type Kernel, packUniforms, type UniformValues } from "../kernel.ts";
import { type Awaiting, bindGroup, type Pipeline } from "../pipelines.ts";
import type { Profiler } from "../profiler.ts";
import { LossRing } from "./lossRing.ts";
import type { Plan } from "./plan.ts";
import { isTraced } from "./trace.ts";

export interface Replay {
  /** Whether all memory from outside of the step that it uses is still what it was. */
  isCurrent(): boolean;
  /** Whether all commands given so far have been handed over. */
  isNext(): boolean;
  /**
   * Gives a step to the device; only when `isNext()`: commands that wait would come after it.
   * @returns gives the first number of each output
   */
  run(): () => Promise<Float32Array>;
  /** Gives its own memory back, and not what it was lent. */
  release(): void;
}

/** What a replay needs of its device. */
export interface ReplayHost {
  readonly device: GPUDevice;
  readonly awaiting: Awaiting;
  /** Bytes between the uniforms of one dispatch and those of the next. */
  readonly slotBytes: number;
  /** Times every dispatch, if it is there. */
  profiler(): Profiler | undefined;
  pipelineOf(kernel: Kernel): Promise<Pipeline>;
  allocate(bytes: number, isLasting: boolean): GpuMemory;
  release(memory: GpuMemory): void;
  isInUse(memory: GpuMemory): boolean;
  /** Gives a command in the usual way. */
  give(dispatch: ReadyDispatch): void;
  upload(memory: GpuMemory, data: ArrayBufferView): void;
  fold(workgroups: number): [number, number];
  /** Whether no command waits to be handed over. */
  isIdle(): boolean;
  submit(commands: GPUCommandBuffer, counts: { readonly dispatches: number; readonly flops: number }): void;
  /** @throws DeviceLostError and the like, once the device has failed */
  check(): void;
  /** Runs `work`; whatever goes wrong in it once the device has failed is that failure. */
  guarded<T>(work: () => Promise<T>): Promise<T>;
}

/**
 * @param lent the arena of recordings that never run at the same time as this one, none of its buffers smaller than the
 * plan's (both in falling order); what it lacks is added
 */
export async function prepareReplay(host: ReplayHost, plan: Plan, lent: GpuMemory[]): Promise<Replay> {
  const { device, slotBytes } = host;
  const dispatches = plan.commands.flatMap((command) =>
    command.type === "dispatch" ? [command.dispatch] : [],
  );
  // First of all: a kernel that does not compile leaves no memory behind.
  const pipelines = await Promise.all(dispatches.map((dispatch) => host.pipelineOf(dispatch.kernel)));
  const constants = new Map(plan.constants.map(({ id, bytes }) => [id, host.allocate(bytes, true)]));
  const arena = borrow(plan.arena, lent, (bytes) => host.allocate(bytes, true));
  const external: GpuMemory[] = [];

  // The upload: a slot of uniforms for each dispatch, then what the host feeds.
  const fedAt = new Map<number, number>();
  let uploadBytes = Math.max(1, dispatches.length) * slotBytes;
  for (const command of plan.commands) {
    if (command.type !== "feed") continue;
    fedAt.set(command.memory.id, uploadBytes);
    uploadBytes += nextPart(command.memory.bytes);
  }
  const image = new ArrayBuffer(uploadBytes);
  const view = new DataView(image);
  const bytes = new Uint8Array(image);
  const inputs = device.createBuffer({
    label: "a recorded step's inputs",
    size: uploadBytes,
    usage: usageUniform | usageStorage | usageCopySource | usageCopyDestination,
  });

  function bindingOf(memory: GpuMemory): GPUBufferBinding {
    const { id, offset, bytes: size } = memory;
    const fed = fedAt.get(id);
    if (fed !== undefined) return { buffer: inputs, offset: fed + offset, size };
    const real = realOf(memory);
    return { buffer: real.buffer!, offset: real.offset, size };
  }
  function realOf(memory: GpuMemory): GpuMemory {
    const { id, offset, bytes } = memory;
    if (!isTraced(memory)) {
      if (!external.some((known) => known.id === id && known.use === memory.use)) external.push(memory);
      return memory;
    }
    const constant = constants.get(id);
    const place = plan.places.get(id);
    const base = constant ?? arena[place!.buffer];
    return { ...base, offset: (place?.offset ?? 0) + offset, bytes };
  }

  // What the host does before each replay, in the order in which the step did it.
  const hostWork: (() => void)[] = [];
  let slot = 0;
  for (const command of plan.commands) {
    if (command.type === "action") hostWork.push(command.run);
    else if (command.type === "feed") {
      const start = fedAt.get(command.memory.id)!;
      const { numbers } = command;
      hostWork.push(() => {
        const { buffer, byteOffset, byteLength } = numbers();
        bytes.set(new Uint8Array(buffer, byteOffset, byteLength), start);
      });
    } else if (command.type === "dispatch") {
      const { kernel, uniforms } = command.dispatch;
      const start = slot++ * slotBytes;
      if (typeof uniforms === "function") hostWork.push(() => packUniforms(kernel, uniforms(), view, start));
      else packUniforms(kernel, uniforms, view, start);
    }
  }

  const steps = dispatches.map((dispatch, index) => {
    const { pipeline, layout } = pipelines[index];
    const [x, y] = host.fold(dispatch.workgroups);
    const uniforms = { buffer: inputs, offset: index * slotBytes, size: slotBytes };
    const group = bindGroup(device, layout, dispatch.buffers.map(bindingOf), uniforms);
    return { dispatch, pipeline, group, x, y };
  });
  const counts = {
    dispatches: dispatches.length,
    flops: dispatches.reduce((sum, { flops }) => sum + flops, 0),
  };

  for (const command of plan.once) {
    if (command.type === "constant") host.upload(realOf(command.memory), command.data);
    else if (command.type === "dispatch") {
      const { dispatch } = command;
      const uniforms = dispatch.uniforms as UniformValues; // foldConstants takes no other ones
      host.give({ ...dispatch, uniforms, buffers: dispatch.buffers.map(realOf) });
    }
  }

  function encode(pass: GPUComputePassEncoder, { pipeline, group, x, y }: (typeof steps)[number]) {
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(x, y);
  }
  function encodeAll(encoder: GPUCommandEncoder): void {
    const profiler = host.profiler();
    if (!profiler) {
      const pass = encoder.beginComputePass();
      for (const step of steps) encode(pass, step);
      pass.end();
      return;
    }
    for (const step of steps) {
      const pass = profiler.beginPass(encoder, step.dispatch);
      encode(pass, step);
      pass.end();
    }
    profiler.resolve(encoder);
  }

  const outputs = plan.outputs.map(bindingOf);
  const ring = new LossRing(device, outputs.length, host.awaiting);

  return {
    isCurrent: () => external.every(host.isInUse),
    isNext: host.isIdle,
    run() {
      host.check();
      for (const work of hostWork) work();
      if (!host.isIdle()) {
        throw new RecordingError(
          "everyRun() or fed() gave the device a command, which would run after the step instead of in it",
          "let them work on the host alone; what changes on the device is part of the step, or an input",
        );
      }
      device.queue.writeBuffer(inputs, 0, image);
      const encoder = device.createCommandEncoder();
      encodeAll(encoder);
      const result = ring.store(encoder, outputs);
      host.submit(encoder.finish(), counts);
      return () => host.guarded(result);
    },
    release() {
      for (const memory of constants.values()) host.release(memory);
      inputs.destroy();
      ring.destroy();
    },
  };
}

/** A buffer for each size, in falling order, of those that are lent; new ones are lent from now on. */
function borrow(
  sizes: readonly number[],
  lent: GpuMemory[],
  allocate: (bytes: number) => GpuMemory,
): GpuMemory[] {
  const falling = [...lent].sort((a, b) => b.bytes - a.bytes);
  return sizes.map((bytes, index) => {
    if (index < falling.length) return falling[index];
    const made = allocate(bytes);
    lent.push(made);
    return made;
  });
}
