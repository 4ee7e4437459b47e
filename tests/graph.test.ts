/** Graphs, graph autoencoders against PyTorch (see `fixtures/pytorch/graph.py`), and link prediction. */
import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fillHashed, hashed } from "../bench/hashed.ts";
import { edgesOf, type Graph, karateClub, stochasticBlockModel } from "../data/graphs.ts";
import { openDevice } from "../engine/currentDevice.ts";
import { ArgumentError, DataError, ShapeError } from "../engine/errors.ts";
import { inferenceMode } from "../engine/gradMode.ts";
import { hostRandom } from "../engine/hostRandom.ts";
import { Adam } from "../engine/optim/adam.ts";
import { manualSeed } from "../engine/random.ts";
import { fed } from "../engine/recordedStep.ts";
import { type Tensor, tensor, zeros } from "../engine/tensor.ts";
import {
  drawNonEdges,
  GraphAutoencoder,
  normalizedAdjacency,
  type PreparedGraph,
  prepareGraph,
  VariationalGraphAutoencoder,
} from "../models/graph.ts";
import {
  areaUnderRocCurve,
  averagePrecision,
  evaluateLinkPrediction,
  splitEdges,
} from "../models/linkPrediction.ts";
import { close, refused } from "./engine-helpers.ts";

const gpu = await openDevice();
test.after(() => gpu.close());

interface Fixture {
  readonly nodes: number;
  readonly sizes: { readonly features: number; readonly hidden: number; readonly code: number };
  readonly edges: number[];
  /** [step] */
  readonly nonEdges: number[][];
  readonly adjacency: number[];
  readonly learningRate: number;
  readonly cases: {
    readonly variational: boolean;
    readonly features: boolean;
    readonly losses: number[];
    /** After the last step. */
    readonly codes: number[];
    readonly probabilities: number[];
  }[];
}

const fixture: Fixture = JSON.parse(
  readFileSync(new URL("./fixtures/pytorch/graph.json", import.meta.url), "utf8"),
);
const { nodes, sizes } = fixture;

function trainingLoss(
  model: GraphAutoencoder,
  graph: PreparedGraph,
  draw: { readonly seed: number; readonly step: number },
): Tensor {
  return model.loss(
    graph,
    fed(graph.edges.shape, () => drawNonEdges(graph, draw), { dtype: "int32" }),
  );
}

const small: Graph = { name: "small", nodes, edges: Int32Array.from(fixture.edges) };

test("the normalised adjacency is PyTorch's, entry by entry", async () => {
  const { pattern, values } = normalizedAdjacency(small);
  const found = new Float32Array(nodes * nodes);
  const numbers = await values.data();
  for (let row = 0; row < nodes; row++) {
    for (let entry = pattern.rowPointers[row]; entry < pattern.rowPointers[row + 1]; entry++)
      found[row * nodes + pattern.columnIndices[entry]] = numbers[entry];
  }
  close(found, fixture.adjacency, "the adjacency", 1e-7);
  assert.is(numbers.length, nodes + fixture.edges.length);
});

for (const { variational, features: hasFeatures, losses, codes, probabilities } of fixture.cases) {
  const name = `${variational ? "VGAE" : "GAE"} ${hasFeatures ? "with" : "without"} features`;
  test(`${name}: ten steps are PyTorch's`, async () => {
    const features = hasFeatures
      ? tensor(hashed([nodes, sizes.features], 99), { shape: [nodes, sizes.features] })
      : undefined;
    const graph = prepareGraph(small, features);
    const Model = variational ? VariationalGraphAutoencoder : GraphAutoencoder;
    const model = new Model({
      inFeatures: hasFeatures ? sizes.features : nodes,
      hiddenSize: sizes.hidden,
      codeSize: sizes.code,
    });
    fillHashed(model as never);
    const optimizer = new Adam(model.parameters(), { learningRate: fixture.learningRate });
    const found: number[] = [];
    for (const [step, pairs] of fixture.nonEdges.entries()) {
      const loss = lossOf(model, graph, pairs, step);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      found.push(await loss.item());
    }
    close(found, losses, "the losses");
    close(await model.encode(graph.adjacency, features).data(), codes, "the codes", 1e-4);
    close(await model.call(graph.adjacency, features).data(), probabilities, "the probabilities", 1e-4);
  });
}

