/** Commands of a recorded step that are given together: which are, and that a step stays the eager one, bit for bit. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { hashed } from "../bench/hashed.ts";
import { openDevice, withDevice } from "../engine/currentDevice.ts";
import { findAdapter } from "../engine/gpu/adapter.ts";
import { planDevice } from "../engine/gpu/plan.ts";
import type { Plan } from "../engine/gpu/recording/plan.ts";
import { noGrad } from "../engine/gradMode.ts";
import { Linear } from "../engine/nn/layers.ts";
import { BatchNorm2d } from "../engine/nn/normalisation.ts";
import { sigmoid, tanh } from "../engine/ops/activations.ts";
import { add, exp, mul, square } from "../engine/ops/arithmetic.ts";
import { crossEntropyLoss } from "../engine/ops/classLosses.ts";
import { to } from "../engine/ops/convert.ts";
import type { Sample, SampleInput } from "../engine/ops/define.ts";
import { permute } from "../engine/ops/layout.ts";
import { mean, sum } from "../engine/ops/reduce.ts";
import { softmax } from "../engine/ops/softmax.ts";
import { type AnyChecks, opChecks } from "../engine/ops/table.ts";
import { Adam } from "../engine/optim/adam.ts";
import { exponentialMovingAverage } from "../engine/optim/averaging.ts";
import { clipGradNorm, clipGradValue } from "../engine/optim/clip.ts";
import { SGD } from "../engine/optim/sgd.ts";
import { manualSeed } from "../engine/random.ts";
import { type HostArray, recordStep } from "../engine/recordedStep.ts";
import type { Shape } from "../engine/shape.ts";
import { type Tensor, tensor } from "../engine/tensor.ts";
import { plannedStep } from "./recording-helpers.ts";

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

function parameter(shape: Shape, salt: number): Tensor {
  return tensor(hashed(shape, salt), { shape, requiresGrad: true });
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
  const [bytesTogether, bytesApart] = [together, apart].map(({ plan }) => plan!.bytes);
  assert.ok(
    bytesTogether <= (17 / 16) * bytesApart,
    `${what}: takes ${bytesTogether} bytes together, ${bytesApart} apart`,
  );
  return namesIn(together.plan!);
}

/** A large tensor for a while: commands given together may then take some memory more for others. */
function withRoom(x: Tensor): Tensor {
  return sum(square(softmax(x)));
}
const room = host([200, 200], 9);

test("commands that need not wait for each other are one, side by side", async () => {
  const inputs = { x: host([40, 33], 1), y: host([40, 33], 2), z: host([40, 33], 3), room };
  const open = () => ({
    work: ({ x, y, z, room }: Record<string, Tensor>) => {
      const [a, b, c] = [exp(x), tanh(y), sigmoid(z)];
      return { a: sum(softmax(a)), b: sum(softmax(b)), c: sum(softmax(c)), ofRoom: withRoom(room) };
    },
  });
  const names = await assertAsEager(open, inputs);
  assert.ok(names.includes("exp | tanh | sigmoid"), names.join("; "));
  assert.ok(names.length <= 11, `${names.length} commands, of 17 that are apart: ${names.join("; ")}`);
});

test("a small loss and its gradient are one, in turn", async () => {
  const inputs = { classes: { data: Int32Array.of(0, 1, 2, 3, 0, 1, 2), shape: [7] } };
  const open = () => {
    const logits = parameter([7, 4], 1);
    const optimizer = new SGD([logits], { learningRate: 0.5 });
    const work = ({ classes }: Record<string, Tensor>) => {
      const loss = crossEntropyLoss(logits, classes);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return { loss };
    };
    return { work, state: [logits] };
  };
  assert.equal(await assertAsEager(open, inputs), ["crossEntropyLoss, then crossEntropyLossGradient", "sgd"]);
});

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

test("a parameter that is read before and after an optimiser's step in the middle", async () => {
  const open = () => {
    const [weight, noise] = [parameter([7, 9], 1), parameter([7, 9], 2)];
    const outer = new Adam([weight], { learningRate: 0.1 });
    const inner = new SGD([noise], { learningRate: 0.5, momentum: 0.9 });
    const average = exponentialMovingAverage([weight, noise], { decay: 0.9 });
    const work = ({ x }: Record<string, Tensor>) => {
      x.keep();
      const lossOf = () => mean(square(mul(add(x, noise), weight)));
      const before = noGrad(() => sum(noise)).keep();
      const first = lossOf().keep();
      outer.zeroGrad();
      inner.zeroGrad();
      first.backward();
      const norm = clipGradNorm([noise], 0.1).keep();
      inner.step();
      const between = noGrad(() => sum(noise)).keep();
      outer.zeroGrad();
      inner.zeroGrad();
      const second = lossOf().keep();
      second.backward();
      const weightBefore = noGrad(() => mean(exp(weight))).keep();
      outer.step();
      average.update();
      const weightAfter = noGrad(() => mean(exp(weight))).keep();
      return { before, first, norm, between, second, weightBefore, weightAfter };
    };
    return { work, state: [weight, noise, ...average.averages] };
  };
  const names = await assertAsEager(open, { x: host([7, 9], 3) });
  assert.ok(names.some(isJoint), names.join("; "));
});

