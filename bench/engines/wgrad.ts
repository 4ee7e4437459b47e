/** The benchmark's work in wgrad, with the models of `models/`. */
import {
  add,
  conv2d,
  crossEntropyLoss,
  type Gpu,
  grad,
  inferenceMode,
  matmul,
  maxPool2d,
  openDevice,
  optim,
  reshape,
  slice,
  type Tensor,
  tensor,
} from "../../engine/index.ts";
import type { Module } from "../../engine/nn/module.ts";
import { recordStep } from "../../engine/recordedStep.ts";
import type { Shape } from "../../engine/shape.ts";
import { AlexNetSingleTower } from "../../models/alexnet.ts";
import { AlexNet28 } from "../../models/alexnet28.ts";
import { DenseAutoencoder } from "../../models/autoencoder.ts";
import { LeNet5 } from "../../models/lenet5.ts";
import { median } from "../../models/median.ts";
import { descent, type ImageBatch } from "../../models/training.ts";
import { DenseVariationalAutoencoder } from "../../models/variational.ts";
import { hashed } from "../hashed.ts";
import { imageNumbers, labelNumbers, modelNumbers, salts } from "../numbers.ts";
import type { Work } from "../workloads.ts";
import { type Engine, firstSteps, type Task } from "./engine.ts";

type WorkOf<K extends Work["kind"]> = Extract<Work, { kind: K }>;

const profiledRuns = 3;

export async function openEngine(): Promise<Engine> {
  const gpu = await openDevice();
  return {
    adapter: gpu.adapter.name,
    async prepare(work) {
      const task = taskOf(work);
      return { ...task, deviceMilliseconds: () => deviceMilliseconds(gpu, task) };
    },
    close: () => gpu.close(),
  };
}

/** The median of a few runs: the sum of their kernels' times, each in a pass of its own. */
async function deviceMilliseconds(gpu: Gpu, task: Task): Promise<number | undefined> {
  if (!gpu.adapter.features.includes("timestamp-query")) return undefined;
  const sums: number[] = [];
  while (sums.length < profiledRuns) {
    const times = await gpu.profile(task.run);
    sums.push(times.reduce((sum, { start, end }) => sum + (end - start), 0) / 1e6);
  }
  return median(sums);
}

function taskOf(work: Work): Task {
  switch (work.kind) {
    case "matmul": {
      const [a, b] = [salts.first, salts.second].map((salt) => input([work.size, work.size], salt));
      return inference(() => matmul(a, b));
    }
    case "conv2d":
      return convolution(work);
    case "maxPool2d":
      return pooling(work);
    case "additions": {
      const [x, y] = [salts.first, salts.second].map((salt) => input([work.elements], salt));
      return inference(() => {
        let sum = x;
        for (let added = 0; added < work.count; added++) sum = add(sum, y);
        return sum;
      });
    }
    case "forward": {
      const model = fill(new AlexNetSingleTower(), work.model).eval();
      const images = imageInput(work);
      return inference(() => model.call(images));
    }
    case "training":
      return training(work);
  }
}

function inference(compute: () => Tensor): Task {
  return {
    async run() {
      const result = inferenceMode(compute);
      const number = firstNumber(result);
      release(result);
      return number;
    },
    async results() {
      const result = inferenceMode(compute);
      return [await result.data()];
    },
  };
}

function convolution({ images, weight: weightShape, padding, backward }: WorkOf<"conv2d">): Task {
  const [x, weight] = [input(images, salts.first), input(weightShape, salts.second)];
  const forward = () => conv2d(x, weight, undefined, { padding });
  return backward ? withGradients(forward, [x, weight]) : inference(forward);
}

function pooling({ images, kernelSize, stride }: WorkOf<"maxPool2d">): Task {
  const x = input(images, salts.first);
  return withGradients(() => maxPool2d(x, { kernelSize, stride }), [x]);
}

