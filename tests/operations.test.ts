/** Operations against PyTorch, forward and backward (see `fixtures/pytorch/operations.py`); others are in nn.test.ts. */
import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openDevice } from "../engine/currentDevice.ts";
import { BatchNorm1d, BatchNorm2d } from "../engine/nn/normalisation.ts";
import { adaptiveAvgPool2d } from "../engine/ops/adaptiveAvgPool2d.ts";
import { add, clone, div, exp, log, mul, neg, sqrt, square, sub } from "../engine/ops/arithmetic.ts";
import { batchNorm } from "../engine/ops/batchNorm.ts";
import { equal, greater, greaterEqual, less, lessEqual, notEqual } from "../engine/ops/compare.ts";
import { to } from "../engine/ops/convert.ts";
import { convTranspose2d } from "../engine/ops/convTranspose2d.ts";
import { dropout } from "../engine/ops/dropout.ts";
import { argmax, oneHot } from "../engine/ops/indices.ts";
import { concat, expand, pad, permute, reshape, slice, upsampleNearest2d } from "../engine/ops/layout.ts";
import { localResponseNorm } from "../engine/ops/localResponseNorm.ts";
import { logSumExp } from "../engine/ops/logSumExp.ts";
import { matmul } from "../engine/ops/matmul.ts";
import { minPool2d } from "../engine/ops/pool.ts";
import { max, mean, sum } from "../engine/ops/reduce.ts";
import { logSoftmax, softmax } from "../engine/ops/softmax.ts";
import { opChecks } from "../engine/ops/table.ts";
import { std, variance } from "../engine/ops/variance.ts";
import { type Tensor, tensor, zeros } from "../engine/tensor.ts";
import { close } from "./engine-helpers.ts";

const gpu = await openDevice();
test.after(() => gpu.close());

interface Numbers {
  readonly dtype: keyof typeof arrays;
  readonly shape: number[];
  readonly values: number[];
}

interface Fixture {
  readonly cases: {
    readonly op: keyof typeof operations;
    readonly options: Record<string, never>;
    readonly inputs: Numbers[];
    readonly output: Numbers;
    /** Where the operation has gradients … */
    readonly direction?: number[];
    /** … those of the sum of direction · output, by every input. */
    readonly gradients?: number[][];
  }[];
  readonly layers: {
    readonly kind: keyof typeof kinds;
    readonly shape: number[];
    readonly momentum: number;
    readonly epsilon: number;
    readonly affine: boolean;
    /** Two to train with, one to evaluate. */
    readonly batches: number[][];
    readonly outputs: number[][];
    /** After them. */
    readonly state: Record<string, Numbers>;
  }[];
}

function read(name: string) {
  return JSON.parse(readFileSync(new URL(`./fixtures/pytorch/${name}.json`, import.meta.url), "utf8"));
}

const fixture: Fixture = read("operations");
const kinds = { BatchNorm1d, BatchNorm2d };
const arrays = { float32: Float32Array, int32: Int32Array, uint32: Uint32Array } as const;

function fromFixture({ dtype, shape, values }: Numbers, requiresGrad = false): Tensor {
  return tensor(arrays[dtype].from(values), { shape, requiresGrad: requiresGrad && dtype === "float32" });
}

// biome-ignore lint/suspicious/noExplicitAny: as they stand in the fixture
type Options = any;

