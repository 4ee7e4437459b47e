/** Weights and checkpoints: every state there and back again, bit for bit; and files that nobody should believe. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openDevice } from "../engine/currentDevice.ts";
import { DataError } from "../engine/errors.ts";
import { loadModel, saveModel } from "../engine/io/modelFile.ts";
import { decodeSafetensors, encodeSafetensors, type SafetensorsTensor } from "../engine/io/safetensors.ts";
import { add } from "../engine/ops/arithmetic.ts";
import { Adam, AdamW } from "../engine/optim/adam.ts";
import type { Optimizer } from "../engine/optim/optimizer.ts";
import { SGD } from "../engine/optim/sgd.ts";
import { generatorState, manualSeed, normal } from "../engine/random.ts";
import { tensor } from "../engine/tensor.ts";
import { DenseAutoencoder } from "../models/autoencoder.ts";
import {
  decodeCheckpoint,
  decodeWeights,
  encodeCheckpoint,
  encodeWeights,
  type TrainingDescription,
} from "../models/checkpoint.ts";
import { collectGarbage, randomImages } from "./engine-helpers.ts";

const gpu = await openDevice();
test.after(() => gpu.close());

const pixels = randomImages({ count: 8, size: 4 }).images;
const file = "run/checkpoint.safetensors";
const description: TrainingDescription = {
  model: "autoencoder",
  settings: { codeSize: 3, loss: "mse", target: 1e-3 },
  data: "runs/Ziffern ÷ 2",
  inputShape: [1, 4, 4],
  classes: ["null", 'eins"', "zwei – drei"],
  recipe: {
    epochs: 3,
    batchSize: 8,
    optimizer: "adam",
    learningRate: 2e-3,
    weightDecay: 0.1,
    schedule: "one-cycle",
    augment: { shift: 2, flip: true },
    clipNorm: 0.1 + 0.2,
  },
  seed: 2 ** 53 - 1,
  fingerprint: { samples: 8, labels: "07f3" },
};

type Optimizers = Readonly<Record<string, Optimizer>>;
type MakeOptimizers = (model: DenseAutoencoder) => Optimizers;

const oneAdam: MakeOptimizers = (model) => ({ optimizer: new Adam(model.parameters()) });

function begin(make: MakeOptimizers, seed = 1, widths = [5, 3]) {
  manualSeed(seed);
  const model = new DenseAutoencoder({ imageShape: [1, 4, 4], widths });
  return { model, optimizers: make(model) };
}

type Begun = ReturnType<typeof begin>;

/** Every optimiser in turn, on images with noise that the device draws. */
function takeSteps({ model, optimizers }: Begun, count: number): void {
  for (let step = 0; step < count; step++) {
    for (const optimizer of Object.values(optimizers)) {
      optimizer.learningRate *= 0.9;
      const images = tensor(pixels, { shape: [8, 1, 4, 4] });
      const loss = model.loss(add(images, normal([8, 1, 4, 4], { std: 0.1 })));
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
    }
  }
}

/** All that a training changes, as numbers and bits. */
async function stateOf({ model, optimizers }: Begun) {
  const bits = async (named: Iterable<readonly [string, { data(): Promise<{ buffer: ArrayBufferLike }> }]>) =>
    Object.fromEntries(
      await Promise.all(
        [...named].map(
          async ([name, values]) => [name, [...new Uint32Array((await values.data()).buffer)]] as const,
        ),
      ),
    );
  const remembered: Record<string, unknown> = {};
  for (const [name, optimizer] of Object.entries(optimizers)) {
    const { numbers, tensors } = optimizer.stateDict();
    remembered[name] = { numbers, tensors: await bits(Object.entries(tensors)) };
  }
  return { model: await bits(model.stateDict()), remembered, generator: generatorState() };
}

