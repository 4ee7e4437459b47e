/** Commands of a recorded step that are given together: which are, and that a step stays the eager one, bit for bit. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openDevice } from "../engine/currentDevice.ts";
import type { Plan } from "../engine/gpu/recording/plan.ts";
import { Linear } from "../engine/nn/layers.ts";
import { BatchNorm2d } from "../engine/nn/normalisation.ts";
import { tanh } from "../engine/ops/activations.ts";
import { add, mul, square } from "../engine/ops/arithmetic.ts";
import { permute } from "../engine/ops/layout.ts";
import { mean, sum } from "../engine/ops/reduce.ts";
import { softmax } from "../engine/ops/softmax.ts";
import { Adam } from "../engine/optim/adam.ts";
import { clipGradValue } from "../engine/optim/clip.ts";
import { SGD } from "../engine/optim/sgd.ts";
import { manualSeed } from "../engine/random.ts";
import { type HostArray, recordStep } from "../engine/recordedStep.ts";
import type { Shape } from "../engine/shape.ts";
import type { Tensor } from "../engine/tensor.ts";
import { hashed } from "./hashed.ts";

const gpu = await openDevice();
test.after(() => gpu.close());

/** A step, with what it changes: made anew for each way to run it. */
interface Opened {
  readonly work: (inputs: Record<string, Tensor>) => Record<string, Tensor>;
  readonly state?: readonly Tensor[];
}

type Inputs = Readonly<Record<string, HostArray>>;

function host(shape: Shape, salt = 1): HostArray {
  return { data: hashed(shape, salt), shape };
}

function namesIn({ commands }: Plan): string[] {
  return commands.flatMap((command) => (command.type === "dispatch" ? [command.dispatch.kernel.name] : []));
}

function isJoint(name: string): boolean {
  return name.includes(" | ") || name.includes(", then ");
}

/** What two steps leave, in bits, by name. */
async function leftBy(open: () => Opened, inputs: Inputs, way: "together" | "apart" | "eager") {
  manualSeed(1);
  const { work, state = [] } = open();
  const step = recordStep(work, { apart: way === "apart" });
  const left = new Map<string, Uint32Array>();
  for (const count of ["first", "second"]) {
    const outputs = await (way === "eager" ? step.runEagerly(inputs) : step.run(inputs));
    for (const [name, output] of Object.entries(outputs))
      left.set(`${name} of the ${count} step`, new Uint32Array(Float32Array.of(await output.item()).buffer));
  }
  for (const [index, x] of state.entries())
    left.set(`tensor ${index} of the state`, new Uint32Array((await x.data()).buffer));
  const plan = way === "eager" ? undefined : step.plan(inputs);
  step.release();
  return { left, plan };
}

/** Two steps are the eager ones, together and apart. @returns the names of the commands given together */
async function assertAsEager(open: () => Opened, inputs: Inputs, what = "a step"): Promise<string[]> {
  const eager = await leftBy(open, inputs, "eager");
  const apart = await leftBy(open, inputs, "apart");
  const together = await leftBy(open, inputs, "together");
  for (const [name, bits] of eager.left) {
    assert.equal(apart.left.get(name), bits, `${what}: ${name} has other bits, even apart`);
    assert.equal(together.left.get(name), bits, `${what}: ${name} has other bits, together`);
  }
  assert.not(namesIn(apart.plan!).some(isJoint), `${what}: commands that should be apart are not`);
  assert.ok(
    together.plan!.arenaBytes.planned <= (17 / 16) * apart.plan!.arenaBytes.planned,
    `${what}: takes ${together.plan!.arenaBytes.planned} bytes together, ${apart.plan!.arenaBytes.planned} apart`,
  );
  return namesIn(together.plan!);
}

/** A large tensor for a while: commands given together may then take some memory more for others. */
function withRoom(x: Tensor): Tensor {
  return sum(square(softmax(x)));
}
const room = host([200, 200], 9);

test("members of a joint command that bind one memory by several names, which their functions use for other things", async () => {
  const open = () => ({
    work: ({ x, y, room }: Record<string, Tensor>) => {
      const [a, b] = [add(mul(x, x), y), add(mul(y, y), x)];
      return { a: mean(softmax(a)), b: mean(softmax(b)), ofRoom: withRoom(room) };
    },
  });
  const names = await assertAsEager(open, { x: host([7, 9], 1), y: host([7, 9], 2), room });
  assert.ok(names.includes("mul + add | mul + add"), names.join("; "));
});

test("members of a joint command have room for their uniforms, however these are aligned", async () => {
  const open = () => ({
    work: ({ x, y, z, w, room }: Record<string, Tensor>) => {
      const [a, b, c, d] = [permute(z, [2, 0, 1]), softmax(x), permute(w, [1, 2, 0]), softmax(y)];
      return {
        a: sum(square(a)),
        b: sum(mul(b, b)),
        c: sum(square(c)),
        d: sum(mul(d, d)),
        ofRoom: withRoom(room),
      };
    },
  });
  const inputs = {
    x: host([7, 9], 1),
    y: host([7, 9], 2),
    z: host([3, 4, 5], 3),
    w: host([3, 4, 5], 4),
    room,
  };
  const names = await assertAsEager(open, inputs);
  assert.ok(
    names.some((name) => name.startsWith("permute | softmax")),
    names.join("; "),
  );
});

test("a member may call a uniform as a joint command calls its own", async () => {
  const open = () => {
    const norms = [new BatchNorm2d(3), new BatchNorm2d(3)];
    const optimizer = new Adam(norms.flatMap((norm) => [...norm.parameters()]));
    const work = ({ x, y, room }: Record<string, Tensor>) => {
      const [a, b] = [norms[0].call(x), norms[1].call(y)];
      const loss = add(mean(tanh(a)), mean(square(b)));
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return { loss, ofRoom: withRoom(room) };
    };
    return { work, state: norms.flatMap((norm) => [...norm.stateDict().values()]) };
  };
  const inputs = { x: host([2, 3, 8, 8], 1), y: host([2, 3, 8, 8], 2), room };
  const names = await assertAsEager(open, inputs);
  assert.ok(
    names.some((name) => isJoint(name) && /\bbatchNorm\b/.test(name)),
    `batchNorm has a uniform called share; it should be given with another command: ${names.join("; ")}`,
  );
});

test("what writes a part of a block is not given with what writes the block", async () => {
  const open = () => {
    const layers = [new Linear(5, 4), new Linear(4, 3)];
    const parameters = layers.flatMap((layer) => [...layer.parameters()]);
    const optimizer = new SGD(parameters, { learningRate: 0.5 });
    const work = ({ x }: Record<string, Tensor>) => {
      const loss = mean(square(layers[1].call(tanh(layers[0].call(x)))));
      optimizer.zeroGrad();
      loss.backward();
      clipGradValue(parameters, 0.01);
      optimizer.step();
      return { loss };
    };
    return { work, state: parameters };
  };
  const names = await assertAsEager(open, { x: host([6, 5]) });
  assert.ok(names.includes("gradientClamp"), `one for all gradients, alone: ${names.join("; ")}`);
});

test.run();