/** The loss with the fixture's pairs, and the noise of its step. */
function lossOf(model: GraphAutoencoder, graph: PreparedGraph, pairs: number[], step: number): Tensor {
  const nonEdges = tensor(Int32Array.from(pairs), { shape: [pairs.length / 2, 2] });
  if (!(model instanceof VariationalGraphAutoencoder)) return model.loss(graph, nonEdges);
  const shape = [nodes, sizes.code];
  return model.loss(graph, nonEdges, tensor(hashed(shape, 100 + step, 2), { shape }));
}

test("the karate club has its members' friends, and two communities of 17", () => {
  const graph = karateClub();
  const degrees = new Array<number>(34).fill(0);
  for (const node of graph.edges) degrees[node]++;
  assert.equal(
    degrees,
    [
      16, 9, 10, 6, 3, 4, 4, 4, 5, 2, 3, 1, 2, 5, 2, 2, 2, 2, 2, 3, 2, 2, 2, 5, 3, 3, 2, 4, 3, 4, 4, 6, 12,
      17,
    ],
  );
  assert.is(edgesOf(graph).length, 78);
  assert.is(graph.communities!.filter((community) => community === 0).length, 17);
  // Of the 78 friendships eleven went across when the club fell apart.
  const across = edgesOf(graph).filter(([a, b]) => graph.communities![a] !== graph.communities![b]);
  assert.is(across.length, 11);
});

test("a stochastic block model has as many edges as it should, and the same ones for a seed", () => {
  const make = (seed: number) =>
    stochasticBlockModel({ nodes: 301, blocks: 3, inside: 0.2, between: 0.01, seed });
  const graph = make(1);
  assert.equal(make(1), graph);
  assert.not.equal(make(2).edges, graph.edges);
  const communities = [...graph.communities!];
  assert.equal(
    [0, 1, 2].map((block) => communities.filter((community) => community === block).length),
    [101, 100, 100],
  );
  const inside = edgesOf(graph).filter(([a, b]) => communities[a] === communities[b]).length;
  const between = graph.edges.length / 2 - inside;
  // 14950 and 30200 pairs; four standard deviations.
  assert.ok(Math.abs(inside - 2990) < 4 * Math.sqrt(2990 * 0.8), `${inside} edges inside`);
  assert.ok(Math.abs(between - 302) < 4 * Math.sqrt(302 * 0.99), `${between} edges between`);
});

test("a split takes edges out, finds pairs that are none, and repeats with its seed", () => {
  const graph = karateClub();
  const key = ([a, b]: [number, number]) => `${Math.min(a, b)}-${Math.max(a, b)}`;
  const keysOf = (edges: Int32Array) => edgesOf({ ...graph, edges }).map(key);
  const all = new Set(keysOf(graph.edges));
  const split = splitEdges(graph, { share: 0.25, seed: 5 });
  const [training, edges, nonEdges] = [split.training.edges, split.edges, split.nonEdges].map(keysOf);
  assert.is(edges.length, 20); // of 78, rounded
  assert.equal(new Set([...training, ...edges]), all);
  assert.is(training.length + edges.length, 78);
  assert.is(new Set(nonEdges).size, 20);
  assert.ok(nonEdges.every((pair) => !all.has(pair)));
  assert.ok(edgesOf({ ...graph, edges: split.nonEdges }).every(([a, b]) => a !== b));
  assert.equal(splitEdges(graph, { share: 0.25, seed: 5 }), split);
  assert.not.equal(splitEdges(graph, { share: 0.25, seed: 6 }).edges, split.edges);
});

/** From the definitions, over all pairs and all thresholds. */
function bruteForce(scores: readonly number[], labels: readonly boolean[]) {
  const positives = scores.filter((_, i) => labels[i]);
  const negatives = scores.filter((_, i) => !labels[i]);
  let wins = 0;
  for (const a of positives) for (const b of negatives) wins += a > b ? 1 : a === b ? 0.5 : 0;
  const precisionAt = (threshold: number) => {
    const chosen = labels.filter((_, i) => scores[i] >= threshold);
    return chosen.filter(Boolean).length / chosen.length;
  };
  return {
    auc: wins / (positives.length * negatives.length),
    averagePrecision:
      positives.reduce((sum, threshold) => sum + precisionAt(threshold), 0) / positives.length,
  };
}