const kinds: Record<string, MakeOptimizers> = {
  Adam: oneAdam,
  "AdamW of two groups": (model) => ({
    optimizer: new AdamW([
      { parameters: model.encoder.parameters(), learningRate: 1e-2 },
      { parameters: model.decoder.parameters(), weightDecay: 0 },
    ]),
  }),
  "SGD with momentum": (model) => ({
    optimizer: new SGD(model.parameters(), { learningRate: 0.1, momentum: 0.9 }),
  }),
  "SGD, which remembers nothing": (model) => ({
    optimizer: new SGD(model.parameters(), { learningRate: 0.1 }),
  }),
  "three at once": (model) => ({
    whole: new Adam(model.parameters()),
    encoder: new SGD(model.encoder.parameters(), { learningRate: 0.1, momentum: 0.5 }),
    again: new Adam(model.encoder.parameters(), { learningRate: 1e-2 }),
  }),
};

for (const [name, make] of Object.entries(kinds)) {
  // Groups have rates of their own: nothing may set one for all.
  const advance = name.includes("groups")
    ? (begun: Begun, count: number) => {
        for (let step = 0; step < count; step++) {
          const optimizer = begun.optimizers.optimizer!;
          const loss = begun.model.loss(
            add(tensor(pixels, { shape: [8, 1, 4, 4] }), normal([8, 1, 4, 4], { std: 0.1 })),
          );
          optimizer.groups[1].learningRate *= 0.9;
          optimizer.zeroGrad();
          loss.backward();
          optimizer.step();
        }
      }
    : takeSteps;

  for (const before of [0, 3]) {
    test(`${name}, after ${before} steps: what is restored goes on bit for bit`, async () => {
      const first = begin(make);
      advance(first, before);
      const atCheckpoint = await stateOf(first);
      const bytes = await encodeCheckpoint({ ...first, stepsDone: before }, description);
      assert.equal(await stateOf(first), atCheckpoint, "saving changes nothing");
      advance(first, 3);
      const wanted = await stateOf(first);

      const second = begin(make, 99);
      advance(second, 5); // whatever it was before
      const stored = decodeCheckpoint(bytes, file);
      assert.is(stored.stepsDone, before);
      assert.equal(stored.training, description);
      stored.restore(second);
      assert.equal(await stateOf(second), atCheckpoint);
      advance(second, 3);
      assert.equal(await stateOf(second), wanted);
      assert.not.equal(wanted, atCheckpoint);
    });
  }
}

test("restoring is a copy: the same checkpoint can be restored twice", async () => {
  const begun = begin(oneAdam);
  takeSteps(begun, 2);
  const stored = decodeCheckpoint(await encodeCheckpoint({ ...begun, stepsDone: 2 }, description), file);
  const wanted = await stateOf(begun);
  for (let round = 0; round < 2; round++) {
    takeSteps(begun, 2);
    stored.restore(begun);
    assert.equal(await stateOf(begun), wanted);
  }
});

test("checkpoints hold no memory of the device once they are restored or refused", async () => {
  const begun = begin(oneAdam);
  takeSteps(begun, 3);
  const good = await encodeCheckpoint({ ...begun, stepsDone: 3 }, description);
  const restore = () => decodeCheckpoint(good, file).restore(begun);
  const other = begin(oneAdam, 1, [6, 3]);
  restore();
  await collectGarbage();
  const { bytesInUse, buffersInUse } = gpu.memory();
  for (let round = 0; round < 5; round++) {
    restore();
    assert.throws(() => decodeCheckpoint(good, file).restore(other));
    assert.throws(() => loadModel(other.model, good, file));
  }
  await collectGarbage(); // the moments that were replaced
  assert.equal([gpu.memory().bytesInUse, gpu.memory().buffersInUse], [bytesInUse, buffersInUse]);
});

test("weights say whose they are and what data they are of, and no more of the training", async () => {
  const begun = begin(oneAdam);
  const bytes = await encodeWeights(begun.model, description);
  const stored = decodeWeights(bytes, "model.safetensors");
  const { recipe, fingerprint, ...own } = description;
  assert.equal(stored.description, own);
  const wanted = (await stateOf(begun)).model;
  const other = begin(oneAdam, 99);
  assert.not.equal((await stateOf(other)).model, wanted);
  stored.loadInto(other.model);
  assert.equal((await stateOf(other)).model, wanted);
  assert.equal(
    [...decodeSafetensors(bytes, file).tensors.keys()],
    [...begun.model.stateDict().keys()],
    "PyTorch's names",
  );
});

// ---- Files that nobody should believe ----

