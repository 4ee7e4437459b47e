/**
 * Winograd's convolution against float64: every case that its kernels know on small sizes, which conv2d would leave to
 * other kernels, and conv2d itself where it chooses them.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkOps } from "../engine/checks.ts";
import { openDevice } from "../engine/currentDevice.ts";
import { hostRandom } from "../engine/hostRandom.ts";
import { conv2d, conv2dChecks } from "../engine/ops/conv2d.ts";
import type { Convolution, Pair } from "../engine/ops/convolution.ts";
import { defineOp, type OpChecks, type Sample } from "../engine/ops/define.ts";
import { type Activation, pullBackActivation } from "../engine/ops/epilogue.ts";
import {
  isWorthWinograd,
  winogradForward,
  winogradInputGradient,
  winogradWeightGradient,
} from "../engine/ops/winograd.ts";
import { type Shape, sizeOf } from "../engine/shape.ts";
import { type Tensor, tensor } from "../engine/tensor.ts";
import { showRows } from "./checks-helpers.ts";

const gpu = await openDevice();
test.after(() => gpu.close());

interface Options {
  readonly padding: number;
  readonly groups: number;
  readonly activation?: Activation;
}

function convolutionOf(x: Shape, weight: Shape, { padding, groups }: Options): Convolution {
  return {
    images: x[0],
    inputChannels: x[1],
    outputChannels: weight[0],
    groups,
    input: [x[2], x[3]],
    window: [3, 3],
    output: [x[2] + 2 * padding - 2, x[3] + 2 * padding - 2],
    stride: [1, 1],
    padding: [padding, padding],
    dilation: [1, 1],
  };
}

const winogradOp = defineOp<Options>({
  name: "winograd",
  forward: ([x, weight, bias], options) =>
    winogradForward({
      ...{ x, weight, bias, activation: options.activation },
      convolution: convolutionOf(x.shape, weight.shape, options),
    }),
  backward({ gradient, inputs: [x, weight, bias], output, options, needs }) {
    const convolution = convolutionOf(x.shape, weight.shape, options);
    const dy = pullBackActivation(options.activation, output, gradient);
    const byWeight = winogradWeightGradient(x, dy, convolution, bias !== undefined && needs(2));
    const back = { x: dy, weight, bias: undefined, activation: undefined, convolution };
    return [winogradInputGradient(back), byWeight.product, byWeight.rowSums ?? null];
  },
});

function samples(): Sample<Options>[] {
  function row(x: Shape, weight: Shape, options: Partial<Options> = {}): Sample<Options> {
    return { inputs: [x, weight, [weight[0]]], options: { padding: 1, groups: 1, ...options } };
  }
  return [
    // Tiles that end with the plane and tiles that are cut off, one pixel, one tile, planes that are not square.
    ...[0, 1, 2].map((padding) => row([2, 4, 7, 9], [8, 4, 3, 3], { padding })),
    row([1, 4, 3, 3], [4, 4, 3, 3], { padding: 0 }),
    row([1, 4, 1, 1], [4, 4, 3, 3]),
    row([3, 8, 4, 8], [4, 8, 3, 3]),
    row([2, 4, 5, 11], [12, 4, 3, 3], { padding: 2 }),
    row([3, 8, 5, 6], [16, 4, 3, 3], { groups: 2 }),
    row([9, 16, 6, 7], [16, 4, 3, 3], { groups: 4, padding: 0 }),
    // So many tiles and channels that the products have several tiles, workgroups and lanes.
    row([10, 36, 7, 7], [20, 36, 3, 3]),
    row([2, 4, 5, 5], [4, 4, 3, 3], { activation: "relu" }),
  ];
}

const winogradChecks: OpChecks<Options> = {
  op: winogradOp,
  reference: (inputs, { padding, groups, activation }) => {
    const pair: Pair = [padding, padding];
    return conv2dChecks.reference(inputs, {
      ...{ stride: [1, 1], padding: pair, paddingAfter: pair, dilation: [1, 1], groups },
      ...(activation && { activation }),
    });
  },
  samples,
};

test("every case agrees with its float64 reference and with central differences", async () => {
  const { count, failed } = await showRows(checkOps(gpu, { operations: [winogradChecks] }));
  assert.is(failed, 0, `${failed} of ${count} rows failed: they stand above`);
});

interface Directions<T> {
  readonly output: T;
  readonly input: T;
  readonly weight: T;
  readonly bias: T;
}

/** All directions of a convolution in float64. */
function directions(
  { images, inputChannels, outputChannels, input, output, padding }: Convolution,
  { input: x, weight, output: dy }: Pick<Directions<Float32Array>, "input" | "weight" | "output">,
): Directions<Float64Array> {
  const made = {
    output: new Float64Array(dy.length),
    input: new Float64Array(x.length),
    weight: new Float64Array(weight.length),
    bias: new Float64Array(outputChannels),
  };
  for (let image = 0; image < images; image++) {
    for (let to = 0; to < outputChannels; to++) {
      const outputs = (image * outputChannels + to) * output[0] * output[1];
      for (let i = 0; i < output[0] * output[1]; i++) made.bias[to] += dy[outputs + i];
      for (let from = 0; from < inputChannels; from++) {
        const inputs = (image * inputChannels + from) * input[0] * input[1];
        for (let tap = 0; tap < 9; tap++) {
          const at = 9 * (to * inputChannels + from) + tap;
          const [down, across] = [Math.floor(tap / 3) - padding[0], (tap % 3) - padding[1]];
          for (let y = Math.max(0, -down); y < Math.min(output[0], input[0] - down); y++) {
            for (let z = Math.max(0, -across); z < Math.min(output[1], input[1] - across); z++) {
              const o = outputs + y * output[1] + z;
              const i = inputs + (y + down) * input[1] + z + across;
              made.output[o] += weight[at] * x[i];
              made.input[i] += weight[at] * dy[o];
              made.weight[at] += x[i] * dy[o];
            }
          }
        }
      }
    }
  }
  return made;
}