test("running statistics that one normalisation changes twice in a step, and others read", async () => {
  const open = () => {
    const norm = new BatchNorm2d(3);
    const work = ({ x, y }: Record<string, Tensor>) => {
      const before = sum(norm.runningMean);
      const first = mean(square(norm.call(x)));
      const between = sum(norm.runningVar);
      norm.eval();
      const evaluated = mean(tanh(norm.call(y)));
      norm.train();
      const second = mean(tanh(norm.call(y)));
      return { before, first, between, evaluated, second, after: sum(norm.runningVar) };
    };
    return { work, state: [...norm.stateDict().values()] };
  };
  const names = await assertAsEager(open, { x: host([2, 3, 4, 4], 1), y: host([2, 3, 4, 4], 2) });
  assert.ok(names.some(isJoint), names.join("; "));
});

test("branches that would be given together take no memory for it: each has it in its turn", async () => {
  const open = () => ({
    work: ({ x }: Record<string, Tensor>) => {
      const branches = [1, 2, 3, 4, 5, 6].map((factor) => sum(softmax(softmax(mul(x, factor), 0), 1)));
      return { total: branches.reduce((a, b) => add(a, b)) };
    },
  });
  const names = await assertAsEager(open, { x: host([64, 64]) });
  assert.is(
    names.filter((name) => name === "mulBroadcast").length,
    6,
    `six, each by itself: ${names.join("; ")}`,
  );
});

/** Twice the operation with its gradients, each on tensors of its own. */
function twice({ op }: AnyChecks, { inputs, options }: Sample<unknown>): Opened {
  const copies = [1, 2].map((copy) => inputs.map((input, index) => sampleTensor(input, 10 * copy + index)));
  const floats = copies.flat().filter(({ dtype }) => dtype === "float32");
  const parameters = op.noGradient ? [] : floats;
  for (const x of parameters) x.requiresGrad = true;
  const optimizer = parameters.length > 0 ? new SGD(parameters, { learningRate: 0.5 }) : undefined;
  function work({ room }: Record<string, Tensor>): Record<string, Tensor> {
    const results = copies.map((copy) => op.run(copy, options));
    const [first, second] = results.map((result, copy) =>
      sum(
        mul(to(result, "float32"), tensor(hashed(result.shape, 50 + copy), { shape: result.shape })),
      ).keep(),
    );
    if (optimizer) {
      optimizer.zeroGrad();
      add(first, second).backward();
      optimizer.step();
    }
    return { first, second, ofRoom: withRoom(room) };
  }
  return { work, state: parameters };
}

function sampleTensor(input: Shape | SampleInput, salt: number): Tensor {
  const { shape, values = "normal" } = "shape" in input ? input : { shape: input };
  const numbers = hashed(shape, salt);
  if (typeof values === "object") {
    const whole = Int32Array.from(numbers, (x) => Math.floor((values.below * (x + 1)) / 2));
    return tensor(whole, { shape });
  }
  const isPositive = values === "positive" || values === "probability";
  return tensor(isPositive ? numbers.map((x) => 0.5 + 0.4 * x) : numbers, { shape });
}

const members = new Set<string>();
for (const checks of opChecks) {
  test(`${checks.op.name}: twice in a step`, async () => {
    const [sample] = checks.samples();
    const names = await assertAsEager(() => twice(checks, sample), { room }, checks.op.name);
    for (const name of names.filter(isJoint))
      for (const member of name.split(/ \| |, then /)) members.add(member);
  });
}

test("a hundred kernels were members of joint commands above", () => {
  assert.ok(members.size >= 100, `${members.size} only: ${[...members].join("; ")}`);
});

for (const kind of ["cpu", "gpu"] as const) {
  test(`on an adapter of kind ${kind}, a training step is at most half of the eager one's commands`, async () => {
    const { description } = await findAdapter(undefined);
    for (const [name, batchSize] of [
      ["autoencoder", 128],
      ["vae", 128],
      ["lenet5", 64],
      ["alexnet28", 32],
      ["alexnet28", 128],
    ] as const) {
      const device = planDevice({ ...description, kind });
      const { plan, eager } = withDevice(device, () => plannedStep(name, device, batchSize));
      const recorded = namesIn(plan).length;
      assert.ok(recorded <= eager / 2, `${name}, batches of ${batchSize}: ${recorded} of ${eager}`);
    }
  });
}

test.run();
