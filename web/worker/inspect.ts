/** What there is to see inside a model: its first filters, what every layer makes of an image, its codes, its mistakes. */
import { sliceDataset } from "../../data/dataset.ts";
import { ArgumentError } from "../../engine/errors.ts";
import { type Module, observeCalls } from "../../engine/nn/module.ts";
import { Tensor, tensor } from "../../engine/tensor.ts";
import { evaluationBatches } from "../../models/evaluation.ts";
import type { Activation, CodeMap, Confusion, Filters, LabelledImages, Reading } from "../protocol.ts";
import { imagesTensor, measured, readOut, requireBench } from "./bench.ts";
import { labelledImages } from "./data.ts";
import { principalDirections } from "./principal.ts";

const mostFilters = 64;
const mappedImages = 1000;

export function testImages(first: number, count: number): Promise<LabelledImages> {
  const { test } = requireBench().data;
  const indices = Array.from(
    { length: Math.max(0, Math.min(count, test.count - first)) },
    (_, i) => first + i,
  );
  return labelledImages(test, indices);
}

/** What the model makes of an image, [C, H, W]. */
export async function read(image: Float32Array): Promise<Reading> {
  const { atWork } = requireBench();
  const { classify, reconstruct } = atWork;
  return {
    ...(classify && { probabilities: softmax(await readOut(() => classify(imagesTensor(image)))) }),
    ...(reconstruct && { reconstruction: await readOut(() => reconstruct(imagesTensor(image))) }),
  };
}