/** The forward pass and the gradients of all inputs. */
function withGradients(forward: () => Tensor, inputs: readonly Tensor[]): Task {
  const gradient = input(inferenceMode(forward).shape, salts.gradient);
  for (const x of inputs) x.requiresGrad = true;
  return {
    async run() {
      const y = forward();
      const gradients = grad(y, inputs, [gradient]);
      const number = firstNumber(gradients[0]);
      release(y, ...gradients);
      return number;
    },
    async results() {
      const y = forward();
      const result = await y.data();
      const gradients = grad(y, inputs, [gradient]);
      return [result, ...(await Promise.all(gradients.map((of) => of.data())))];
    },
  };
}

/** The images, labels and noise are on the device before the first step. */
function training(work: WorkOf<"training">): Task {
  const batch = { count: work.batch, images: imageInput(work), labels: tensor(labelNumbers(work.batch)) };
  const { model, loss } = trained(work, batch);
  const parameters = [...model.parameters()];
  const optimizer =
    work.optimizer.name === "adam"
      ? new optim.Adam(parameters, work.optimizer)
      : new optim.SGD(parameters, work.optimizer);
  const stepOf = (isRandom: boolean) => {
    const update = descent(optimizer, () => ({ loss: loss(isRandom) }));
    const step = recordStep(() => update(batch, () => 0));
    return { run: async () => (await step.run({})).loss.item(), release: step.release };
  };
  const randomStep = stepOf(true);
  return {
    run: randomStep.run,
    async results() {
      model.eval();
      const { run, release } = stepOf(false);
      const compared = await firstSteps(run, () => valuesOf(parameters));
      release(); // the timed step's memory is its own
      model.train();
      return compared;
    },
  };
}

interface Trained {
  readonly model: Module;
  /** @param isRandom whether noise is drawn; else it is given */
  loss(isRandom: boolean): Tensor;
}

function trained({ name, model: description, batch }: WorkOf<"training">, data: ImageBatch): Trained {
  const { images, labels } = data;
  switch (name) {
    case "autoencoder": {
      const model = fill(new DenseAutoencoder({ widths: widthsOf(description) }), description);
      return { model, loss: () => model.loss(images) };
    }
    case "vae": {
      const model = fill(new DenseVariationalAutoencoder(), description);
      const noise = input([batch, model.codeSize], salts.noise);
      return { model, loss: (isRandom) => model.loss(images, 1, isRandom ? undefined : noise).loss };
    }
    case "lenet5":
    case "alexnet28":
    case "alexnet": {
      const classes = { lenet5: LeNet5, alexnet28: AlexNet28, alexnet: AlexNetSingleTower } as const;
      const model = fill(new classes[name](), description);
      return { model, loss: () => crossEntropyLoss(model.call(images), labels) };
    }
  }
}

/** Of an autoencoder's encoder: the decoder mirrors it. */
function widthsOf({ chains: [chain] }: WorkOf<"training">["model"]): number[] {
  const widths = chain.flatMap((layer) => (layer.type === "linear" ? [layer.outFeatures] : []));
  return widths.slice(0, widths.length / 2);
}

function input(shape: Shape, salt: number): Tensor {
  return tensor(hashed(shape, salt), { shape });
}

function imageInput({ model, batch }: WorkOf<"training" | "forward">): Tensor {
  const shape = [batch, ...model.input];
  return tensor(imageNumbers(shape), { shape });
}

/** The parameters in the order of the layers. */
function fill<M extends Module>(model: M, description: WorkOf<"training">["model"]): M {
  const numbers = modelNumbers(description)
    .flat()
    .flatMap(({ weight, bias }) => (weight && bias ? [weight, bias] : []));
  for (const [index, { gpu, storage }] of [...model.parameters()].entries())
    gpu.upload(storage.memory, numbers[index]);
  return model;
}

/** One after the other: reading takes memory, too. */
async function valuesOf(tensors: readonly Tensor[]): Promise<ArrayLike<number>[]> {
  const values: ArrayLike<number>[] = [];
  for (const x of tensors) values.push(await x.data());
  return values;
}

async function firstNumber(x: Tensor): Promise<number> {
  const first = inferenceMode(() => slice(reshape(x, [-1]), 0, 0, 1));
  const number = first.item();
  release(first);
  return number;
}

/** Nothing here ends a training step, which would do it. */
function release(...tensors: readonly Tensor[]): void {
  for (const { storage } of tensors) storage.release("the benchmark is done with it");
}
