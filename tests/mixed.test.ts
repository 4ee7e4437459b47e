/** Mixed precision: what autocast makes of layers, how the loss is scaled, and trainings with both. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fillHashed, hashed } from "../bench/hashed.ts";
import { autocast } from "../engine/autocast.ts";
import { openDevice } from "../engine/currentDevice.ts";
import { ArgumentError, LimitError, ShapeError } from "../engine/errors.ts";
import { decodeSafetensors } from "../engine/io/safetensors.ts";
import { Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential } from "../engine/nn/layers.ts";
import { BatchNorm2d } from "../engine/nn/normalisation.ts";
import { relu } from "../engine/ops/activations.ts";
import { mul } from "../engine/ops/arithmetic.ts";
import { crossEntropyLoss } from "../engine/ops/classLosses.ts";
import { to } from "../engine/ops/convert.ts";
import { mseLoss } from "../engine/ops/losses.ts";
import { sum } from "../engine/ops/reduce.ts";
import { softmax } from "../engine/ops/softmax.ts";
import { Adam, AdamW } from "../engine/optim/adam.ts";
import { clipGradNorm } from "../engine/optim/clip.ts";
import { gradScaler } from "../engine/optim/gradScaler.ts";
import type { Optimizer } from "../engine/optim/optimizer.ts";
import { SGD } from "../engine/optim/sgd.ts";
import { manualSeed } from "../engine/random.ts";
import { recordStep } from "../engine/recordedStep.ts";
import { full, ones, type Tensor, tensor } from "../engine/tensor.ts";
import { decodeCheckpoint, encodeCheckpoint, type TrainingDescription } from "../models/checkpoint.ts";
import { footprint } from "../models/footprint.ts";
import type { Recipe } from "../models/recipe.ts";
import { findModel, type RegisteredImageModel } from "../models/registry.ts";
import { chooseSettings } from "../models/settings.ts";
import { train } from "../models/training.ts";
import { close, randomImages, refused } from "./engine-helpers.ts";
import { assertSameBothWays } from "./recording-helpers.ts";

const gpu = await openDevice();
test.after(() => gpu.close());

test("in autocast, layers hand on float16; losses, normalisation and softmax are float32", () => {
  const dtypes: string[] = [];
  const seen = (x: Tensor) => {
    dtypes.push(x.dtype);
    return x;
  };
  const images = tensor(hashed([2, 1, 8, 8], 1), { shape: [2, 1, 8, 8] });
  autocast(() => {
    const features = seen(
      new MaxPool2d({ kernelSize: 2 }).call(seen(relu(seen(new Conv2d(1, 4, 3).call(images))))),
    );
    const normed = seen(new BatchNorm2d(4).call(features));
    const logits = seen(new Linear(36, 3).call(new Flatten().call(normed)));
    seen(softmax(logits, 1));
    seen(crossEntropyLoss(logits, tensor(Int32Array.of(0, 2))));
  });
  assert.equal(dtypes, ["float16", "float16", "float16", "float32", "float16", "float32", "float32"]);
  assert.is(new Linear(3, 2).call(tensor([[1, 2, 3]])).dtype, "float32", "and outside nothing is");
});

function imageModel(name: string): RegisteredImageModel {
  const found = findModel(name);
  if (found.data !== "images") throw new Error(`${name} is not for images`);
  return found;
}

function smallModel(): Sequential {
  const model = new Sequential(
    new Conv2d(1, 4, 3, { padding: 1 }),
    new ReLU(),
    new MaxPool2d({ kernelSize: 2 }),
    new Flatten(),
    new Linear(64, 3),
  );
  fillHashed(model);
  return model;
}

const images = () => tensor(hashed([5, 1, 8, 8], 7), { shape: [5, 1, 8, 8] });
const labels = () => tensor(Int32Array.of(0, 1, 2, 1, 0));

test("its gradients are those of float32, to float16's rounding", async () => {
  const gradients = async (isMixed: boolean) => {
    const model = smallModel();
    const loss = () => crossEntropyLoss(model.call(images()), labels());
    const parameters = [...model.parameters()];
    if (!isMixed) loss().backward();
    else {
      const scaler = gradScaler(new SGD(parameters, { learningRate: 0 }));
      scaler.backward(autocast(loss));
      scaler.step();
    }
    return Promise.all(parameters.map(({ grad }) => grad!.data()));
  };
  const [expected, found] = [await gradients(false), await gradients(true)];
  expected.forEach((values, i) => {
    assert.ok(values.some((value) => Math.abs(value) > 1e-3));
    // A handful of roundings of 2^-11 each, of numbers below 1.
    close(found[i], values, `parameter ${i}`, 8 * 2 ** -11);
  });
});

test("gradients that float16 would lose are kept by the scale", async () => {
  const weight = tensor([3], { requiresGrad: true });
  const scaler = gradScaler(new SGD([weight], { learningRate: 1 }));
  const loss = () => sum(mul(to(to(weight, "float16"), "float32"), 1e-9));
  loss().backward();
  assert.is(await weight.grad!.item(), 0, "10^-9 is less than half of float16's smallest number");
  weight.grad = null;
  scaler.backward(loss());
  scaler.step();
  const found = await weight.grad!.item();
  assert.ok(Math.abs(found - 1e-9) <= 2 ** -10 * 1e-9, `${found}`);
});

/** Two weights; the second one's gradient is as told. */
function weightsWith(makeOptimizer: (weights: Tensor[]) => Optimizer) {
  const weights = [tensor([1, 2, 3, 4, 5], { requiresGrad: true }), tensor([6], { requiresGrad: true })];
  const optimizer = makeOptimizer(weights);
  return {
    optimizer,
    backward(scale: Tensor, last: number) {
      for (const [i, weight] of weights.entries())
        weight.grad = mul(full(weight.shape, i === 0 ? 0.5 : last), scale).keep();
    },
    async state() {
      const { tensors } = optimizer.stateDict();
      const all = [...weights, ...Object.values(tensors)];
      return Promise.all(all.map((x) => x.data()));
    },
  };
}