const victim = begin(oneAdam);
takeSteps(victim, 3);
const goodBytes = await encodeCheckpoint({ ...victim, stepsDone: 3 }, description);
const good = decodeSafetensors(goodBytes, file);
const [describedAs, trainedAs] = ["wgrad", "wgrad.training"];

/** What stands in the good file. */
const written = (key: string): string => good.metadata.get(key)!;

function withMetadata(key: string, text: string | undefined): Uint8Array {
  const metadata = new Map(good.metadata);
  if (text === undefined) metadata.delete(key);
  else metadata.set(key, text);
  return encodeSafetensors(good.tensors, metadata);
}

/** With a value at a path like "state.generator.draws" replaced by JSON; without it, for undefined. */
function withValue(key: string, path: string, json: string | undefined): Uint8Array {
  const marker = "(here)";
  const root = JSON.parse(written(key));
  const names = path.split("/");
  const last = names.pop()!;
  const parent = names.reduce((value, name) => value[name], root);
  parent[last] = json === undefined ? undefined : marker;
  return withMetadata(
    key,
    JSON.stringify(root).replace(`"${marker}"`, () => json ?? ""),
  );
}

function withTensors(change: (tensors: Map<string, SafetensorsTensor>) => unknown): Uint8Array {
  const tensors = new Map(good.tensors);
  change(tensors);
  return encodeSafetensors(tensors, good.metadata);
}

const zeros = (...shape: number[]): SafetensorsTensor => ({
  dtype: "float32",
  shape,
  data: new Float32Array(shape.reduce((a, b) => a * b, 1)),
});

/** Refused with exactly this problem, nothing changed; returns what the reader is told to do. */
async function assertRefused(bytes: Uint8Array, problem: string, begun: Begun = victim): Promise<string> {
  const before = await stateOf(begun);
  let refusal: unknown;
  try {
    decodeCheckpoint(bytes, file).restore(begun);
  } catch (error) {
    refusal = error;
  }
  assert.instance(refusal, DataError, `expected a DataError with "${problem}", got ${refusal}`);
  assert.is((refusal as DataError).problem, problem);
  const after = await stateOf(begun);
  assert.equal(after.model, before.model, "the model is as it was");
  assert.equal(after.generator, before.generator, "so is the generator");
  return (refusal as DataError).help ?? "";
}

/** Each of these values in the place of what stands at its path under `key` is refused as `problem`. */
async function assertMisfits(
  key: string,
  values: Readonly<Record<string, readonly (string | undefined)[]>>,
  problem: string,
): Promise<void> {
  for (const [path, texts] of Object.entries(values)) {
    for (const text of texts) {
      const help = await assertRefused(withValue(key, path, text), `${file}: ${problem}`);
      assert.is(help, misfitHelp, `${path} ${text}`);
    }
  }
}

const misfitHelp = "get the file again, or train again; it was not written by this version of wgrad";

test("a file that is no checkpoint says so, and which file is one", async () => {
  const problem = `${file}: this is no checkpoint: it does not say how the training was begun`;
  const help = "go on from the file checkpoint.safetensors that `wgrad train` writes";
  const others = [
    await saveModel(victim.model),
    await encodeWeights(victim.model, description),
    withMetadata(describedAs, undefined),
    withMetadata(trainedAs, undefined),
  ];
  for (const bytes of others) assert.is(await assertRefused(bytes, problem), help);
  await assertRefused(
    goodBytes.subarray(0, 7),
    `${file}: 7 bytes, too few even for the header's length, which takes 8`,
  );
  const cut = goodBytes.subarray(0, goodBytes.length - 1);
  assert.throws(
    () => decodeCheckpoint(cut, file),
    (error: Error) =>
      error instanceof DataError && /cut off: the data of ".*" ends at byte/.test(error.message),
  );

  assert.throws(
    () => decodeWeights(encodeSafetensors(good.tensors), "model.safetensors"),
    (error: DataError) =>
      error.message ===
      "model.safetensors: these weights do not say which model they belong to\n" +
        "  help: bring weights from elsewhere in with `wgrad import MODEL FILE`",
  );
});

