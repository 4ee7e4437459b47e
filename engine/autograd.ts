/**
 * Reverse-mode automatic differentiation. Every operation on a tensor that asks for gradients leaves a node: its
 * inputs, and a pullback that turns the gradient of its output into the gradients of its inputs. `propagate` walks
 * the nodes from the outputs backwards, each after all of its consumers (topological order), adding up what
 * arrives over several paths. A node that has been walked gives its memory back, so a graph is good for one walk.
 */
import { AutogradError } from "./errors.ts";
import type { Origin } from "./gpu/gpu.ts";
import { noGrad } from "./gradMode.ts";
import { combineElements, copied, filled } from "./ops/elementwise.ts";
import { withOrigin } from "./origin.ts";
import { showShape } from "./shape.ts";
import { collect, handOut, type Storage } from "./storage.ts";
import { checkGradient, type Tensor } from "./tensor.ts";

export interface GraphNode {
  readonly name: string;
  readonly inputs: readonly Tensor[];
  /** Whether this input asked for its gradient when the operation ran. */
  readonly needs: (input: number) => boolean;
  /** What the operation made and its pullback may still read. */
  readonly owned: readonly Storage[];
  /** Of the inputs' storages, when the operation ran. */
  readonly versions: readonly number[];
  /** Where the operation ran. */
  readonly origin: Origin;
  /** From the output's gradient to the inputs', null where there is none to give. Undefined once it was used. */
  pullback: ((gradient: Tensor) => readonly (Tensor | null)[]) | undefined;
}

/** Of what a backward pass does outside of pullbacks. */
const ownOrigin: Origin = { module: undefined, phase: "backward" };

/** Adds the gradient of `output` to `grad` of every leaf that it depends on (`Tensor.backward`). */
export function backward(output: Tensor, gradient?: Tensor): void {
  withOrigin(ownOrigin, () => addToLeaves(output, gradient));
}

function addToLeaves(output: Tensor, gradient: Tensor | undefined): void {
  const found = propagate([output], gradient && [gradient], []);
  const taken = new Set<Storage>();
  for (const [leaf, arrived] of found) {
    const total = noGrad(() => {
      if (leaf.grad) return add(leaf.grad, arrived);
      // Two leaves may have received the very same tensor, and the caller's own is not ours to keep.
      return taken.has(arrived.storage) || arrived.storage === gradient?.storage ? copied(arrived) : arrived;
    });
    leaf.grad?.storage.releaseGradient("a later backward() added to this gradient");
    taken.add(total.storage);
    leaf.grad = total.keep();
    total.storage.isGradient = true;
  }
  for (const { storage } of found.values()) {
    if (storage.lifetime !== "owner" && storage !== gradient?.storage)
      storage.release("it was added to an earlier gradient");
  }
}

/**
 * The gradients of the sum of `outputs` by each of `inputs`, which may be leaves or results; leaves `grad` alone.
 * @param gradients one an output; may be left out where outputs have one element
 * @throws AutogradError when an output does not depend on an input
 */
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: readonly Tensor[],
  gradients?: readonly Tensor[],
): Tensor[] {
  const list = [outputs].flat() as Tensor[];
  const found = withOrigin(ownOrigin, () => propagate(list, gradients, inputs));
  return inputs.map((input, index) => {
    const gradient = found.get(input);
    if (gradient) return gradient;
    throw new AutogradError(
      `grad: the outputs do not depend on input ${index}, ${input}`,
      "set requiresGrad on it before the outputs are computed",
    );
  });
}

function unitGradient(output: Tensor): Tensor {
  if (output.size === 1) return filled(output.gpu, output.shape, 1, output.dtype);
  throw new AutogradError(
    `backward: the tensor has the shape ${showShape(output.shape)}; only for one element is the gradient to start from clear`,
    "reduce it with sum() or mean(), or pass the gradient: tensor.backward(gradient)",
  );
}

/**
 * The gradients that arrive at the leaves, or at `wanted` if it is not empty. Uses the graph up.
 * @param given the caller's own gradients to start from, which are left alone; else each output has one element
 */
