/**
 * What all optimisers share: the parameters and what is remembered about each, and the end of a training step. A
 * parameter is updated in place by one kernel, with no copy of weights, gradient or state. All parameters lie behind each
 * other in memory, so that a recorded step updates them by one command.
 */
import { requireNonNegative } from "../arguments.ts";
import { ArgumentError, AutogradError, DtypeError, RecordingError, ShapeError } from "../errors.ts";
import type { Batch, Gpu } from "../gpu/gpu.ts";
import type { Constants, Kernel } from "../gpu/kernel.ts";
import { layTogether, zerosTogether } from "../layTogether.ts";
import { requireOneDevice } from "../ops/define.ts";
import { copyInto, filled } from "../ops/elementwise.ts";
import { dispatchElements } from "../ops/slices.ts";
import { withOrigin } from "../origin.ts";
import { sameShape, showShape } from "../shape.ts";
import { now, releaseStep } from "../storage.ts";
import type { Tensor } from "../tensor.ts";

/** An optimiser's memory, by names that start with the index of the parameter: "0.step", "0.momentumBuffer". */
export interface OptimizerState {
  readonly numbers: Readonly<Record<string, number>>;
  readonly tensors: Readonly<Record<string, Tensor>>;
}

/** What remembers something from step to step, for a checkpoint. */
export interface Remembering {
  /** What it works on. */
  readonly parameters: readonly Tensor[];
  stateDict(): OptimizerState;
  /** @throws ArgumentError, ShapeError; nothing has changed then */
  loadStateDict(state: OptimizerState): void;
}

/** Parameters that share a learning rate and a weight decay; both may change from step to step. */
export interface ParameterGroup {
  readonly parameters: readonly Tensor[];
  /**
   * 0 or more, as the weight decay is; anything else throws an ArgumentError. Setting one in a recorded step, but not in
   * `everyRun`, throws a RecordingError.
   */
  learningRate: number;
  weightDecay: number;
}

/** A group of parameters, and what is not to be as the optimiser's options say. */
export interface ParameterGroupOptions {
  readonly parameters: Iterable<Tensor>;
  readonly learningRate?: number;
  readonly weightDecay?: number;
}

/** What an optimiser takes: parameters, or groups of them. */
export type OptimizedParameters = Iterable<Tensor> | Iterable<ParameterGroupOptions>;

/** What updates a weight. */
export interface Update extends Batch {
  readonly kernel: Kernel;
}

/** What is remembered about one parameter. */
interface Memory {
  /** How many updates it had. */
  step: number;
  /** Since a state that knows nothing of it was loaded. */
  isForgotten: boolean;
  /** Of the parameter's shape, zeros at first; one for each of the optimiser's buffer names. */
  readonly buffers: readonly Tensor[];
}

interface Remembered {
  readonly parameter: Tensor;
  readonly memory: Memory;
}

/**
 * Updates parameters by their gradients: `zeroGrad()`, `loss.backward()`, `step()`. Parameters without a gradient, frozen
 * ones among them, stay as they are. (`torch.optim.Optimizer`)
 */
export abstract class Optimizer implements Remembering {
  /** One if the optimiser was given parameters and no groups. */
  readonly groups: readonly ParameterGroup[];
  /** Those of all groups. */
  readonly parameters: readonly Tensor[];
  readonly #name: string;
  readonly #bufferNames: readonly string[];
  readonly #memories = new Map<Tensor, Memory>();
  readonly #gpu: Gpu;
  /** When the last two steps ended. What was made before the first end is left to the garbage collector. */
  #stepEnds: number[] = [];

  /**
   * @param name for messages
   * @param defaults for groups that have none of their own
   * @param bufferNames what the optimiser remembers about every weight
   */
  protected constructor(
    name: string,
    parameters: OptimizedParameters,
    defaults: Pick<ParameterGroup, "learningRate" | "weightDecay">,
    bufferNames: readonly string[],
  ) {
    this.#name = name;
    this.#bufferNames = bufferNames;
    this.groups = groupsOf(name, parameters).map((group) => new Group(name, { ...defaults, ...group }));
    this.parameters = this.groups.flatMap((group) => group.parameters);
    checkParameters(name, this.parameters);
    for (const parameter of this.parameters) parameter.keep();
    this.#gpu = this.parameters[0].gpu;
    this.#gpu.lasting(() => layTogether(this.parameters)); // for real, though a step be recorded
  }

