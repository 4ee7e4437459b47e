/** A step of training, written down once and replayed: what that asks of it, and which recording a run needs. */
import { currentDevice, withDevice } from "./currentDevice.ts";
import { RecordingError } from "./errors.ts";
import type { GpuMemory } from "./gpu/buffers.ts";
import type { Gpu } from "./gpu/gpu.ts";
import { type Plan, plan } from "./gpu/recording/plan.ts";
import type { Replay } from "./gpu/recording/replay.ts";
import { requireSame } from "./gpu/recording/trace.ts";
import { synchronous } from "./gradMode.ts";
import { checkShape, type Shape, showShape } from "./shape.ts";
import {
  emptyTensor,
  type HostDType,
  hostDTypeOf,
  requireFilled,
  Tensor,
  type TypedArray,
} from "./tensor.ts";

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

export interface RecordOptions {
  /**
   * Whether each command stays by itself where several could be given as one (`gpu/recording/together.ts`), as for a profile
   * that tells them apart. Default: false.
   */
  readonly apart?: boolean;
}

export interface RecordedStep<Inputs extends string, Outputs extends string> {
  /**
   * Gives a step to the device; resolves when that is at most two steps behind.
   * @throws RecordingError for a step that cannot be recorded; ShapeError, DtypeError for its inputs; LimitError,
   * KernelError, DeviceLostError
   */
  run(inputs: Readonly<Record<Inputs, HostArray>>): Promise<Readonly<Record<Outputs, DeviceNumber>>>;
  /** Does the step without a recording: `work` is called anew. The tensors that it returns. */
  runEagerly(inputs: Readonly<Record<Inputs, HostArray>>): Promise<Readonly<Record<Outputs, Tensor>>>;
  /** What a step on inputs of these shapes takes; nothing is allocated but what outlives it (`Gpu.lasting`). */
  plan(inputs: Readonly<Record<Inputs, HostArray>>): Plan;
  /** Gives the memory of all recordings back. */
  release(): void;
}

/** Data of ever new shapes: the oldest recording goes. */
const mostRecordings = 32;

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
 *
 * @param work a step: all that it uses from outside lives on the current device. In strict TypeScript its inputs want
 * names: `({ images, labels }: Record<"images" | "labels", Tensor>) => …`
 * @returns the step, not recorded before its first run
 */
