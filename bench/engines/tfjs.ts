/**
 * The benchmark's work in TensorFlow.js on its WebGPU backend. Images lie as NHWC, the only order in which it has all
 * gradients; what it hands over is brought into NCHW.
 */
import type * as TensorFlow from "@tensorflow/tfjs";
import type { Shape } from "../../engine/shape.ts";
import { hashed } from "../hashed.ts";
import { type BenchModel, outputSize } from "../models.ts";
import { imageNumbers, type LayerNumbers, labelNumbers, modelNumbers, permuted, salts } from "../numbers.ts";
import type { Work } from "../workloads.ts";
import { installWebgpu } from "./browserLike.ts";
import { type Engine, firstSteps, type Task } from "./engine.ts";

type WorkOf<K extends Work["kind"]> = Extract<Work, { kind: K }>;
type Tensor = TensorFlow.Tensor;
type Apply = (x: Tensor, isRandom: boolean) => Tensor;

const toNhwc = [0, 2, 3, 1];
const toNchw = [0, 3, 1, 2];

export async function openEngine(): Promise<Engine> {
  const adapter = await installWebgpu();
  const tf = await import("@tensorflow/tfjs");
  await import("@tensorflow/tfjs-backend-webgpu");
  await tf.setBackend("webgpu");
  await tf.ready();
  tf.env().set("WEBGPU_CPU_FORWARD", false); // small tensors, too, are the adapter's work
  return {
    adapter,
    prepare: async (work) => taskOf(tf, work),
    async close() {
      tf.removeBackend("webgpu");
    },
  };
}