  /** Of all parameters. @throws ArgumentError where groups differ in it */
  get learningRate(): number {
    const [first, ...others] = this.groups.map((group) => group.learningRate);
    if (others.every((other) => other === first)) return first;
    throw new ArgumentError(
      `${this.#name}: its groups have different learning rates, ${[first, ...others].join(", ")}`,
      "read and set optimizer.groups[i].learningRate",
    );
  }

  /** Sets it for all groups; may change from step to step. @throws ArgumentError unless it is 0 or more */
  set learningRate(value: number) {
    for (const group of this.groups) group.learningRate = value;
  }

  /**
   * Updates every parameter that has a gradient, and ends the training step: what operations made in the step before
   * this one goes back to the pool (rule 3 of `storage.ts`), and the device starts on all commands given so far.
   * @param skip one number, computed on the device: if it is not 0, nothing but the number of the step changes
   * @throws ShapeError for a gradient that is not of its parameter's shape
   */
  step(skip?: Tensor): void {
    withOrigin({ module: undefined, phase: "update" }, () => this.#updateAll(skip));
    this.#endStep();
  }

  #updateAll(skip: Tensor | undefined): void {
    for (const group of this.groups) {
      const parameters = group.parameters.filter(({ grad }) => grad);
      for (const parameter of parameters) this.#requireFitting(parameter);
      this.#gpu.lasting(() => this.#remember(parameters));
      const remembered = parameters.map((parameter) => ({
        parameter,
        memory: this.#memories.get(parameter)!,
      }));
      // All parameters have as many updates behind them, but for those that had no gradient at times.
      const steps = [...new Set(remembered.map(({ memory }) => memory.step))];
      const sets = steps.map((step) => remembered.filter(({ memory }) => memory.step === step));
      for (const alike of sets) this.#updateAlike(group, alike, skip);
    }
  }