export function recordStep<Inputs extends string, Outputs extends string>(
  work: (inputs: Readonly<Record<Inputs, Tensor>>) => Readonly<Record<Outputs, Tensor>>,
  { apart = false }: RecordOptions = {},
): RecordedStep<Inputs, Outputs> {
  const gpu = currentDevice();
  const recordings = new Map<string, { readonly replay: Replay; readonly names: readonly Outputs[] }>();
  /** Shared by all recordings: only one of them runs at a time. */
  let arena: GpuMemory[] = [];
  /** Runs take turns: each works on its own inputs. */
  let underWay = 0;
  let last: Promise<void> = Promise.resolve();
  let current: Readonly<Record<Inputs, HostArray>>;

  function workOnCurrent() {
    const tensors = Object.entries<HostArray>(current).map(([name, { data, shape }]) => [
      name,
      fed(shape, () => current[name as Inputs].data, { dtype: hostDTypeOf(name, data), gpu }),
    ]);
    return withDevice(gpu, () => synchronous(work(Object.fromEntries(tensors))));
  }
  function planned(): { readonly names: readonly Outputs[]; readonly plan: Plan } {
    const { trace: rehearsal } = gpu.trace(workOnCurrent);
    const { result, trace } = gpu.trace(workOnCurrent);
    requireSame(rehearsal, trace);
    const names = Object.keys(result ?? {}) as Outputs[];
    const outputs = names.map((name) => numberIn(name, result[name]));
    return { names, plan: plan(trace, outputs, gpu.largestBinding, apart) };
  }
  async function record(signature: string): Promise<void> {
    drop(signature); // what follows may fail
    const { names, plan } = planned();
    const lent = arenaFor(plan);
    const made = { replay: await gpu.prepare(plan, lent), names };
    if (lent !== arena) {
      made.replay.release();
      giveBack(lent);
      throw new RecordingError("a recorded step was released during its first run", "await run() first");
    }
    recordings.set(signature, made);
    if (recordings.size > mostRecordings) drop(recordings.keys().next().value!);
  }
  function drop(signature: string): void {
    recordings.get(signature)?.replay.release();
    recordings.delete(signature);
  }
  /** The memory that recordings share, large enough for this one: those that bind smaller buffers are made again. */
  function arenaFor(plan: Plan): GpuMemory[] {
    const falling = arena.map(({ bytes }) => bytes).sort((a, b) => b - a);
    if (plan.arena.some((bytes, index) => falling[index] < bytes)) {
      release();
      arena = falling.map((bytes, index) => gpu.allocate(Math.max(bytes, plan.arena[index] ?? 0), true));
    }
    return arena;
  }
  function release(): void {
    for (const signature of recordings.keys()) drop(signature);
    giveBack(arena);
    arena = [];
  }
  function giveBack(lent: GpuMemory[]): void {
    for (const memory of lent.splice(0)) gpu.release(memory);
  }
  async function runNow(inputs: Readonly<Record<Inputs, HostArray>>) {
    const signature = signatureOf(inputs);
    let made = recordings.get(signature);
    // While this waits, anything may happen: parameters move, recordings are released, others work on other inputs.
    while (!made?.replay.isCurrent() || !made.replay.isNext()) {
      current = inputs;
      if (made?.replay.isCurrent()) await gpu.flush();
      else await record(signature);
      made = recordings.get(signature);
    }
    const { replay, names } = made;
    current = inputs;
    const numbers = withDevice(gpu, () => replay.run());
    await gpu.flush(); // as eager steps do, below
    const items = names.map((name, index) => [name, { item: async () => (await numbers())[index] }]);
    return Object.fromEntries(items);
  }
  return {
    run(inputs) {
      gpu.refuseInStep("run another one");
      const result = underWay > 0 ? last.then(() => runNow(inputs)) : runNow(inputs);
      underWay++;
      last = result
        .catch(() => {}) // the caller hears of it
        .then(() => {
          underWay--;
        });
      return result;
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
    release,
  };
}

export interface FedOptions {
  /** Default: float32. */
  readonly dtype?: HostDType;
  /** Default: the current device. */
  readonly gpu?: Gpu;
}

/**
 * A tensor whose numbers the host gives anew in every run of a recorded step; outside of one, a tensor of `numbers()`
 * that lives as long as a result.
 * @param numbers as many as the shape has, of the dtype's array type
 * @throws ShapeError, DtypeError
 */
export function fed(shape: Shape, numbers: () => TypedArray, options: FedOptions = {}): Tensor {
  checkShape("fed", shape);
  const { dtype, gpu = currentDevice() } = options;
  const result = emptyTensor(gpu, shape, dtype);
  gpu.feed(result.storage.memory, () => fitting(numbers(), result));
  return result;
}

/** Runs `action` now; in a step that is being recorded, in every run of it instead. */
export function everyRun(action: () => void, gpu: Gpu = currentDevice()): void {
  gpu.everyRun(action);
}

/** @throws ShapeError, DtypeError */
function fitting(numbers: TypedArray, { shape, dtype }: Tensor): TypedArray {
  hostDTypeOf("fed:", numbers, dtype);
  requireFilled("fed:", shape, numbers);
  return numbers;
}

/** Inputs with the same one share a recording. @throws ShapeError, DtypeError */
function signatureOf(inputs: Readonly<Record<string, HostArray>>): string {
  let signature = "";
  for (const [name, { data, shape }] of Object.entries(inputs)) {
    const what = `a recorded step's ${name}`;
    signature += `${name}: ${hostDTypeOf(what, data)} ${shape}; `;
    requireFilled(what, shape, data);
  }
  return signature;
}

/** @throws RecordingError */
function numberIn(name: string, x: unknown) {
  if (!(x instanceof Tensor))
    throw new RecordingError(
      `a recorded step returned ${name}, which is no tensor`,
      "return tensors by their names: { loss }",
    );
  if (x.size === 1 && x.dtype === "float32") return x.storage.memory;
  throw new RecordingError(
    `a recorded step returns numbers, but ${name} is ${x.dtype} ${showShape(x.shape)}`,
    "reduce it with mean() or sum()",
  );
}