function taskOf(tf: typeof TensorFlow, work: Work): Task {
  /** In the order of the layers. */
  const parameters: Tensor[] = [];

  switch (work.kind) {
    case "matmul": {
      const [a, b] = [salts.first, salts.second].map((salt) => input([work.size, work.size], salt));
      return computing(() => [tf.matMul(a, b)]);
    }
    case "conv2d":
      return convolution(work);
    case "maxPool2d": {
      const { kernelSize, stride } = work;
      const x = imageInput(hashed(work.images, salts.first), work.images);
      const forward = (of: Tensor) => tf.maxPool(of as TensorFlow.Tensor4D, kernelSize, stride, "valid");
      const gradient = outputGradient(forward(x).shape);
      const gradientOf = tf.grad(forward);
      return computing(
        () => [gradientOf(x, gradient)],
        () => [forward(x), gradientOf(x, gradient)],
      );
    }
    case "additions": {
      const [x, y] = [salts.first, salts.second].map((salt) => input([work.elements], salt));
      return computing(() => {
        let sum = x;
        for (let added = 0; added < work.count; added++) sum = tf.add(sum, y);
        return [sum];
      });
    }
    case "forward": {
      const [apply] = layersOf(modelNumbers(work.model));
      const images = batchOf(work);
      return computing(() => [apply(images, false)]);
    }
    case "training":
      return training(work);
  }

  /** @param all the results to compare, where `compute` leaves some out */
  function computing(compute: () => Tensor[], all = compute): Task {
    return {
      async run() {
        const first = tf.tidy(() => tf.slice(tf.reshape(compute()[0], [-1]), 0, 1));
        return readOnce(first);
      },
      async results() {
        const tensors = tf.tidy(all);
        return Promise.all(tensors.map(valuesOf));
      },
    };
  }

  function convolution({ images, weight: weightShape, padding, backward }: WorkOf<"conv2d">): Task {
    const x = imageInput(hashed(images, salts.first), images);
    const weight = convolutionWeight(hashed(weightShape, salts.second), weightShape);
    const forward = (of: Tensor, by: Tensor) =>
      tf.conv2d(of as TensorFlow.Tensor4D, by as TensorFlow.Tensor4D, 1, padding);
    if (!backward) return computing(() => [forward(x, weight)]);
    const gradient = outputGradient(forward(x, weight).shape);
    const gradientsOf = tf.grads(forward);
    return computing(
      () => gradientsOf([x, weight], gradient),
      () => {
        const [ofX, ofWeight] = gradientsOf([x, weight], gradient);
        // back to [outChannels, inChannels, height, width], in the place of an image's order
        return [forward(x, weight), ofX, tf.transpose(ofWeight, [3, 0, 1, 2])];
      },
    );
  }

  function training(work: WorkOf<"training">): Task {
    const { batch, model } = work;
    const images = batchOf(work);
    const labels = tf.oneHot(tf.tensor1d(labelNumbers(batch), "int32"), outputSize(model));
    const pixels = tf.reshape(images, [batch, -1]);
    const chains = layersOf(modelNumbers(model));
    const noise = input([batch, 20], salts.noise);
    const optimizer =
      work.optimizer.name === "adam"
        ? tf.train.adam(work.optimizer.learningRate, 0.9, 0.999, 1e-8)
        : tf.train.momentum(work.optimizer.learningRate, work.optimizer.momentum);

    function loss(isRandom: boolean): TensorFlow.Scalar {
      switch (model.loss) {
        case "mse":
          return tf.losses.meanSquaredError(pixels, chains[0](images, isRandom));
        case "crossEntropy":
          return tf.losses.softmaxCrossEntropy(labels, chains[0](images, isRandom));
        case "elbo": {
          const [encode, meanOf, logVarianceOf, decode] = chains;
          const hidden = encode(images, isRandom);
          const [mean, logVariance] = [meanOf(hidden, isRandom), logVarianceOf(hidden, isRandom)];
          const drawn = isRandom ? tf.randomNormal(noise.shape) : noise;
          const codes = tf.add(mean, tf.mul(tf.exp(tf.mul(logVariance, 0.5)), drawn));
          const likelihood = tf.losses.sigmoidCrossEntropy(
            pixels,
            decode(codes, isRandom),
            undefined,
            undefined,
            tf.Reduction.SUM,
          );
          const excess = tf.sub(tf.add(tf.square(mean), tf.exp(logVariance)), tf.add(logVariance, 1));
          return tf.div(tf.add(likelihood, tf.mul(tf.sum(excess), 0.5)), batch);
        }
      }
    }
    const step = (isRandom: boolean) =>
      readOnce(optimizer.minimize(() => loss(isRandom), true) as TensorFlow.Scalar);
    return {
      run: () => step(true),
      results() {
        return firstSteps(
          () => step(false),
          () => Promise.all(parameters.map((of) => of.data())),
        );
      },
    };
  }

  function layersOf(chains: LayerNumbers[][]): Apply[] {
    return chains.map((chain) => {
      const layers = chain.map(layerOf);
      return (x, isRandom) => layers.reduce((value, layer) => layer(value, isRandom), x);
    });
  }

  function parameter(initial: Tensor): Tensor {
    const made = tf.variable(initial);
    parameters.push(made);
    return made;
  }

  function layerOf({ layer, weight, bias }: LayerNumbers): Apply {
    switch (layer.type) {
      case "conv2d": {
        const { inChannels, outChannels, kernelSize, stride, padding } = layer;
        const shape = [outChannels, inChannels, kernelSize, kernelSize];
        const filter = parameter(convolutionWeight(weight!, shape));
        const offset = parameter(tf.tensor1d(bias!));
        return (x) =>
          tf.add(tf.conv2d(x as TensorFlow.Tensor4D, filter as TensorFlow.Tensor4D, stride, padding), offset);
      }
      case "linear": {
        const { inFeatures, outFeatures, image } = layer;
        // an image arrives as NHWC, so the rows of its weight are in that order, too
        const values = image
          ? permuted(weight!, [outFeatures, ...image], [2, 3, 1, 0])
          : permuted(weight!, [outFeatures, inFeatures], [1, 0]);
        const matrix = parameter(tf.tensor2d(values, [inFeatures, outFeatures]));
        const offset = parameter(tf.tensor1d(bias!));
        return (x) => tf.add(tf.matMul(image ? tf.reshape(x, [x.shape[0], -1]) : x, matrix), offset);
      }
      case "maxPool2d":
        return (x) => tf.maxPool(x as TensorFlow.Tensor4D, layer.kernelSize, layer.stride, "valid");
      case "avgPool2d":
        return (x) => tf.avgPool(x as TensorFlow.Tensor4D, layer.kernelSize, layer.stride, "valid");
      case "dropout":
        return (x, isRandom) => (isRandom ? tf.dropout(x, layer.probability) : x);
      case "relu":
        return (x) => tf.relu(x);
      case "tanh":
        return (x) => tf.tanh(x);
      case "sigmoid":
        return (x) => tf.sigmoid(x);
    }
  }

  function input(shape: Shape, salt: number): Tensor {
    return tf.tensor(hashed(shape, salt), [...shape]);
  }

  /** @param shape [N, C, H, W] */
  function imageInput(values: Float32Array, shape: Shape): TensorFlow.Tensor4D {
    const [batch, channels, height, width] = shape;
    return tf.tensor4d(permuted(values, shape, toNhwc), [batch, height, width, channels]);
  }

  function batchOf({ batch, model }: { batch: number; model: BenchModel }): TensorFlow.Tensor4D {
    const shape = [batch, ...model.input];
    return imageInput(imageNumbers(shape), shape);
  }

  /** @param shape [N, H, W, C] */
  function outputGradient([batch, height, width, channels]: Shape): TensorFlow.Tensor4D {
    const shape = [batch, channels, height, width];
    return imageInput(hashed(shape, salts.gradient), shape);
  }

  /** @param shape [outChannels, inChannels, height, width] */
  function convolutionWeight(values: Float32Array, shape: Shape): TensorFlow.Tensor4D {
    const [outChannels, inChannels, height, width] = shape;
    return tf.tensor4d(permuted(values, shape, [2, 3, 1, 0]), [height, width, inChannels, outChannels]);
  }
}

async function readOnce(tensor: Tensor): Promise<number> {
  const [number] = await tensor.data();
  tensor.dispose();
  return number;
}

/** Images as NCHW. */
async function valuesOf(tensor: Tensor): Promise<ArrayLike<number>> {
  const values = (await tensor.data()) as Float32Array;
  const { shape } = tensor;
  tensor.dispose();
  return shape.length === 4 ? permuted(values, shape, toNchw) : values;
}
