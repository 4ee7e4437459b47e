/**
 * The benchmark's work in jax-js, everything but the chain of additions under `jit`. An array is used up by whatever
 * takes it; `.ref` is another handle on it.
 */
import type * as Jax from "@jax-js/jax";
import type { Shape } from "../../engine/shape.ts";
import { hashed } from "../hashed.ts";
import { type Layer, outputSize } from "../models.ts";
import { imageNumbers, type LayerNumbers, labelNumbers, modelNumbers, permuted, salts } from "../numbers.ts";
import type { Work } from "../workloads.ts";
import { installWebgpu } from "./browserLike.ts";
import { type Engine, firstSteps, type Task } from "./engine.ts";
import { optimizerIn } from "./jaxOptimizers.ts";

type WorkOf<K extends Work["kind"]> = Extract<Work, { kind: K }>;
type JaxArray = Jax.numpy.Array;
/** A new key of the generator at each call; left out where nothing is to be drawn. */
type Keys = (() => JaxArray) | undefined;

export async function openEngine(): Promise<Engine> {
  const adapter = await installWebgpu();
  const jax = await import("@jax-js/jax");
  await jax.init("webgpu");
  jax.defaultDevice("webgpu");
  return {
    adapter,
    prepare: async (work) => taskOf(jax, work),
    async close() {
      const device = jax.getWebGPUDevice();
      await device.queue.onSubmittedWorkDone();
      device.destroy();
    },
  };
}

