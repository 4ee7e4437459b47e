/** Autoencoders against PyTorch (see `fixtures/pytorch/autoencoders.py`), and the penalties. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openDevice, withDevice } from "../engine/currentDevice.ts";
import { ArgumentError } from "../engine/errors.ts";
import { planDevice } from "../engine/gpu/plan.ts";
import { full, tensor, zeros } from "../engine/tensor.ts";
import { ConvolutionalAutoencoder, DenseAutoencoder } from "../models/autoencoder.ts";
import { sparseLoss, sparsityDivergence } from "../models/sparse.ts";
import { byAdam, followPyTorch, small, smallChannels } from "./autoencoders-helpers.ts";
import { close, refused } from "./engine-helpers.ts";

const gpu = await openDevice();
test.after(() => gpu.close());

const { imageShape, widths, codeSize } = small;
const convolutional = { imageShape, channels: smallChannels, codeSize };

test("dense autoencoders take PyTorch's steps", async () => {
  const model = new DenseAutoencoder({ imageShape, widths });
  await followPyTorch(
    "dense",
    model,
    byAdam(model, (images) => ({ loss: model.loss(images) })),
  );
  const tanh = new DenseAutoencoder({ imageShape, widths, activation: "tanh" });
  await followPyTorch(
    "denseTanhBce",
    tanh,
    byAdam(tanh, (images) => ({ loss: tanh.loss(images, "bce") })),
  );
});

test("convolutional autoencoders take PyTorch's steps, up by repeated pixels and by transposed convolutions", async () => {
  const nearest = new ConvolutionalAutoencoder(convolutional);
  await followPyTorch(
    "nearest",
    nearest,
    byAdam(nearest, (images) => ({ loss: nearest.loss(images) })),
  );
  const transposed = new ConvolutionalAutoencoder({ ...convolutional, up: "transposed" });
  await followPyTorch(
    "transposed",
    transposed,
    byAdam(transposed, (images) => ({ loss: transposed.loss(images, "bce") })),
  );
});

test("penalties on weights and codes take PyTorch's steps", async () => {
  const model = new DenseAutoencoder({ imageShape, widths });
  const penalties = { weightL1: 1e-3, weightL2: 2e-3, codeL1: 3e-2, codeL2: 4e-2 };
  await followPyTorch(
    "penalised",
    model,
    byAdam(model, (images) => ({ loss: sparseLoss(model, images, penalties) })),
  );
});

test("a sparse autoencoder takes PyTorch's steps", async () => {
  const sparse = { activation: "sigmoid", codeActivation: "sigmoid" } as const;
  const model = new DenseAutoencoder({ imageShape, widths, ...sparse });
  const penalties = { sparsity: { target: 0.1, factor: 0.25 } };
  await followPyTorch(
    "sparse",
    model,
    byAdam(model, (images) => ({ loss: sparseLoss(model, images, penalties) })),
  );
});

test("without penalties, the loss is the plain one", async () => {
  const model = new DenseAutoencoder({ imageShape, widths });
  const images = full([2, ...imageShape], 0.25);
  assert.is(await sparseLoss(model, images, {}, "bce").item(), await model.loss(images, "bce").item());
});

test("the sparsity divergence is that of the means from the target, in nats", async () => {
  const divergence = (mean: number) => 0.25 * Math.log(0.25 / mean) + 0.75 * Math.log(0.75 / (1 - mean));
  const codes = tensor([
    [0.125, 1],
    [0.375, 0.2],
  ]);
  close(
    [await sparsityDivergence(codes, 0.25).item()],
    [divergence(0.25) + divergence(0.6)],
    "the sum",
    1e-6,
  );
  assert.ok(
    (await sparsityDivergence(zeros([2, 3]), 0.1).item()) > 1,
    "a dead unit costs, and is no infinity",
  );
  for (const target of [0, 1, Number.NaN])
    await refused(ArgumentError, /the target must lie between 0 and 1/, () =>
      sparsityDivergence(codes, target),
    );
});

test("transposed or not, the images come back in their size, in colour as well", () => {
  withDevice(planDevice(), () => {
    for (const up of ["nearest", "transposed"] as const) {
      const model = new ConvolutionalAutoencoder({ imageShape: [3, 12, 8], up });
      assert.equal(model.call(zeros([2, 3, 12, 8])).shape, [2, 3, 12, 8]);
    }
  });
});

test.run();