const optimizers: Readonly<Record<string, (weights: Tensor[]) => Optimizer>> = {
  SGD: (weights) => new SGD(weights, { learningRate: 0.1, weightDecay: 0.1 }),
  "SGD with momentum": (weights) => new SGD(weights, { learningRate: 0.1, momentum: 0.9, weightDecay: 0.1 }),
  Adam: (weights) => new Adam(weights, { weightDecay: 0.1 }),
  AdamW: (weights) => new AdamW(weights),
};

for (const [name, makeOptimizer] of Object.entries(optimizers)) {
  test(`${name}: a gradient that is not finite leaves weights and moments alone, and halves the scale`, async () => {
    const { optimizer, backward, state } = weightsWith(makeOptimizer);
    const plain = weightsWith(makeOptimizer);
    const scaler = gradScaler(optimizer);
    const steps = [0.25, Number.POSITIVE_INFINITY, Number.NaN, 0.25];
    const scales = [65536, 32768, 16384, 16384];
    for (const [index, last] of steps.entries()) {
      const before = await state();
      backward(scaler.scale, last);
      const norm = scaler.step();
      assert.is(Number.isFinite(await norm.item()), Number.isFinite(last));
      assert.is(await scaler.scale.item(), scales[index]);
      if (!Number.isFinite(last)) assert.equal(await state(), before);
      // The number of the step goes on: as after a step of the same optimiser that had no effect.
      if (index === 0) {
        plain.backward(ones([]), last);
        plain.optimizer.step();
        assert.equal(await state(), await plain.state(), "a scale that is a power of two changes no bit");
      } else if (Number.isFinite(last)) assert.not.equal(await state(), before);
    }
    assert.equal(Object.values(optimizer.stateDict().numbers).slice(2), [4, 4]);
  });
}

test("the scale doubles after so many good steps in a row, and norms are limited without it", async () => {
  const { optimizer, backward, state } = weightsWith(optimizers.SGD);
  const plain = weightsWith(optimizers.SGD);
  const scaler = gradScaler(optimizer, { initialScale: 8, growthInterval: 3 });
  const scales: number[] = [];
  for (const last of [1, 1, Number.NaN, 1, 1, 1, 1]) {
    backward(scaler.scale, last);
    const norm = scaler.step(0.5);
    scales.push(await scaler.scale.item());
    if (!Number.isFinite(last)) continue;
    close([await norm.item()], [1.5], "the norm");
    plain.backward(ones([]), last);
    clipGradNorm(plain.optimizer.parameters, 0.5);
    plain.optimizer.step();
  }
  assert.equal(scales, [8, 8, 4, 4, 4, 8, 8]);
  const [found, expected] = [await state(), await plain.state()];
  found.forEach((values, i) => {
    close(values, expected[i], `weight ${i}`, 1e-6);
  });
});