test("descriptions that are not what wgrad writes", async () => {
  const notObjects = ["", "{", "null", "[]", "3", '"text"', "undefined", '{"model":}', "{}}"];
  for (const text of notObjects) {
    for (const key of [describedAs, trainedAs]) {
      const problem = `${file}: its description is not what wgrad writes`;
      assert.is(await assertRefused(withMetadata(key, text), problem), misfitHelp);
    }
  }
  const values: Record<string, (string | undefined)[]> = {
    model: [undefined, "null", "3", '["vae"]', '"a\\u001b[2Jb"', '"vae\\n"'],
    data: [undefined, "7", '"a\\rb"'],
    settings: [
      undefined,
      "null",
      "[]",
      '"codeSize=3"',
      '{"codeSize":null}',
      '{"a":{}}',
      '{"__proto__":{"a":1}}',
    ],
    inputShape: [undefined, "null", "{}", "[1,-1]", "[0,4,4]", "[1.5]", '["4"]', "[1e300]", "16"],
    classes: [undefined, "null", '"abc"', "[1]", "[null]", '{"0":"a"}', '["a\\u0007"]'],
  };
  await assertMisfits(describedAs, values, "what it says of its model is not what wgrad writes");
});

test("recipes and states that are not what wgrad writes", async () => {
  const recipes: Record<string, (string | undefined)[]> = {
    recipe: [undefined, "null", "[]", "3"],
    "recipe/epochs": [undefined, "0", "-1", "1.5", '"3"', "1e300"],
    "recipe/batchSize": [undefined, "0", "null"],
    "recipe/optimizer": [undefined, '"Adam"', '"__proto__"', "0"],
    "recipe/schedule": [undefined, '"constructor"'],
    "recipe/learningRate": [undefined, "-0.1", '"0.1"', "null", "1e999"],
    "recipe/weightDecay": [undefined, "-1"],
    "recipe/labelSmoothing": ['"0.1"', "-1"],
    "recipe/clipNorm": ["null"],
    "recipe/betas": ["null", "0.9", "[0.9]", "[0.9,1]", "[-0.1,0.9]"],
    "recipe/augment": ["null", "3"],
  };
  await assertMisfits(trainedAs, recipes, "its recipe is not what wgrad writes");
  const states: Record<string, (string | undefined)[]> = {
    seed: [undefined, "-1", '"1"', "0.5"],
    state: [undefined, "null", "[]"],
    "state/stepsDone": [undefined, "-1", "2.5", '"3"', "null", "1e300"],
    "state/generator": [undefined, "null", "7"],
    "state/generator/seed": [undefined, "-1", "null"],
    "state/generator/draws": [undefined, "-1", "0.5", '"4"'],
    "state/optimizers": [undefined, "null", "[]", "3"],
  };
  await assertMisfits(trainedAs, states, "its state of the training is not what wgrad writes");
});

test("a fingerprint of the data may be left out, and is one where it is not", async () => {
  const { fingerprint, ...older } = description;
  const without = decodeCheckpoint(withValue(trainedAs, "fingerprint", undefined), file);
  assert.equal(without.training, older);
  const values: Record<string, string[]> = {
    fingerprint: ["null", "[]", "7", '"07f3"', "{}"],
    "fingerprint/samples": ['"8"', "-1", "null"],
    "fingerprint/labels": ["7", "null", '"a\\u001b[2Jb"'],
  };
  await assertMisfits(trainedAs, values, "its fingerprint of the data is not what wgrad writes");
});