function taskOf(jax: typeof Jax, work: Work): Task {
  const { jit, lax, nn, numpy: np, random, tree, valueAndGrad, vjp } = jax;

  switch (work.kind) {
    case "matmul": {
      const inputs = [salts.first, salts.second].map((salt) => input([work.size, work.size], salt));
      return computing(
        jit((x: JaxArray, y: JaxArray) => [np.matmul(x, y)]),
        inputs,
      );
    }
    case "conv2d": {
      const { images, weight, padding, backward } = work;
      const inputs = [input(images, salts.first), input(weight, salts.second)];
      const forward = (x: JaxArray, by: JaxArray) => conv2d(x, by, { stride: 1, padding });
      return backward
        ? withGradients(forward, inputs)
        : computing(
            jit((x, by) => [forward(x, by)]),
            inputs,
          );
    }
    case "maxPool2d":
      return withGradients((x) => pool(np.max, x, work), [input(work.images, salts.first)]);
    case "additions": {
      const inputs = [salts.first, salts.second].map((salt) => input([work.elements], salt));
      return computing((x, y) => {
        let sum = x;
        for (let added = 0; added < work.count; added++) sum = sum.add(y.ref);
        y.dispose();
        return [sum];
      }, inputs);
    }
    case "forward": {
      const [layers] = modelNumbers(work.model);
      const parameters = parametersOf(layers);
      const forward = jit((x: JaxArray, ...all: JaxArray[]) => [applied(layers, x, all, undefined)]);
      return computing(forward, [batchOf(work), ...parameters]);
    }
    case "training":
      return training(work);
  }

  /** @param compute may give several results; the first one is what a run reads from */
  function computing(compute: (...inputs: JaxArray[]) => JaxArray[], inputs: JaxArray[]): Task {
    return {
      async run() {
        const [first, ...others] = compute(...tree.ref(inputs));
        tree.dispose(others);
        const [number] = await first.flatten().slice([0, 1]).data();
        return number;
      },
      results: () => Promise.all(compute(...tree.ref(inputs)).map((array) => array.data())),
    };
  }

  function withGradients(forward: (...inputs: JaxArray[]) => JaxArray, inputs: JaxArray[]): Task {
    const result = forward(...tree.ref(inputs)); // for its shape: what nobody reads is not computed
    const gradient = input(result.shape, salts.gradient);
    result.dispose();
    const compute = jit((by: JaxArray, ...xs: JaxArray[]) => {
      const [y, pullback] = vjp(forward, xs);
      const gradients = pullback(by);
      pullback.dispose();
      return [y, ...gradients] as JaxArray[];
    });
    return computing(compute, [gradient, ...inputs]);
  }

  function training(work: WorkOf<"training">): Task {
    const { model, batch } = work;
    const chains = modelNumbers(model);
    const images = batchOf(work);
    const labels = nn.oneHot(np.array(labelNumbers(batch)), outputSize(model));
    const noise = input([batch, 20], salts.noise);

    /** @param all the parameters of all chains in a row */
    function loss(all: JaxArray[], x: JaxArray, keys: Keys): JaxArray {
      const rest = [...all];
      const apply = chains.map((layers) => {
        const own = rest.splice(0, 2 * layers.filter(({ weight }) => weight).length);
        return (value: JaxArray) => applied(layers, value, own, keys);
      });
      switch (model.loss) {
        case "mse":
          return np.mean(np.square(apply[0](x.ref).sub(x.reshape([batch, -1]))));
        case "crossEntropy":
          return np.mean(np.sum(nn.logSoftmax(apply[0](x)).mul(labels.ref), 1)).neg();
        case "elbo": {
          const [encode, meanOf, logVarianceOf, decode] = apply;
          const hidden = encode(x.ref);
          const [mean, logVariance] = [meanOf(hidden.ref), logVarianceOf(hidden)];
          const drawn = keys ? random.normal(keys(), noise.shape) : noise.ref;
          const codes = mean.ref.add(np.exp(logVariance.ref.mul(0.5)).mul(drawn));
          const logits = decode(codes);
          const likelihood = nn.softplus(logits.ref).sub(logits.mul(x.reshape([batch, -1])));
          const excess = np.square(mean).add(np.exp(logVariance.ref)).sub(logVariance).sub(1);
          return np.sum(likelihood).add(np.sum(excess).mul(0.5)).div(batch);
        }
      }
    }

    const { descend, buffers } = optimizerIn(jax, work.optimizer);

    const stepWith = (isRandom: boolean) =>
      jit((weights: JaxArray[], moments: JaxArray[][], x: JaxArray, step: JaxArray, seed: JaxArray) => {
        const value = valueAndGrad((all: JaxArray[], of: JaxArray) =>
          loss(all, of, isRandom ? keysFrom(seed) : undefined),
        );
        const [lossValue, gradients] = value(tree.ref(weights), x);
        return { loss: lossValue, ...descend(weights, gradients as JaxArray[], moments, step) };
      });

    let weights = chains.flatMap(parametersOf);
    let moments = Array.from({ length: buffers }, () => weights.map(({ shape }) => np.zeros(shape)));
    let step = 0;
    async function advance(by: ReturnType<typeof stepWith>): Promise<number> {
      step++;
      const seed = np.array(step, { dtype: "uint32" as never });
      const next = by(weights, moments, images.ref, np.array(step), seed);
      ({ weights, moments } = next);
      const [number] = await next.loss.data();
      return number;
    }
    const randomStep = stepWith(true);
    return {
      run: () => advance(randomStep),
      results() {
        const fixedStep = stepWith(false);
        return firstSteps(
          () => advance(fixedStep),
          () => Promise.all(tree.ref(weights).map((weight) => weight.data())),
        );
      },
    };
  }

  function keysFrom(seed: JaxArray): Keys {
    let drawn = 0;
    return () => random.key(seed.ref.mul(8).add(drawn++));
  }

  /** Two for each layer that has any: the weight and the bias, as `applied` takes them. */
  function parametersOf(layers: LayerNumbers[]): JaxArray[] {
    return layers.flatMap(({ layer, weight, bias }) => {
      if (!weight || !bias) return [];
      return [weightOf(layer, weight), np.array(bias)];
    });
  }

  function weightOf(layer: Layer, values: Float32Array<ArrayBuffer>): JaxArray {
    if (layer.type === "conv2d") {
      const { outChannels, inChannels, kernelSize } = layer;
      return np.array(values, { shape: [outChannels, inChannels, kernelSize, kernelSize] });
    }
    const { inFeatures, outFeatures } = layer as Extract<Layer, { type: "linear" }>;
    return np.array(permuted(values, [outFeatures, inFeatures], [1, 0]), {
      shape: [inFeatures, outFeatures],
    });
  }

  function applied(layers: LayerNumbers[], x: JaxArray, parameters: JaxArray[], keys: Keys): JaxArray {
    const rest = [...parameters];
    return layers.reduce((value, { layer }) => layerApplied(layer, value, rest, keys), x);
  }

  /** @param rest the layer takes its parameters from the front */
  function layerApplied(layer: Layer, x: JaxArray, rest: JaxArray[], keys: Keys): JaxArray {
    switch (layer.type) {
      case "conv2d": {
        const [weight, bias] = rest.splice(0, 2);
        return conv2d(x, weight, layer).add(bias.reshape([1, layer.outChannels, 1, 1]));
      }
      case "linear": {
        const [weight, bias] = rest.splice(0, 2);
        return np.matmul(layer.image ? x.reshape([x.shape[0], -1]) : x, weight).add(bias);
      }
      case "maxPool2d":
        return pool(np.max, x, layer);
      case "avgPool2d":
        return pool(np.mean, x, layer);
      case "dropout": {
        if (!keys) return x;
        const kept = random.bernoulli(keys(), 1 - layer.probability, x.shape);
        return np.where(kept, x.div(1 - layer.probability), 0);
      }
      case "relu":
        return nn.relu(x);
      case "tanh":
        return np.tanh(x);
      case "sigmoid":
        return nn.sigmoid(x);
    }
  }

  function conv2d(x: JaxArray, weight: JaxArray, { stride, padding }: { stride: number; padding: number }) {
    const sides: [number, number] = [padding, padding];
    return lax.convGeneralDilated(x, weight, [stride, stride], [sides, sides]);
  }

  function pool(
    over: (window: JaxArray) => JaxArray,
    x: JaxArray,
    { kernelSize, stride }: { kernelSize: number; stride: number },
  ): JaxArray {
    return lax.reduceWindow(x, (window) => over(window), [kernelSize, kernelSize], [stride, stride]);
  }

  function input(shape: Shape, salt: number): JaxArray {
    return np.array(hashed(shape, salt), { shape: [...shape] });
  }

  function batchOf({ batch, model }: WorkOf<"training" | "forward">): JaxArray {
    const shape = [batch, ...model.input];
    return np.array(imageNumbers(shape), { shape });
  }
}