function propagate(
  outputs: readonly Tensor[],
  given: readonly Tensor[] | undefined,
  wanted: readonly Tensor[],
): Map<Tensor, Tensor> {
  const gradients = given ?? outputs.map(unitGradient);
  outputs.forEach((output, index) => {
    checkGradient(gradients[index], output);
    if (!output.requiresGrad) {
      throw new AutogradError(
        `backward: ${output} does not depend on any tensor that requires a gradient`,
        "set requiresGrad on a leaf, and compute outside of noGrad()",
      );
    }
  });
  const order = consumersFirst(outputs);
  const incoming = new Map<GraphNode | Tensor, Tensor>();
  const held = new Map<Storage, number>();
  const found = new Map<Tensor, Tensor>();

  function hold(gradient: Tensor, change: 1 | -1): void {
    held.set(gradient.storage, (held.get(gradient.storage) ?? 0) + change);
  }
  function deliver(to: Tensor, gradient: Tensor): void {
    const key = to.node ?? to;
    const earlier = incoming.get(key);
    if (earlier) hold(earlier, -1);
    const total = earlier ? add(earlier, gradient) : gradient;
    hold(total, 1);
    incoming.set(key, total);
  }
  function releaseUnheld(storages: Iterable<Storage>): void {
    for (const storage of storages) {
      if (!held.get(storage) && storage.lifetime !== "owner")
        storage.release("backward() has passed this gradient on");
    }
  }

  for (const gradient of given ?? []) hold(gradient, 1);
  // The outputs themselves are the caller's results: a loss is read after its backward.
  for (const output of outputs) if (output.storage.lifetime === "graph") output.storage.lifetime = "step";
  noGrad(() => {
    const { made } = collect(() => {
      outputs.forEach((output, index) => {
        deliver(output, gradients[index]);
      });
      for (const node of order) {
        const gradient = incoming.get(node);
        if (gradient) {
          requireUnchanged(node);
          const step = collect(() =>
            withOrigin({ module: node.origin.module }, () => {
              node.pullback!(gradient).forEach((arrived, index) => {
                if (arrived && node.needs(index)) deliver(node.inputs[index], arrived);
              });
            }),
          );
          for (const input of wanted) {
            if (input.node === node) {
              hold(gradient, 1);
              found.set(input, gradient);
            }
          }
          incoming.delete(node);
          hold(gradient, -1);
          releaseUnheld([...step.made, gradient.storage]);
          handOut(step.made);
        }
        free(node);
      }
    });
    handOut(made);
  });
  for (const [key, gradient] of incoming) {
    if (isTensor(key) && (wanted.length === 0 || wanted.includes(key))) found.set(key, gradient);
    else hold(gradient, -1);
  }
  releaseUnheld([...incoming.values()].map((gradient) => gradient.storage));
  return found;
}

function add(a: Tensor, b: Tensor): Tensor {
  return combineElements("add", "a + b", a, b);
}

/**
 * @throws AutogradError where an input has other numbers than the forward pass had, also where its gradients would not
 * read them; PyTorch looks at what they read alone
 */
function requireUnchanged({ name, inputs, versions }: GraphNode): void {
  if (inputs.every(({ storage }, index) => storage.version === versions[index])) return;
  throw new AutogradError(
    `backward: an input of ${name} was overwritten after the forward pass`,
    "call backward() before step()",
  );
}

function isTensor(key: GraphNode | Tensor): key is Tensor {
  return "storage" in key;
}

function free(node: GraphNode): void {
  node.pullback = undefined;
  for (const storage of node.owned) {
    if (storage.lifetime === "graph") storage.release(`backward() has used this result of ${node.name}`);
  }
}

/** All nodes behind `outputs`, each before the nodes of its inputs. @throws AutogradError if one was used already */
function consumersFirst(outputs: readonly Tensor[]): GraphNode[] {
  const finished: GraphNode[] = [];
  const seen = new Set<GraphNode>();
  // Depth first with an explicit stack: a graph may be deeper than JavaScript's call stack.
  const stack: { node: GraphNode; next: number }[] = [];
  function visit(node: GraphNode | null): void {
    if (!node || seen.has(node)) return;
    if (!node.pullback) {
      throw new AutogradError(
        `backward: an earlier backward() has already used the graph behind ${node.name}`,
        "run the forward pass again, or add the losses up and call backward() once",
      );
    }
    seen.add(node);
    stack.push({ node, next: 0 });
  }
  for (const output of outputs) {
    visit(output.node);
    while (stack.length > 0) {
      const top = stack[stack.length - 1];
      if (top.next < top.node.inputs.length) visit(top.node.inputs[top.next++].node);
      else finished.push(stack.pop()!.node);
    }
  }
  return finished.reverse();
}