const operations = {
  ...{ add, sub, mul, div, equal, notEqual, less, lessEqual, greater, greaterEqual },
  ...{ clone, neg, exp, log, sqrt, square },
  to: (x: Tensor, { dtype }: Options) => to(x, dtype),
  argmax: (x: Tensor, { axis }: Options) => argmax(x, axis),
  oneHot: (indices: Tensor, { classes }: Options) => oneHot(indices, classes),
  ...{ variance, std, logSumExp, sum, mean, max },
  softmax: (x: Tensor, { axis }: Options) => softmax(x, axis),
  logSoftmax: (x: Tensor, { axis }: Options) => logSoftmax(x, axis),
  reshape: (x: Tensor, { shape }: Options) => reshape(x, shape),
  permute: (x: Tensor, { axes }: Options) => permute(x, axes),
  expand: (x: Tensor, { shape }: Options) => expand(x, shape),
  slice: (x: Tensor, { axis, start, end }: Options) => slice(x, axis, start, end),
  concat: (a: Tensor, b: Tensor, c: Tensor, { axis }: Options) => concat([a, b, c], axis),
  pad: (x: Tensor, { padding, value }: Options) => pad(x, padding, value),
  upsampleNearest2d: (x: Tensor, { scale }: Options) => upsampleNearest2d(x, scale),
  matmul(a: Tensor, b: Tensor, ...rest: (Tensor | Options)[]) {
    const [options, bias] = rest.reverse();
    // The fixture divides by 4, so that tanh does not saturate.
    return bias ? matmul(mul(a, 0.25), b, { ...options, bias }) : matmul(a, b, options);
  },
  convTranspose2d(x: Tensor, weight: Tensor, ...rest: (Tensor | Options)[]) {
    const [options, bias] = rest.reverse();
    return convTranspose2d(x, weight, bias, options);
  },
  dropout: (x: Tensor, { probability }: Options) => dropout(x, probability),
  ...{ minPool2d, localResponseNorm },
  adaptiveAvgPool2d: (x: Tensor, { outputSize }: Options) => adaptiveAvgPool2d(x, outputSize),
  batchNorm(x: Tensor, ...rest: (Tensor | Options)[]) {
    const options = rest.pop();
    const [weight, bias] = rest;
    return batchNorm(x, { ...options, weight, bias });
  },
  batchNormEvaluation(x: Tensor, mean: Tensor, variance: Tensor, ...rest: (Tensor | Options)[]) {
    const options = rest.pop();
    const [weight, bias] = rest;
    const running = { mean, variance, batches: zeros([], { dtype: "int32" }) };
    return batchNorm(x, { ...options, weight, bias, running, training: false });
  },
};

for (const { op, options, inputs, output, direction, gradients } of fixture.cases) {
  const shapes = inputs.map(({ dtype, shape }) => `${dtype === "float32" ? "" : dtype}[${shape}]`).join(" ");
  test(`${op} ${shapes} ${JSON.stringify(options)} is PyTorch's${gradients ? ", forward and backward" : ""}`, async () => {
    const tensors = inputs.map((input) => fromFixture(input, gradients !== undefined));
    const run = operations[op] as (...some: unknown[]) => Tensor;
    const result = Object.keys(options).length > 0 ? run(...tensors, options) : run(...tensors);
    assert.equal([result.dtype, result.shape], [output.dtype, output.shape]);
    const found = await result.data();
    if (output.dtype === "float32") close(found, output.values, "the result");
    else assert.equal([...found], output.values);
    assert.is(result.requiresGrad, gradients !== undefined);
    if (!gradients) return;
    result.backward(tensor(Float32Array.from(direction!), { shape: output.shape }));
    for (const [i, gradient] of gradients.entries())
      close(await tensors[i].grad!.data(), gradient, `the gradient of input ${i}`);
  });
}

for (const { kind, shape, momentum, epsilon, affine, batches, outputs, state } of fixture.layers) {
  test(`${kind} [${shape}], momentum ${momentum}: training moves its statistics as PyTorch's does, evaluation uses them`, async () => {
    const layer = new kinds[kind](shape[1], { momentum, epsilon, affine });
    for (const [i, batch] of batches.entries()) {
      if (i === 2) layer.eval();
      close(await layer.call(tensor(Float32Array.from(batch), { shape })).data(), outputs[i], `output ${i}`);
    }
    assert.equal([...layer.stateDict().keys()], Object.keys(state));
    for (const [name, found] of layer.stateDict()) {
      assert.equal([found.dtype, found.shape], [state[name].dtype, state[name].shape], name);
      close(await found.data(), state[name].values, name);
    }
  });
}

test("every operation of the table is compared with PyTorch somewhere", () => {
  const names = new Set<string>([
    ...fixture.cases.map(({ op }) => op),
    ...read("layers").cases.map(({ op }: { op: string }) => op),
    ...read("losses").cases.map(({ loss }: { loss: string }) => loss),
    ...read("gather").choices.map(({ op }: { op: string }) => op),
    read("float16").op,
    "spmm", // the fixture's "product"
  ]);
  assert.equal(
    opChecks.map(({ op }) => op.name).filter((name) => !names.has(name)),
    [],
  );
});

test.run();
