/** The losses against PyTorch (see `fixtures/pytorch/losses.py`), at their edges, and what they refuse. */
import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openDevice } from "../engine/currentDevice.ts";
import { ArgumentError, AutogradError, DtypeError, ShapeError } from "../engine/errors.ts";
import { crossEntropyLoss, nllLoss } from "../engine/ops/classLosses.ts";
import { huberLoss, klDivGaussian, l1Loss } from "../engine/ops/losses.ts";
import { logSoftmax } from "../engine/ops/softmax.ts";
import { full, ones, type Tensor, tensor, zeros } from "../engine/tensor.ts";
import { close, refused } from "./engine-helpers.ts";

const gpu = await openDevice();
test.after(() => gpu.close());

interface Case {
  readonly loss: keyof typeof losses;
  readonly shape: number[];
  readonly inputs: number[][];
  /** Indices of classes, nested. */
  readonly target: number[] | number[][][] | null;
  readonly options: { readonly reduction: string; readonly weight?: number[] };
  readonly value: number[];
  readonly gradients: number[][];
}

const losses = {
  crossEntropyLoss: (inputs: Tensor[], options: object) => crossEntropyLoss(inputs[0], inputs[1], options),
  nllLoss: (inputs: Tensor[], options: object) => nllLoss(inputs[0], inputs[1], options),
  l1Loss: (inputs: Tensor[], options: object) => l1Loss(inputs[0], inputs[1], options),
  huberLoss: (inputs: Tensor[], options: object) => huberLoss(inputs[0], inputs[1], options),
  klDivGaussian: (inputs: Tensor[], options: object) => klDivGaussian(inputs[0], inputs[1], options),
};

const { cases }: { cases: Case[] } = JSON.parse(
  readFileSync(new URL("./fixtures/pytorch/losses.json", import.meta.url), "utf8"),
);

for (const { loss, shape, inputs, target, options, value, gradients } of cases) {
  test(`${loss} of [${shape}] ${JSON.stringify(options)} is PyTorch's, with its gradient`, async () => {
    const leaves = inputs.map((values) => tensor(Float32Array.from(values), { shape, requiresGrad: true }));
    const targets = target ? [tensor(target, { dtype: "int32" })] : [];
    const weight = options.weight && { weight: tensor(options.weight) };
    const result = losses[loss]([...leaves, ...targets], { ...options, ...weight });
    close(await result.data(), value, "the loss", 2e-6);
    const direction = Float32Array.from(value, (_, i) => i + 1);
    result.backward(tensor(direction, { shape: result.shape }));
    for (const [i, leaf] of leaves.entries())
      close(await leaf.grad!.data(), gradients[i], `the gradient of input ${i}`, 2e-6);
  });
}

test("the mean of a million ignored, weighted and other pixels", async () => {
  const [height, width] = [1024, 1024];
  const labels = Int32Array.from({ length: height * width }, (_, i) => [0, 1, 2, -100][i % 4]);
  const logits = zeros([1, 3, height, width], { requiresGrad: true });
  const target = tensor(labels, { shape: [1, height, width] });
  const weight = tensor([1, 2, 4]);
  const loss = crossEntropyLoss(logits, target, { weight });
  assert.ok(Math.abs((await loss.item()) - Math.log(3)) < 1e-5, `${await loss.item()}, not log 3`);
  loss.backward();
  const gradient = await logits.grad!.data();
  const share = 4 / (7 * height * width);
  close(
    gradient.slice(0, 4).map((value) => value / share),
    [-2 / 3, 2 / 3, 4 / 3, 0],
    "the first plane",
  );
});

test("no target but ignored ones: the mean is not a number, the sum is 0, and so are the gradients", async () => {
  const target = tensor([-100, -100], { dtype: "int32" });
  for (const [reduction, expected] of [
    ["mean", Number.NaN],
    ["sum", 0],
  ] as const) {
    for (const loss of [crossEntropyLoss, nllLoss]) {
      const logits = tensor([1, 2, 3, 4], { shape: [2, 2], requiresGrad: true });
      const value = loss(logits, target, { reduction });
      assert.equal(await value.item(), expected);
      value.backward();
      assert.equal([...(await logits.grad!.data())], [0, 0, 0, 0]);
    }
  }
});