  /** Those parameters of a group that have had as many updates: by one number of the step. */
  #updateAlike(group: ParameterGroup, alike: readonly Remembered[], skip: Tensor | undefined): void {
    const [{ memory: first }] = alike;
    this.#gpu.everyRun(() => {
      if (alike.some(({ memory }) => memory.step !== first.step)) {
        throw new RecordingError(
          `${this.#name}: parameters that had as many updates when this step was recorded no longer have`,
          "record it anew: release() the step, then run it",
        );
      }
      for (const { parameter, memory } of alike) {
        memory.step++;
        memory.isForgotten = false;
        parameter.storage.version++;
      }
    });
    const binding = 2 + first.buffers.length;
    const isSkipped = skip
      ? `@group(0) @binding(${binding}) var<storage, read> skip: array<f32>;
fn isSkipped() -> bool { return skip[0] != 0.0; }`
      : "fn isSkipped() -> bool { return false; }";
    const { kernel, ...batch } = this.update(group, () => first.step, { isSkipped });
    for (const { parameter, memory } of alike) {
      const buffers = [parameter, parameter.grad!, ...memory.buffers, ...(skip ? [skip] : [])];
      dispatchElements({ kernel, buffers, ...batch, batch });
      parameter.storage.version++; // while a step is recorded, too: what comes after this in it sees other numbers
    }
  }

  /** @throws ShapeError */
  #requireFitting(parameter: Tensor): void {
    const { grad, shape } = parameter;
    if (sameShape(grad!.shape, shape)) return;
    throw new ShapeError(
      `${this.#name}: the gradient of parameter ${this.parameters.indexOf(parameter)} is ${showShape(grad!.shape)}, but the parameter is ${showShape(shape)}`,
    );
  }

  /** Forgets all gradients; their memory goes back to the pool. */
  zeroGrad(): void {
    for (const parameter of this.parameters) {
      parameter.grad?.storage.releaseGradient("zeroGrad() has cleared this gradient");
      parameter.grad = null;
    }
  }

  /** What the optimiser remembers: the tensors are its own, and change with the next step. */
  stateDict(): OptimizerState {
    const numbers: Record<string, number> = {};
    this.groups.forEach(({ learningRate, weightDecay }, index) => {
      numbers[nameIn(index, "learningRate")] = learningRate;
      numbers[nameIn(index, "weightDecay")] = weightDecay;
    });
    const tensors: Record<string, Tensor> = {};
    this.parameters.forEach((parameter, index) => {
      const memory = this.#memories.get(parameter);
      if (!memory || memory.isForgotten) return;
      numbers[`${index}.step`] = memory.step;
      this.#bufferNames.forEach((name, position) => {
        tensors[`${index}.${name}`] = memory.buffers[position];
      });
    });
    return { numbers, tensors };
  }

  /**
   * Goes on from what `stateDict` returned, of an optimiser of this kind for parameters of the same shapes; the
   * tensors are copied.
   * @throws ArgumentError, ShapeError; nothing has changed then
   */
  loadStateDict({ numbers, tensors }: OptimizerState): void {
    const groups = this.#storedGroups(numbers);
    const memories = new Map<Tensor, { step: number; found: Tensor[] }>();
    const steps = Object.keys(numbers).filter((name) => name.endsWith(".step"));
    const unknown = new Set([...steps, ...Object.keys(tensors)]);
    this.parameters.forEach((parameter, index) => {
      const step = numbers[`${index}.step`];
      if (step === undefined) return;
      unknown.delete(`${index}.step`);
      const found = this.#bufferNames.map((name) => {
        unknown.delete(`${index}.${name}`);
        return storedTensor(this.#name, tensors, `${index}.${name}`, parameter);
      });
      memories.set(parameter, { step, found });
    });
    if (unknown.size > 0) {
      throw new ArgumentError(
        `${this.#name}: the state holds ${[...unknown].join(", ")}, which belong to no parameter of this optimiser`,
        "load what stateDict() of the same kind returned, with the same options and parameters",
      );
    }
    for (const [index, group] of groups.entries()) Object.assign(this.groups[index], group);
    for (const [parameter, memory] of this.#memories) {
      if (memories.has(parameter)) continue;
      memory.step = 0; // and not another memory: recorded steps write to this one
      memory.isForgotten = true;
      for (const buffer of memory.buffers) copyInto(buffer, filled(this.#gpu, buffer.shape, 0));
    }
    this.#remember([...memories.keys()]);
    for (const [parameter, { step, found }] of memories) {
      const memory = this.#memories.get(parameter)!;
      memory.step = step;
      memory.isForgotten = false;
      for (const [index, tensor] of found.entries()) copyInto(memory.buffers[index], tensor);
    }
  }

  /**
   * How a parameter of the group is updated: by a kernel that binds it, its gradient and its buffers.
   * @param step the number of the update, from 1: another one in every run of a recorded step
   * @param constants of the kernel: `isSkipped()`, which says whether nothing is to change
   */
  protected abstract update(group: ParameterGroup, step: () => number, constants: Constants): Update;

  /** Begins to remember these parameters; what is remembered lies as they do, so that one command can update all. */
  #remember(parameters: readonly Tensor[]): void {
    const unknown = parameters.filter((parameter) => !this.#memories.has(parameter));
    if (unknown.length === 0) return;
    const shapes = unknown.map(({ shape }) => shape);
    const buffers = this.#bufferNames.map(() => zerosTogether(this.#gpu, shapes));
    unknown.forEach((parameter, index) => {
      this.#memories.set(parameter, {
        step: 0,
        isForgotten: false,
        buffers: buffers.map((tensors) => tensors[index]),
      });
    });
  }

  #storedGroups(numbers: OptimizerState["numbers"]) {
    const groups = this.groups.map((group, index) => ({
      learningRate: numbers[nameIn(index, "learningRate")],
      weightDecay: numbers[nameIn(index, "weightDecay")] ?? group.weightDecay, // older states have none
    }));
    const lacksOne = groups.some(({ learningRate }) => learningRate === undefined);
    if (lacksOne || nameIn(groups.length, "learningRate") in numbers) {
      throw new ArgumentError(
        `${this.#name}: the state has the learning rates of another number of parameter groups than ${groups.length}`,
        "load it into an optimiser with the same groups",
      );
    }
    for (const group of groups) requireNonNegative(this.#name, group);
    return groups;
  }

  #endStep(): void {
    this.#gpu.everyRun(() => {
      const [from, to] = this.#stepEnds;
      if (to !== undefined) releaseStep(this.#gpu, from, to);
      this.#stepEnds = [...this.#stepEnds.slice(-1), now()];
    });
    this.#gpu.flush().catch(() => {}); // whoever reads next gets the error
  }
}

