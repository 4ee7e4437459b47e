/** Models are modules of modules: what they are made of is found in their properties. */
import { ArgumentError, WgradError } from "../errors.ts";
import { requireOneDevice } from "../ops/define.ts";
import { copyInto } from "../ops/elementwise.ts";
import { withOrigin } from "../origin.ts";
import { sameShape, showShape } from "../shape.ts";
import { Tensor } from "../tensor.ts";

/** Sees every call of a module, innermost first. */
export type CallObserver = (module: Module<never, unknown>, output: unknown) => void;

let observer: CallObserver | undefined;

/** Runs `work`; `observe` sees all calls of modules in it. */
export function observeCalls<T>(observe: CallObserver, work: () => T): T {
  const before = observer;
  observer = observe;
  try {
    return work();
  } finally {
    observer = before;
  }
}

/**
 * What a model is made of: a module is a class with tensors and other modules as properties and a `forward`; names,
 * parameters and the state dict follow from the properties, as in PyTorch:
 *
 *     class Classifier extends Module {
 *       readonly hidden = new Linear(784, 100);
 *       readonly output = new Linear(100, 10);
 *       forward(x: Tensor) { return this.output.call(relu(this.hidden.call(x))); }
 *     }
 *
 * A tensor that has been asked for a gradient is a parameter, any other is a buffer. Use a module by `call`, which runs
 * `forward` and, when something in it fails, says in which layer.
 *
 * Modules are found in properties and in arrays of modules, tensors in properties; neither in `#private` fields, nor in
 * Maps or plain objects. (`torch.nn.Module`)
 */
export abstract class Module<Inputs extends unknown[] = [Tensor], Output = Tensor> {
  /** Whether dropout and the like are active; set it with `train()` and `eval()`. */
  training = true;

  abstract forward(...inputs: Inputs): Output;

  /** One line for summaries: "Linear(784, 256)". */
  describe(): string {
    return this.constructor.name;
  }

  /** `forward`, with the layer's path in the message of an error: "encoder.2: linear: expected …". */
  call(...inputs: Inputs): Output {
    return this.within(() => {
      const output = this.forward(...inputs);
      observer?.(this as unknown as Module<never, unknown>, output);
      return output;
    });
  }

  /** For what a module does beside `forward`: errors and times in `work` are told with the layer's path. */
  protected within<T>(work: () => T): T {
    try {
      return withOrigin({ module: this }, work);
    } catch (error) {
      if (error instanceof WgradError) error.passedThrough(this, (inner) => this.nameOf(inner));
      throw error;
    }
  }

  /** The direct children with the names of their properties; for an array, "name.0", "name.1", … */
  *namedChildren(): Generator<[string, Module<never, unknown>]> {
    for (const [name, value] of Object.entries(this)) {
      if (value instanceof Module) yield [name, value as Module<never, unknown>];
      else if (Array.isArray(value)) {
        for (const [index, item] of value.entries()) {
          if (item instanceof Module) yield [`${name}.${index}`, item as Module<never, unknown>];
        }
      }
    }
  }

  /** This module ("") and all below it, with paths such as "encoder.2". */
  *namedModules(prefix = ""): Generator<[string, Module<never, unknown>]> {
    yield [prefix, this as unknown as Module<never, unknown>];
    for (const [name, child] of this.namedChildren()) yield* child.namedModules(join(prefix, name));
  }

  /** Parameters and buffers with paths such as "encoder.2.weight"; like PyTorch's, "encoder.1.running_mean". */
  *namedTensors(): Generator<[string, Tensor]> {
    for (const [path, module] of this.namedModules()) {
      for (const [name, value] of Object.entries(module))
        if (value instanceof Tensor) yield [join(path, snakeCase(name)), value];
    }
  }

  /** With paths, frozen ones too; a shared one once, where it comes first. */
  *namedParameters(): Generator<[string, Tensor]> {
    const seen = new Set<Tensor>();
    for (const [path, tensor] of this.namedTensors()) {
      if (tensor.isParameter && !seen.has(tensor)) yield [path, tensor];
      seen.add(tensor);
    }
  }

  /** Freeze them with `requiresGrad = false`, which optimisers leave alone. */
  *parameters(): Generator<Tensor> {
    for (const [, parameter] of this.namedParameters()) yield parameter;
  }

  train(): this {
    for (const [, module] of this.namedModules()) module.training = true;
    return this;
  }

  eval(): this {
    for (const [, module] of this.namedModules()) module.training = false;
    return this;
  }

  /** Parameters and buffers by path; the tensors themselves, not copies. */
  stateDict(): Map<string, Tensor> {
    return new Map(this.namedTensors());
  }

  /**
   * Copies the numbers of `state` into this module's parameters and buffers.
   * @throws ArgumentError listing every missing, unexpected and misshapen tensor, or for those of another device; nothing
   * is changed then
   */
  loadStateDict(state: ReadonlyMap<string, Tensor>): void {
    const own = this.stateDict();
    const problems = [
      ...[...own.keys()].filter((name) => !state.has(name)).map((name) => `missing: ${name}`),
      ...[...state.keys()].filter((name) => !own.has(name)).map((name) => `unexpected: ${name}`),
      ...[...own].flatMap(([name, tensor]) => {
        const given = state.get(name);
        return !given || (sameShape(given.shape, tensor.shape) && given.dtype === tensor.dtype)
          ? []
          : [
              `misfit: ${name} is ${given.dtype} ${showShape(given.shape)}, expected ${tensor.dtype} ${showShape(tensor.shape)}`,
            ];
      }),
    ];
    if (problems.length > 0) {
      throw new ArgumentError(`the state dict does not fit ${this.describe()}:\n  ${problems.join("\n  ")}`);
    }
    requireOneDevice("loadStateDict", "its tensors", [...own.values(), ...state.values()]);
    for (const [name, tensor] of own) copyInto(tensor, state.get(name)!);
  }

  private nameOf(inner: unknown): string | undefined {
    for (const [path, module] of this.namedModules()) if (module === inner) return path;
    return undefined;
  }
}

function join(prefix: string, name: string): string {
  return prefix === "" ? name : `${prefix}.${name}`;
}

/** What Python calls a property: runningMean is running_mean, so that state dicts move both ways. */
function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