/** The largest difference, relative to the mean magnitude. */
async function errorOf(got: Tensor, expected: Float64Array): Promise<number> {
  const numbers = await got.data();
  assert.is(numbers.length, expected.length);
  const typical = expected.reduce((sum, value) => sum + Math.abs(value), 0) / expected.length;
  return numbers.reduce((worst, value, i) => Math.max(worst, Math.abs(value - expected[i])), 0) / typical;
}

function normal(shape: Shape, random: () => number): Float32Array {
  return Float32Array.from(
    { length: sizeOf(shape) },
    () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()),
  );
}

test("images that are done in parts", async () => {
  const [x, weight, dy] = [
    [700, 8, 15, 16],
    [8, 8, 3, 3],
    [700, 8, 15, 16],
  ];
  const convolution = convolutionOf(x, weight, { padding: 1, groups: 1 });
  const random = hostRandom("winograd/parts");
  const numbers = { input: normal(x, random), weight: normal(weight, random), output: normal(dy, random) };
  const expected = directions(convolution, numbers);
  const [xs, weights, dys] = [
    tensor(numbers.input, { shape: x }),
    tensor(numbers.weight, { shape: weight }),
    tensor(numbers.output, { shape: dy }),
  ];
  const none = { bias: undefined, activation: undefined, convolution };
  const output = winogradForward({ x: xs, weight: weights, ...none });
  const times = await gpu.profile(() => winogradForward({ x: xs, weight: weights, ...none }));
  assert.is(times.length, 7, "the weights, and three commands for each of two parts");
  const input = winogradInputGradient({ x: dys, weight: weights, ...none });
  const { product, rowSums } = winogradWeightGradient(xs, dys, convolution, true);
  assert.ok((await errorOf(output, expected.output)) < 1e-5);
  assert.ok((await errorOf(input, expected.input)) < 1e-5);
  assert.ok((await errorOf(product, expected.weight)) < 1e-4, "sums of 168,000 products");
  assert.ok((await errorOf(rowSums!, expected.bias)) < 1e-4);
});

test("conv2d chooses it where there are many channels, and only for plain windows of 3 × 3", async () => {
  const [x, weight] = [
    [16, 64, 8, 8],
    [64, 64, 3, 3],
  ];
  const convolution = convolutionOf(x, weight, { padding: 1, groups: 1 });
  assert.ok(isWorthWinograd(convolution));
  assert.not(isWorthWinograd({ ...convolution, window: [3, 2] }));
  assert.not(isWorthWinograd({ ...convolution, dilation: [1, 2] }));
  assert.not(isWorthWinograd({ ...convolution, images: 15 }), "few tiles");
  assert.not(isWorthWinograd({ ...convolution, output: [7, 8] }), "tiles that are cut off");
  assert.not(isWorthWinograd({ ...convolution, inputChannels: 60 }), "few channels");
  assert.not(isWorthWinograd({ ...convolution, groups: 2 }), "few channels in a group");
  assert.not(isWorthWinograd({ ...convolution, inputChannels: 66 }), "channels that fill no vectors");
  assert.not(isWorthWinograd({ ...convolution, inputChannels: 2048, outputChannels: 2048 }), "large weights");
  assert.not(isWorthWinograd({ ...convolution, output: [800, 800] }), "large planes");

  const random = hostRandom("winograd/conv2d");
  const numbers = { input: normal(x, random), weight: normal(weight, random), output: normal(x, random) };
  const expected = directions(convolution, numbers);
  const [xs, weights, bias] = [
    tensor(numbers.input, { shape: x, requiresGrad: true }),
    tensor(numbers.weight, { shape: weight, requiresGrad: true }),
    tensor(new Float32Array(64), { requiresGrad: true }),
  ];
  const times = await gpu.profile(() => {
    const y = conv2d(xs, weights, bias, { padding: 1 }).keep();
    y.backward(tensor(numbers.output, { shape: x }));
  });
  const names = new Set(times.map(({ kernel }) => kernel));
  const hasSubgroups = gpu.adapter.smallestSubgroup >= 8 && gpu.tiling === "registers";
  assert.is(names.has("winogradTiles"), hasSubgroups, [...names].join("; "));
  assert.is(
    [...names].some((name) => /sliding/i.test(name)),
    false,
  );
  const y = conv2d(xs, weights, bias, { padding: 1 });
  assert.ok((await errorOf(y, expected.output)) < 2e-5);
  assert.ok((await errorOf(xs.grad!, expected.input)) < 2e-5);
  assert.ok((await errorOf(weights.grad!, expected.weight)) < 2e-5);
  assert.ok((await errorOf(bias.grad!, expected.bias)) < 2e-5);
});

test.run();