/** Sees to it that the numbers stay in their range. */
class Group implements ParameterGroup {
  readonly parameters: readonly Tensor[];
  readonly #name: string;
  #learningRate: number;
  #weightDecay: number;

  constructor(name: string, { parameters, learningRate, weightDecay }: Required<ParameterGroupOptions>) {
    requireNonNegative(name, { learningRate, weightDecay });
    this.#name = name;
    this.parameters = [...parameters];
    this.#learningRate = learningRate;
    this.#weightDecay = weightDecay;
  }

  get learningRate(): number {
    return this.#learningRate;
  }

  set learningRate(value: number) {
    this.#check({ learningRate: value });
    this.#learningRate = value;
  }

  get weightDecay(): number {
    return this.#weightDecay;
  }

  set weightDecay(value: number) {
    this.#check({ weightDecay: value });
    this.#weightDecay = value;
  }

  #check(rate: Readonly<Record<string, number>>): void {
    requireNonNegative(this.#name, rate);
    this.parameters[0]?.gpu.refuseInStep(`set the ${Object.keys(rate)[0]}`);
  }
}

/** @throws ArgumentError for a mixture of parameters and groups */
function groupsOf(name: string, parameters: OptimizedParameters): ParameterGroupOptions[] {
  const list: (Tensor | ParameterGroupOptions)[] = [...parameters];
  const groups = list.filter((item): item is ParameterGroupOptions => "parameters" in item);
  if (groups.length === 0) return [{ parameters: list as Tensor[] }];
  if (groups.length === list.length) return groups;
  throw new ArgumentError(
    `${name}: got ${groups.length} groups and ${list.length - groups.length} parameters outside of them`,
    "put the others into a group as well: { parameters: […] }",
  );
}

/**
 * A tensor of a state, which is to have the shape of its parameter.
 * @param name of what loads the state
 * @throws ArgumentError, ShapeError
 */
export function storedTensor(
  name: string,
  tensors: OptimizerState["tensors"],
  key: string,
  like: Tensor,
): Tensor {
  const stored = tensors[key];
  if (!stored) {
    throw new ArgumentError(
      `${name}: the state lacks ${key}`,
      "load what stateDict() of the same kind returned, with the same options and parameters",
    );
  }
  requireOneDevice(name, "its tensors", [like, stored]);
  if (sameShape(stored.shape, like.shape)) return stored;
  throw new ShapeError(
    `${name}: ${key} is ${showShape(stored.shape)} in the state, but the parameter is ${showShape(like.shape)}`,
    "load the state of a training of the same model",
  );
}

/** What a group's number is called in the state. */
function nameIn(group: number, name: "learningRate" | "weightDecay"): string {
  return group === 0 ? name : `group${group}.${name}`;
}

function checkParameters(name: string, parameters: readonly Tensor[]): void {
  if (parameters.length === 0)
    throw new ArgumentError(`${name}: there are no parameters to optimise`, "pass model.parameters()");
  if (new Set(parameters.map(({ storage }) => storage)).size < parameters.length)
    throw new ArgumentError(`${name}: a parameter is listed twice`, "list a shared parameter once");
  parameters.forEach((parameter, index) => {
    if (parameter.node) {
      throw new AutogradError(
        `${name}: parameter ${index}, ${parameter}, is the result of an operation; only a tensor that you made can be optimised`,
        "pass detach() of it, with requiresGrad set, or the tensors that it was computed from",
      );
    }
    if (parameter.dtype !== "float32")
      throw new DtypeError(`${name}: parameter ${index} must be float32, got ${parameter.dtype}`);
  });
  requireOneDevice(name, "its parameters", parameters);
}