test("a step is skipped in a recording as in an eager step", async () => {
  const run = async (isRecorded: boolean) => {
    const weight = tensor([1, 2], { requiresGrad: true });
    const scaler = gradScaler(new Adam([weight]), { initialScale: 1024, growthInterval: 2 });
    const step = recordStep(({ target }: { target: Tensor }) => {
      const loss = mseLoss(
        autocast(() => to(weight, "float16")),
        target,
      );
      weight.grad = null;
      scaler.backward(loss);
      scaler.step();
      return { loss };
    });
    const seen: number[][] = [];
    for (const target of [0, 0, 1e30, 0, 0]) {
      const inputs = { target: { data: Float32Array.of(target, 1), shape: [2] } };
      await (isRecorded ? step.run(inputs) : step.runEagerly(inputs));
      seen.push([...(await weight.data()), await scaler.scale.item()]);
    }
    step.release();
    return seen;
  };
  const recorded = await run(true);
  assert.equal(recorded, await run(false));
  assert.equal(
    recorded.map(([, , scale]) => scale / 1024),
    [1, 2, 1, 1, 2],
  );
  assert.equal(recorded[2].slice(0, 2), recorded[1].slice(0, 2));
});

for (const name of ["lenet5", "alexnet-cifar", "vae"]) {
  test(`${name}: recorded steps in mixed precision are the eager ones, bit for bit`, () =>
    assertSameBothWays(name, { batchSize: 4, samples: 10, steps: 6, precision: "mixed" }));
}

test("a training goes on from its checkpoint bit for bit, scale included", async () => {
  const registered = imageModel("lenet5");
  const recipe: Recipe = { ...registered.plain, batchSize: 8, epochs: 3, precision: "mixed" };
  const shape = { inputShape: [1, 28, 28], classes: [..."0123456789"] };
  const dataset = randomImages({ count: 20, size: 28 });
  const splits = { train: dataset, test: dataset };
  const description: TrainingDescription = {
    ...shape,
    recipe,
    seed: 1,
    model: "lenet5",
    settings: {},
    data: "",
  };

  async function trained(until: number, from?: Uint8Array): Promise<Uint8Array> {
    manualSeed(1);
    const atWork = registered.open(shape, {});
    const { model } = atWork;
    const source = atWork.batches(splits, recipe, 1);
    const { optimizers, update } = atWork.trainer(recipe, 9);
    const stored = from && decodeCheckpoint(from, "checkpoint");
    stored?.restore({ model, optimizers });
    let stepsDone = stored?.stepsDone ?? 0;
    training: for await (const epoch of train({ source, epochs: 3, update, stepsDone })) {
      for await (const _ of epoch) if (++stepsDone === until) break training;
    }
    return encodeCheckpoint({ model, optimizers, stepsDone }, description);
  }
  const half = await trained(4);
  const { tensors } = decodeSafetensors(half, "checkpoint");
  assert.equal([...tensors.get("scaler.goodSteps")!.data], [4]);
  assert.equal(await trained(7, half), await trained(7));
  const scaler = gradScaler(new SGD([tensor([1], { requiresGrad: true })], { learningRate: 1 }));
  await refused(ArgumentError, /gradScaler: the state has no number goodSteps/, () =>
    scaler.loadStateDict({ numbers: {}, tensors: { scale: tensor(2) } }),
  );
});

test("AlexNet-28's activations take little more than half", () => {
  const registered = imageModel("alexnet28");
  const bytes = (["float32", "mixed"] as const).map((precision) => {
    const recipe = { ...registered.recipe, batchSize: 128, precision };
    const shape = { inputShape: [1, 28, 28], classes: [..."0123456789"] };
    return footprint(() => registered.open(shape, {}), recipe).activationBytes;
  });
  assert.ok(bytes[1] < 0.65 * bytes[0], `${bytes}`);
});

test("what cannot be scaled, and where there is no float16, is told", async () => {
  const weight = tensor([1], { requiresGrad: true });
  const optimizer = new SGD([weight], { learningRate: 1 });
  await refused(ArgumentError, /gradScaler: no parameter has a gradient/, () => gradScaler(optimizer).step());
  await refused(ArgumentError, /autocast\(\) .*run no asynchronous functions/, () =>
    autocast(async () => weight.data()),
  );
  await refused(ArgumentError, /gradScaler: growthInterval must be/, () =>
    gradScaler(optimizer, { growthInterval: 0 }),
  );
  await refused(ShapeError, /backward: the gradient is \[\], but the tensor is \[2\]/, () =>
    gradScaler(optimizer).backward(mul(weight, tensor([1, 2]))),
  );
  const lesser = { ...gpu, adapter: { ...gpu.adapter, features: [] } };
  await refused(LimitError, /has no float16/, () =>
    gradScaler(new SGD([tensor([1], { requiresGrad: true, gpu: lesser })], { learningRate: 1 })),
  );
  const adversarial = imageModel("adversarial-autoencoder");
  const atWork = adversarial.open(
    { inputShape: [1, 28, 28], classes: [] },
    chooseSettings(adversarial.settings, []),
  );
  await refused(ArgumentError, /three losses with an optimiser each are trained in float32/, () =>
    atWork.trainer({ ...adversarial.recipe, precision: "mixed" }, 1),
  );
});

test.run();