test("AUC and average precision are what their definitions say, ties included", () => {
  const random = hostRandom("scores");
  for (let round = 0; round < 200; round++) {
    const count = 2 + Math.floor(random() * 30);
    const levels = 1 + Math.floor(random() * 12);
    const labels = Array.from({ length: count }, (_, i) => i === 0 || (i > 1 && random() < 0.4));
    const scores = labels.map((label) => Math.floor((random() + (label ? 0.2 : 0)) * levels) / 4 - 1);
    const expected = bruteForce(scores, labels);
    const where = JSON.stringify({ scores, labels });
    close([areaUnderRocCurve(scores, labels)], [expected.auc], `AUC of ${where}`, 1e-12);
    close([averagePrecision(scores, labels)], [expected.averagePrecision], `AP of ${where}`, 1e-12);
  }
});

test("AUC and average precision at their corners", () => {
  const labels = [true, true, false, false, false];
  const both = (scores: number[]) => [areaUnderRocCurve(scores, labels), averagePrecision(scores, labels)];
  assert.equal(both([5, 4, 3, 2, 1]), [1, 1]);
  assert.equal(both([0, 0, 0, 0, 0]), [0.5, 2 / 5]);
  assert.equal(both([-0, 0, 0, -0, 0]), [0.5, 2 / 5]);
  assert.equal(both([Infinity, -Infinity, -Infinity, 0, 0]), [(3 + 0.5) / 6, (1 + 2 / 5) / 2]);
  assert.equal(both([1, 2, 3, 4, 5]), [0, (1 / 4 + 2 / 5) / 2]);
});

test("what cannot be scored is refused", async () => {
  for (const measure of [areaUnderRocCurve, averagePrecision]) {
    await refused(DataError, /score 1 of 2 is not a number\n.*diverged/, () =>
      measure([1, NaN], [true, false]),
    );
    await refused(ArgumentError, /there are 1 scores, but 2 labels/, () => measure([1], [true, false]));
    await refused(ArgumentError, /must be positives and negatives/, () => measure([1, 2], [true, true]));
  }
});

/** Ten communities of a hundred nodes; of a hundred edges four join two of them, and cannot be foreseen. */
const blocks = stochasticBlockModel({ nodes: 1000, blocks: 10, inside: 0.1, between: 0.0005, seed: 1 });

for (const [Model, steps] of [
  [GraphAutoencoder, 30],
  [VariationalGraphAutoencoder, 60],
] as const) {
  test(`${Model.name} finds hidden edges of 1,000 nodes, in flat memory`, async () => {
    const split = splitEdges(blocks, { seed: 1 });
    const graph = prepareGraph(split.training);
    manualSeed(1);
    const model = new Model({ inFeatures: blocks.nodes });
    const before = await evaluateLinkPrediction(model, graph, split);
    const optimizer = new Adam(model.parameters(), { learningRate: 0.02 });
    let flat = 0;
    for (let step = 0; step < steps; step++) {
      optimizer.zeroGrad();
      trainingLoss(model, graph, { seed: 1, step }).backward();
      optimizer.step();
      await gpu.flush();
      const { bytesInUse } = gpu.memory();
      if (step <= 3) flat = bytesInUse;
      assert.ok(bytesInUse <= flat, `step ${step}: ${bytesInUse} bytes, ${flat} before`);
    }
    const { auc, averagePrecision: precision } = await evaluateLinkPrediction(model, graph, split);
    // Who knows the communities and nothing else cannot do better than this on average.
    const pairs = [split.edges, split.nonEdges].flatMap((edges) => edgesOf({ ...blocks, edges }));
    const known = pairs.map(([a, b]) => (blocks.communities![a] === blocks.communities![b] ? 1 : 0));
    const best = areaUnderRocCurve(
      known,
      pairs.map((_, i) => i < split.edges.length / 2),
    );
    const found = `AUC ${auc.toFixed(3)} (${before.auc.toFixed(3)} before, ${best.toFixed(3)} with the communities), AP ${precision.toFixed(3)}`;
    assert.ok(auc >= 0.9 && auc > best - 0.03 && precision > 0.85 && before.auc < 0.7, found);
    assert.ok(model.training);
  });
}