function softmax(logits: Float32Array): Float32Array {
  const largest = logits.reduce((a, b) => Math.max(a, b));
  const powers = logits.map((logit) => Math.exp(logit - largest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

/** The first weight that stands on pixels: a convolution's windows, or a dense layer's rows as images. */
export async function filters(): Promise<Filters | undefined> {
  const { atWork, info } = requireBench();
  const [channels, height, width] = info.imageShape;
  for (const [name, weight] of atWork.model.stateDict()) {
    const [units, depth, windowHeight, windowWidth] = weight.shape;
    const isConvolution = weight.shape.length === 4 && depth === channels;
    const isDense = weight.shape.length === 2 && depth === channels * height * width;
    if (!isConvolution && !isDense) continue;
    const count = Math.min(units, mostFilters);
    const imageShape = isConvolution ? [1, windowHeight, windowWidth] : [1, height, width];
    const size = imageShape[1] * imageShape[2];
    const all = (await weight.data()) as Float32Array;
    const perUnit = all.length / units;
    const weights = new Float32Array(count * size);
    for (let unit = 0; unit < count; unit++)
      weights.set(all.subarray(unit * perUnit, unit * perUnit + size), unit * size);
    return { layer: name.replace(/\.weight$/, ""), count, of: units, imageShape, weights };
  }
  return undefined;
}

/** What comes out of every layer for one image, [C, H, W]. */
export async function activations(image: Float32Array): Promise<Activation[]> {
  const { atWork } = requireBench();
  const names = new Map([...atWork.model.namedModules()].map(([name, module]) => [module, name]));
  const seen: { module: Module<never, unknown>; output: Tensor }[] = [];
  measured(() => {
    observeCalls(
      (module, output) => {
        const isLayer = [...module.namedChildren()].length === 0;
        if (isLayer && output instanceof Tensor) seen.push({ module, output });
      },
      () => (atWork.reconstruct ?? atWork.classify)?.(imagesTensor(image)),
    );
    return seen.map(({ output }) => output);
  });
  const shown: Activation[] = [];
  for (const { module, output } of seen) {
    shown.push({
      layer: names.get(module) ?? "",
      describes: module.describe(),
      shape: output.shape.slice(1),
      values: (await output.data()) as Float32Array,
    });
  }
  for (const { output } of seen) output.storage.release("it was shown");
  return shown;
}

export function encode(image: Float32Array): Promise<Float32Array> {
  const { encode } = requireBench().atWork;
  if (!encode) throw noCodes();
  return readOut(() => encode(imagesTensor(image)));
}

export function decode(codes: Float32Array): Promise<Float32Array> {
  const { atWork, info } = requireBench();
  const { decode } = atWork;
  const { codeSize } = info;
  if (!decode || !codeSize) throw noCodes();
  return readOut(() => decode(tensor(codes, { shape: [codes.length / codeSize, codeSize] })));
}

function noCodes(): ArgumentError {
  return new ArgumentError("this model has no codes", "train an autoencoder");
}

/** The codes of test images, and the plane in which they differ most (a code of two dimensions is that plane itself). */
export async function codeMap(): Promise<CodeMap> {
  const { atWork, data, info } = requireBench();
  const { encode } = atWork;
  const { codeSize } = info;
  if (!encode || !codeSize) throw noCodes();
  const test = sliceDataset(data.test, 0, Math.min(mappedImages, data.test.count));
  const codes = new Float32Array(test.count * codeSize);
  let place = 0;
  for await (const { images, measure } of evaluationBatches(atWork.model, test)) {
    const batch = measure(() => encode(images));
    const values = (await batch.data()) as Float32Array;
    batch.storage.release("it was read");
    codes.set(values, place);
    place += values.length;
  }
  const { centre, directions } = principalDirections(codes, codeSize);
  const [right, up] = directions;
  const places = new Float32Array(2 * test.count);
  const distances: number[] = [];
  for (let image = 0; image < test.count; image++) {
    for (const [axis, direction] of [right, up].entries()) {
      let along = 0;
      for (let i = 0; i < codeSize; i++) along += direction[i] * (codes[image * codeSize + i] - centre[i]);
      places[2 * image + axis] = along;
      distances.push(Math.abs(along));
    }
  }
  return {
    codeSize,
    centre,
    right,
    up,
    places,
    codes,
    labels: test.labels.slice(),
    // a few that lie far out do not make the map small for all others
    reach: distances.sort((a, b) => a - b)[Math.floor(0.995 * distances.length)] || 1,
    ranges: rangesOf(codes, codeSize),
  };
}

function rangesOf(codes: Float32Array, codeSize: number): Float32Array {
  const ranges = new Float32Array(2 * codeSize);
  for (let i = 0; i < codeSize; i++) {
    let [least, most] = [codes[i], codes[i]];
    for (let at = i; at < codes.length; at += codeSize) {
      least = Math.min(least, codes[at]);
      most = Math.max(most, codes[at]);
    }
    ranges.set([least, most], 2 * i);
  }
  return ranges;
}

let lastPredictions: Int32Array | undefined;

/** Over all test images. */
export async function confusion(): Promise<Confusion> {
  const { atWork, data, info } = requireBench();
  const { classify, normalize } = atWork;
  if (!classify) throw new ArgumentError("this model tells no classes apart", "train LeNet-5 or AlexNet-28");
  const classes = info.classes.length;
  const predictions = new Int32Array(data.test.count);
  const counts = new Int32Array(classes * classes);
  let image = 0;
  for await (const { images, count, measure } of evaluationBatches(atWork.model, data.test, {
    ...(normalize && { normalize }),
  })) {
    const batch = measure(() => classify(images));
    const logits = (await batch.data()) as Float32Array;
    batch.storage.release("it was read");
    for (let row = 0; row < count; row++) {
      const scores = logits.subarray(row * classes, (row + 1) * classes);
      predictions[image] = scores.reduce((best, score, i) => (score > scores[best] ? i : best), 0);
      counts[data.test.labels[image] * classes + predictions[image]]++;
      image++;
    }
  }
  lastPredictions = predictions;
  let right = 0;
  for (let i = 0; i < classes; i++) right += counts[i * classes + i];
  return { counts, classes: info.classes, accuracy: right / data.test.count };
}

/** The test images in a cell of the last confusion matrix. */
export async function confused(row: number, column: number, atMost: number): Promise<LabelledImages> {
  const { test } = requireBench().data;
  const indices: number[] = [];
  for (const [image, predicted] of (lastPredictions ?? []).entries()) {
    if (indices.length === atMost) break;
    if (test.labels[image] === row && predicted === column) indices.push(image);
  }
  return labelledImages(test, indices);
}