test("a class that is not there gives NaN, in its own row alone where nothing is reduced", async () => {
  for (const wrong of [3, -1, -99, 2 ** 31 - 1]) {
    for (const [loss, other] of [
      [crossEntropyLoss, Math.log(3)],
      [nllLoss, -1],
    ] as const) {
      const logits = ones([2, 3], { requiresGrad: true });
      const target = tensor([1, wrong], { dtype: "int32" });
      const each = loss(logits, target, { reduction: "none" });
      const [first, second] = await each.data();
      assert.ok(Math.abs(first - other) < 1e-6, `${first}`);
      assert.ok(Number.isNaN(second), `${second} for the class ${wrong}`);
      each.backward(ones([2]));
      const gradient = await logits.grad!.data();
      assert.ok(gradient.slice(0, 3).every(Number.isFinite));
      assert.ok(gradient.slice(3).every(Number.isNaN));
      assert.ok(Number.isNaN(await loss(logits, target).item()));
    }
  }
});

test("nllLoss of logSoftmax is the cross entropy, large logits included", async () => {
  const logits = tensor([300, -200, 0, 1, 2, 3], { shape: [2, 3] });
  const target = tensor([1, 2], { dtype: "int32" });
  const options = { reduction: "none" } as const;
  const expected = await crossEntropyLoss(logits, target, options).data();
  close(await nllLoss(logSoftmax(logits), target, options).data(), expected, "the losses");
  close(expected, [500, Math.log(1 + Math.exp(-1) + Math.exp(-2))], "the cross entropy");
});

test("huberLoss meets its neighbours: mseLoss / 2 within delta, delta · l1Loss far outside", async () => {
  const x = tensor([0.5, -0.25, 1000, -4000]);
  const each = await huberLoss(x, zeros([4]), { reduction: "none", delta: 2 }).data();
  close(each, [0.125, 0.03125, 2 * 999, 2 * 3999], "the losses");
});

test("klDivGaussian is 0 for the normal distribution itself, and averages over the examples alone", async () => {
  assert.is(await klDivGaussian(zeros([3, 2]), zeros([3, 2])).item(), 0);
  const mean = full([2, 5, 3], 2);
  assert.is(await klDivGaussian(mean, zeros([2, 5, 3])).item(), 15 * 2);
  assert.is(await klDivGaussian(mean, zeros([2, 5, 3]), { reduction: "sum" }).item(), 2 * 15 * 2);
});

test("arguments that do not fit are refused", async () => {
  const logits = zeros([2, 3]);
  const target = tensor([0, 1], { dtype: "int32" });
  await refused(ArgumentError, /labelSmoothing must be from 0 to 1, got 1.5/, () =>
    crossEntropyLoss(logits, target, { labelSmoothing: 1.5 }),
  );
  await refused(ArgumentError, /crossEntropyLoss: ignoreIndex must be a whole number .* got 0.5/, () =>
    crossEntropyLoss(logits, target, { ignoreIndex: 0.5 }),
  );
  await refused(ArgumentError, /nllLoss: ignoreIndex .* got 4294967296/, () =>
    nllLoss(logits, target, { ignoreIndex: 2 ** 32 }),
  );
  await refused(ShapeError, /nllLoss: weight must be \[3\], .* got \[2\]/, () =>
    nllLoss(logits, target, { weight: ones([2]) }),
  );
  await refused(DtypeError, /crossEntropyLoss: weight: expected float32, got int32/, () =>
    crossEntropyLoss(logits, target, { weight: ones([3], { dtype: "int32" }) }),
  );
  await refused(AutogradError, /no gradient for the weights of the classes/, () =>
    crossEntropyLoss(logits, target, { weight: ones([3], { requiresGrad: true }) }),
  );
  await refused(DtypeError, /nllLoss: target: expected int32, got float32/, () => nllLoss(logits, ones([2])));
  await refused(ShapeError, /nllLoss: logProbabilities must be \[N, C\] .* got \[3\]/, () =>
    nllLoss(ones([3]), target),
  );
  await refused(ShapeError, /crossEntropyLoss: .* target must be \[2\], got \[2, 1\]/, () =>
    crossEntropyLoss(logits, tensor([[0], [1]], { dtype: "int32" })),
  );
  await refused(ArgumentError, /huberLoss: delta .* got 0/, () => huberLoss(logits, logits, { delta: 0 }));
  await refused(ArgumentError, /l1Loss: reduction .* got "avg"/, () =>
    l1Loss(logits, logits, { reduction: "avg" as never }),
  );
  await refused(ShapeError, /l1Loss: the target must have the shape of x, \[2, 3\], got \[3\]/, () =>
    l1Loss(logits, ones([3])),
  );
  await refused(ShapeError, /klDivGaussian: logVariance must have the shape of mean/, () =>
    klDivGaussian(logits, ones([3])),
  );
  await refused(ShapeError, /klDivGaussian: mean must be \[N, latent\]/, () =>
    klDivGaussian(ones([3]), ones([3])),
  );
});

test.run();