test("optimisers that are missing, or remember what they should not", async () => {
  const what = `${file}: its state of the optimiser "optimizer"`;
  const values: Record<string, (string | undefined)[]> = {
    "state/optimizers/optimizer": [undefined, "null", "[]", '"adam"', '{"0.step":"3"}', '{"__proto__":{}}'],
    "state/optimizers": ["{}", '{"__proto__":{"optimizer":{}}}', '{"Optimizer":{}}'],
    "state/optimizers/optimizer/0.step": ['"3"', "-1", "1.5", "null"],
    "state/optimizers/optimizer/learningRate": ['"0.1"', "null", "{}"],
  };
  for (const [name, texts] of Object.entries(values)) {
    for (const text of texts) {
      const bytes = withValue(trainedAs, name, text);
      assert.is(
        await assertRefused(bytes, `${what} is not what wgrad writes`),
        misfitHelp,
        `${name} ${text}`,
      );
    }
  }
  const integers = { dtype: "int32", shape: [5, 16], data: new Int32Array(80) } as const;
  await assertRefused(
    withTensors((tensors) => tensors.set("optimizer.0.firstMoment", integers)),
    `${what} is not what wgrad writes`,
  );

  const misfits: [bytes: Uint8Array, why: string][] = [
    [
      withValue(trainedAs, "state/optimizers/optimizer/learningRate", "-1"),
      "Adam: learningRate must be a finite number ≥ 0, got -1",
    ],
    [
      withValue(trainedAs, "state/optimizers/optimizer/learningRate", undefined),
      "Adam: the state has the learning rates of another number of parameter groups than 1",
    ],
    [
      withValue(trainedAs, "state/optimizers/optimizer/3.step", undefined),
      "Adam: the state holds 3.firstMoment, 3.secondMoment, which belong to no parameter of this optimiser",
    ],
    [
      withTensors((tensors) => tensors.delete("optimizer.2.secondMoment")),
      "Adam: the state lacks 2.secondMoment",
    ],
    [
      withTensors((tensors) => tensors.set("optimizer.99.firstMoment", zeros(2))),
      "Adam: the state holds 99.firstMoment, which belong to no parameter of this optimiser",
    ],
    [
      withTensors((tensors) => tensors.set("optimizer.__proto__", zeros(2))),
      "Adam: the state holds __proto__, which belong to no parameter of this optimiser",
    ],
    [
      withTensors((tensors) => tensors.set("optimizer.0.firstMoment", zeros(16, 5))),
      "Adam: 0.firstMoment is [16, 5] in the state, but the parameter is [5, 16]",
    ],
  ];
  for (const [bytes, why] of misfits)
    assert.is(await assertRefused(bytes, `${what} does not fit the model: ${why}`), misfitHelp);
});

test("another model's tensors: all of them are listed", async () => {
  const fits = "the state dict does not fit DenseAutoencoder:";
  const help = "give weights of this model, saved with the same settings and for the same data";
  const bytes = withTensors((tensors) => {
    tensors.delete("model.encoder.1.bias");
    tensors.delete("model.decoder.2.weight");
    tensors.set("model.encoder.1.weight", zeros(5, 17));
    tensors.set("model.features.0.weight", zeros(1));
    tensors.set("model.__proto__", zeros(0));
    tensors.set("model.decoder.0.bias", { dtype: "int32", shape: [5], data: new Int32Array(5) });
  });
  const lines = [
    fits,
    "missing: encoder.1.bias",
    "missing: decoder.2.weight",
    "unexpected: features.0.weight",
    "unexpected: __proto__",
    "misfit: encoder.1.weight is float32 [5, 17], expected float32 [5, 16]",
    "misfit: decoder.0.bias is int32 [5], expected float32 [5]",
  ];
  assert.is(await assertRefused(bytes, `${file}: ${lines.join("\n  ")}`), help);
  assert.is(({} as Record<string, unknown>).a, undefined);

  const wider = begin(oneAdam, 1, [6, 3]);
  takeSteps(wider, 1);
  await assertRefused(
    goodBytes,
    `${file}: its state of the optimiser "optimizer" does not fit the model: ` +
      "Adam: 0.firstMoment is [5, 16] in the state, but the parameter is [6, 16]",
    wider,
  );
  const momentum = begin(kinds["SGD with momentum"]!);
  await assertRefused(
    goodBytes,
    `${file}: its state of the optimiser "optimizer" does not fit the model: SGD: the state lacks 0.momentumBuffer`,
    momentum,
  );
});

test("a file with more than it needs is read: what nobody asks for does no harm", async () => {
  const root = JSON.parse(written(describedAs));
  const text = JSON.stringify({ ...root, comment: "mine" }).replace("{", '{"__proto__":{"model":"other"},');
  const stored = decodeCheckpoint(withMetadata(describedAs, text), file);
  assert.is(stored.training.model, "autoencoder");
  assert.is(Object.getPrototypeOf(stored.training), Object.prototype);
  stored.restore(victim);
});

test.run();
