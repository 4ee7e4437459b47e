/**
 * A step of training, written down once and replayed: what costs time in an eager step, JavaScript that finds out which
 * commands to give, is done in the first call for every set of input shapes. It is the same step, bit for bit where
 * kernels are the same; eager execution says what it means.
 *
 *     const step = recordStep(({ images, labels }) => {
 *       const loss = crossEntropyLoss(model.call(images), labels);
 *       optimizer.zeroGrad();
 *       loss.backward();
 *       optimizer.step();
 *       return { loss };
 *     });
 *     const { loss } = await step.run({ images: { data, shape }, labels: { data, shape } });
 *     console.log(await loss.item()); // or later, or never: no step waits for it
 *
 * What the function computes on the host is computed once. Numbers that change from step to step are inputs, or come
 * from `fed()`; what the host counts or sets for every step, such as a learning rate, it does in `everyRun()`. Random
 * numbers and the optimisers know this by themselves. Tensors that are made in the step are gone after it; what it
 * returns are numbers.
 */
import { currentDevice } from "./currentDevice.ts";
import { RecordingError, ShapeError } from "./errors.ts";
import type { GpuMemory } from "./gpu/buffers.ts";
import type { Gpu } from "./gpu/gpu.ts";
import { type Plan, plan } from "./gpu/recording/plan.ts";
import type { Replay } from "./gpu/recording/replay.ts";
import { requireSame } from "./gpu/recording/trace.ts";
import { checkShape, type Shape, showShape, sizeOf } from "./shape.ts";
import { type DType, emptyTensor, type Tensor, type TypedArray } from "./tensor.ts";

/** Numbers on the host, row by row. */
export interface HostArray {
  readonly data: TypedArray;
  readonly shape: Shape;
}

/** A number on the device, or on its way from there. */
export interface DeviceNumber {
  /** @throws DeviceLostError */
  item(): Promise<number>;
}

export interface RecordedStep<Inputs extends string, Outputs extends string> {
  /**
   * Gives a step to the device; resolves when that is at most two steps behind.
   * @throws RecordingError for a step that cannot be recorded; LimitError, KernelError, DeviceLostError
   */
  run(inputs: Readonly<Record<Inputs, HostArray>>): Promise<Readonly<Record<Outputs, DeviceNumber>>>;
  /** Does the step without a recording: `work` is called anew. The tensors that it returns. */
  runEagerly(inputs: Readonly<Record<Inputs, HostArray>>): Promise<Readonly<Record<Outputs, Tensor>>>;
  /** What a step on inputs of these shapes takes; nothing is allocated. */
  plan(inputs: Readonly<Record<Inputs, HostArray>>): Plan;
  /** Gives the memory of all recordings back. */
  release(): void;
}

/**
 * @param work a step: all that it uses from outside lives on the current device
 * @returns the step, not recorded before its first run
 */
export function recordStep<Inputs extends string, Outputs extends string>(
  work: (inputs: Readonly<Record<Inputs, Tensor>>) => Readonly<Record<Outputs, Tensor>>,
): RecordedStep<Inputs, Outputs> {
  const gpu = currentDevice();
  const recordings = new Map<string, { readonly replay: Replay; readonly names: readonly Outputs[] }>();
  /** Shared by all recordings: only one of them runs at a time. */
  const arena: GpuMemory[] = [];
  let current: Readonly<Record<Inputs, HostArray>>;

  function workOnCurrent() {
    const tensors = Object.entries<HostArray>(current).map(([name, { data, shape }]) => [
      name,
      fed(shape, () => current[name as Inputs].data, { dtype: dtypeOf(data), gpu }),
    ]);
    return work(Object.fromEntries(tensors));
  }
  function planned(): { readonly names: readonly Outputs[]; readonly plan: Plan } {
    const { trace: rehearsal } = gpu.trace(workOnCurrent);
    const { result, trace } = gpu.trace(workOnCurrent);
    requireSame(rehearsal, trace);
    const names = Object.keys(result) as Outputs[];
    const outputs = names.map((name) => numberIn(name, result[name]));
    return { names, plan: plan(trace, outputs, gpu.largestBinding) };
  }
  async function record(signature: string) {
    recordings.get(signature)?.replay.release();
    const { names, plan } = planned();
    const made = { replay: await gpu.prepare(plan, arena), names };
    recordings.set(signature, made);
    return made;
  }
  return {
    async run(inputs) {
      current = inputs;
      const signature = signatureOf(inputs);
      const known = recordings.get(signature);
      const { replay, names } = known?.replay.isCurrent() ? known : await record(signature);
      if (!replay.isNext()) await gpu.flush();
      const numbers = replay.run();
      await gpu.flush(); // never runs far ahead of the device
      const items = names.map((name, index) => [name, { item: async () => (await numbers())[index] }]);
      return Object.fromEntries(items);
    },
    async runEagerly(inputs) {
      current = inputs;
      const result = workOnCurrent();
      await gpu.flush(); // never runs far ahead of the device
      return result;
    },
    plan(inputs) {
      current = inputs;
      return planned().plan;
    },
    release() {
      for (const { replay } of recordings.values()) replay.release();
      recordings.clear();
      for (const memory of arena.splice(0)) gpu.release(memory);
    },
  };
}

export interface FedOptions {
  /** Default: float32. */
  readonly dtype?: DType;
  /** Default: the current device. */
  readonly gpu?: Gpu;
}

/**
 * A tensor whose numbers the host gives anew in every run of a recorded step; outside of one, a tensor of `numbers()`
 * that lives as long as a result.
 * @param numbers as many as the shape has, of the dtype's array type
 * @throws ShapeError
 */
export function fed(shape: Shape, numbers: () => TypedArray, options: FedOptions = {}): Tensor {
  checkShape("fed", shape);
  const { dtype, gpu = currentDevice() } = options;
  const result = emptyTensor(gpu, shape, dtype);
  gpu.feed(result.storage.memory, numbers);
  return result;
}

/** Runs `action` now; in a step that is being recorded, in every run of it instead. */
export function everyRun(action: () => void, gpu: Gpu = currentDevice()): void {
  gpu.everyRun(action);
}

function dtypeOf(data: TypedArray): DType {
  if (data instanceof Float32Array) return "float32";
  return data instanceof Int32Array ? "int32" : "uint32";
}

/** Inputs with the same one share a recording. @throws ShapeError for too few numbers, or too many */
function signatureOf(inputs: Readonly<Record<string, HostArray>>): string {
  for (const [name, { data, shape }] of Object.entries(inputs)) {
    if (sizeOf(shape) === data.length) continue;
    throw new ShapeError(
      `a recorded step's ${name} ${showShape(shape)} needs ${sizeOf(shape)} numbers, but there are ${data.length}`,
    );
  }
  return JSON.stringify(
    Object.entries(inputs).map(([name, { data, shape }]) => [name, dtypeOf(data), shape]),
  );
}

/** @throws RecordingError */
function numberIn(name: string, x: Tensor) {
  if (x.size === 1 && x.dtype === "float32") return x.storage.memory;
  throw new RecordingError(
    `a recorded step returns numbers, but ${name} is ${x.dtype} ${showShape(x.shape)}`,
    "reduce it with mean() or sum(), or compute it outside of the step",
  );
}
