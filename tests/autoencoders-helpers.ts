/** How PyTorch trains small autoencoders: see `fixtures/pytorch/autoencoders.py`. */
import { readFileSync } from "node:fs";
import * as assert from "uvu/assert";
import { fillHashed, hashed } from "../bench/hashed.ts";
import type { Module } from "../engine/nn/module.ts";
import { add } from "../engine/ops/arithmetic.ts";
import { Adam } from "../engine/optim/adam.ts";
import type { Shape } from "../engine/shape.ts";
import { type Tensor, tensor } from "../engine/tensor.ts";
import type { Noise } from "../models/noise.ts";
import { descent, type Losses } from "../models/training.ts";
import { close } from "./engine-helpers.ts";

interface Parameter {
  readonly sum: number;
  readonly norm: number;
  readonly first: number[];
}

interface Fixture {
  readonly learningRate: number;
  readonly cases: Record<
    string,
    {
      /** [step] */
      readonly losses: Record<string, number[]>;
      /** After the last step. */
      readonly parameters: Record<string, Parameter>;
    }
  >;
  readonly similarity: {
    readonly planes: number;
    readonly height: number;
    readonly width: number;
    readonly value: number;
  };
}

export const { learningRate, cases, similarity }: Fixture = JSON.parse(
  readFileSync(new URL("./fixtures/pytorch/autoencoders.json", import.meta.url), "utf8"),
);

/** What all its models are made of. */
export const small = { imageShape: [1, 8, 8], widths: [16, 4], hidden: 16, codeSize: 4 };
export const smallChannels = [4, 8] as const;

const batch = 4;

/** In [0, 1]. */
export function hashedImages(shape: Shape, salt: number): Float32Array<ArrayBuffer> {
  return hashed(shape, salt).map((value) => (value + 1) / 2);
}

export function noiseOf(step: number, shape: Shape): Tensor {
  return tensor(hashed(shape, 2000 + step, 1.5), { shape });
}

/** Adds the numbers that PyTorch added. */
export function noiseAt(step: number): Noise {
  return (images) => add(images, noiseOf(step, images.shape));
}

type Update = (images: Tensor, step: number) => Losses;

/** The losses and the parameters are PyTorch's in every step of the case. */
export async function followPyTorch(
  name: string,
  model: Module<never, unknown>,
  makeUpdate: () => Update,
): Promise<void> {
  fillHashed(model);
  const update = makeUpdate();
  const { losses, parameters } = cases[name];
  const found: Record<string, number[]> = {};
  for (const step of losses.loss.keys()) {
    const shape = [batch, ...small.imageShape];
    const images = tensor(hashedImages(shape, 1000 + step), { shape });
    for (const [part, loss] of Object.entries(update(images, step))) {
      found[part] ??= [];
      found[part].push(await loss.item());
    }
  }
  assert.equal(Object.keys(found), Object.keys(losses));
  for (const [part, values] of Object.entries(losses)) close(found[part], values, `${name}: ${part}`);
  assert.equal([...model.stateDict().keys()], Object.keys(parameters));
  for (const [path, { sum, norm, first }] of Object.entries(parameters)) {
    const values = await model.stateDict().get(path)!.data();
    const where = `${name}: ${path} after ten steps`;
    close(values.slice(0, 8), first, where, 1e-4);
    const total = values.reduce((a, b) => a + b, 0);
    const length = Math.hypot(...values);
    close([total, length], [sum, norm], `${where}, sum and norm`, 1e-4);
  }
}

/** An update with one optimiser for all parameters. */
export function byAdam(
  model: Module<never, unknown>,
  lossesOf: (images: Tensor, step: number) => Losses,
): () => Update {
  return () => {
    const optimizer = new Adam(model.parameters(), { learningRate });
    const update = descent<{ images: Tensor; count: number }>(optimizer, ({ images }, step) =>
      lossesOf(images, step()),
    );
    return (images, step) => update({ images, count: batch }, () => step);
  };
}