test("the club is told apart by codes that have never seen it", async () => {
  const club = karateClub();
  const graph = prepareGraph(club);
  manualSeed(3);
  const model = new GraphAutoencoder({ inFeatures: club.nodes });
  const optimizer = new Adam(model.parameters(), { learningRate: 0.01 });
  for (let step = 0; step < 60; step++) {
    optimizer.zeroGrad();
    trainingLoss(model, graph, { seed: 3, step }).backward();
    optimizer.step();
  }
  const probabilities = await inferenceMode(() => model.call(graph.adjacency)).data();
  const pairs = Array.from({ length: 34 }, (_, a) =>
    Array.from({ length: a }, (_, b) => [a, b] as const),
  ).flat();
  const auc = areaUnderRocCurve(
    pairs.map(([a, b]) => probabilities[34 * a + b]),
    pairs.map(([a, b]) => club.communities![a] === club.communities![b]),
  );
  assert.ok(auc > 0.75, `AUC ${auc}`);
});

test("the pairs of a step depend on the seed and the step alone", () => {
  const graph = prepareGraph(karateClub());
  const at = (seed: number, step: number) => drawNonEdges(graph, { seed, step });
  const first = at(1, 7);
  assert.equal(at(1, 7), first);
  assert.not.equal(at(1, 8), first);
  assert.not.equal(at(2, 7), first);
});

test("graphs that are none are refused", async () => {
  const graph = (nodes: number, ...edges: number[]): Graph => ({
    name: "odd",
    nodes,
    edges: Int32Array.from(edges),
  });
  const refusals: [Graph, RegExp][] = [
    [graph(3, 0, 1, 2), /3 numbers make no pairs/],
    [graph(3, 0, 1, 1, 3), /edge 1 joins 1 and 3, and the nodes are 0 to 2/],
    [graph(3, 0, -1), /edge 0 joins 0 and -1/],
    [graph(3, 0, 1, 2, 2), /edge 1, from 2 to 2, is a loop/],
    [graph(3, 0, 1, 1, 0), /edge 1, from 1 to 0, was listed before/],
    [graph(3), /no edges, so there is nothing to learn/],
    [graph(3, 0, 1, 0, 2, 1, 2), /of its 3 pairs of nodes 3 are joined/],
  ];
  for (const [odd, words] of refusals) await refused(DataError, words, () => prepareGraph(odd));
  await refused(DataError, /of 1 edges 1 were to be taken out/, () =>
    splitEdges(graph(3, 0, 1), { seed: 1 }),
  );
  await refused(DataError, /there are no 2 others/, () =>
    splitEdges(graph(4, 0, 1, 0, 2, 0, 3, 1, 2, 1, 3), { share: 0.4, seed: 1 }),
  );
  for (const share of [0, 1, Number.NaN]) {
    await refused(ArgumentError, /share must be between 0 and 1/, () =>
      splitEdges(karateClub(), { share, seed: 1 }),
    );
  }
  const model = new GraphAutoencoder({ inFeatures: 34 });
  await refused(ShapeError, /nonEdges must be \[78, 2\], as many as there are edges, got \[77, 2\]/, () =>
    model.loss(prepareGraph(karateClub()), zeros([77, 2], { dtype: "int32" })),
  );
  await refused(ShapeError, /features must be \[34, features\], .* got \[33, 2\]/, () =>
    prepareGraph(karateClub(), zeros([33, 2])),
  );
  const wrong: [Partial<Parameters<typeof stochasticBlockModel>[0]>, RegExp][] = [
    [{ inside: 1.5 }, /inside is a probability, from 0 to 1, got 1.5/],
    [{ between: Number.NaN }, /between is a probability/],
    [{ blocks: 11 }, /10 nodes in 11 blocks/],
  ];
  for (const [options, words] of wrong) {
    await refused(ArgumentError, words, () =>
      stochasticBlockModel({ nodes: 10, blocks: 2, inside: 1, between: 0, seed: 1, ...options }),
    );
  }
});

test.run();
