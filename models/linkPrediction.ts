/**
 * Link prediction: some edges of a graph are hidden from the training, and the model has to tell them from pairs of nodes
 * that are not joined. What is measured is the order in which it puts them, by two numbers that need no threshold.
 */
import { drawNonEdge, edgeKeys, edgesOf, type Graph, requireNonEdges } from "../data/graphs.ts";
import { shuffleInPlace } from "../data/shuffle.ts";
import { ArgumentError, DataError } from "../engine/errors.ts";
import { hostRandom } from "../engine/hostRandom.ts";
import { tensor } from "../engine/tensor.ts";
import { measurement } from "./evaluation.ts";
import type { GraphAutoencoder, PreparedGraph } from "./graph.ts";

export interface LinkSplit {
  /** All nodes, and the edges that are left: what the model sees. */
  readonly training: Graph;
  /** [edges, 2]: the edges that were taken out. */
  readonly edges: Int32Array;
  /** [edges, 2]: as many pairs of nodes without an edge, each of them once. */
  readonly nonEdges: Int32Array;
}

export interface SplitOptions {
  /** The share of the edges that is taken out, between 0 and 1; at least one is. Default 0.1. */
  readonly share?: number;
  readonly seed: number | string;
}

/**
 * Takes edges out of a graph. A second split, of what is left, gives edges to choose the model by.
 * @throws ArgumentError; DataError for a graph too small, or too full, or whose edges make no graph
 */
export function splitEdges(graph: Graph, { share = 0.1, seed }: SplitOptions): LinkSplit {
  if (!(share > 0 && share < 1))
    throw new ArgumentError(`splitEdges: share must be between 0 and 1, got ${share}`);
  const keys = edgeKeys(graph);
  const edges = edgesOf(graph);
  const count = Math.max(1, Math.round(share * edges.length));
  if (count >= edges.length) {
    throw new DataError(
      `graph ${graph.name}: of ${edges.length} edges ${count} were to be taken out, which leaves none to train with`,
      "take a smaller share, or a larger graph",
    );
  }
  requireNonEdges(graph, count);
  const random = hostRandom(`${seed}/split`);
  shuffleInPlace(edges, random);
  const nonEdges = Array.from({ length: count }, () => {
    const { pair, key } = drawNonEdge(graph.nodes, keys, random);
    keys.add(key); // no pair twice
    return pair;
  });
  return {
    training: { ...graph, edges: Int32Array.from(edges.slice(count).flat()) },
    edges: Int32Array.from(edges.slice(0, count).flat()),
    nonEdges: Int32Array.from(nonEdges.flat()),
  };
}

export interface LinkPredictionQuality {
  /** See `areaUnderRocCurve`. */
  readonly auc: number;
  /** See `averagePrecision`. */
  readonly averagePrecision: number;
}

/**
 * How well the model tells the edges of the split from its other pairs, in evaluation mode.
 * @param graph the split's training graph, prepared
 */
export async function evaluateLinkPrediction(
  model: GraphAutoencoder,
  { adjacency, features, edges: { gpu } }: PreparedGraph,
  { edges, nonEdges }: Pick<LinkSplit, "edges" | "nonEdges">,
): Promise<LinkPredictionQuality> {
  const count = edges.length + nonEdges.length;
  const pairs = new Int32Array(count);
  pairs.set(edges);
  pairs.set(nonEdges, edges.length);
  const uploaded = tensor(pairs, { shape: [count / 2, 2], gpu });
  const logits = measurement(model)(() => model.decode(model.encode(adjacency, features), uploaded));
  const scores = await logits.data();
  uploaded.storage.release("the evaluation that used these pairs has ended");
  const labels = Array.from(scores, (_, pair) => pair < edges.length / 2);
  return { auc: areaUnderRocCurve(scores, labels), averagePrecision: averagePrecision(scores, labels) };
}

/**
 * How likely a positive has a higher score than a negative, both taken at random; equal scores count half. 0.5 is
 * guessing, 1 perfect. It is the area under the curve of true over false positives (Mann and Whitney's U).
 * @param labels whether each is a positive
 * @throws ArgumentError, DataError for scores that are not numbers
 */
export function areaUnderRocCurve(scores: ArrayLike<number>, labels: readonly boolean[]): number {
  let [positives, negatives, area] = [0, 0, 0];
  for (const group of byScore("areaUnderRocCurve", scores, labels)) {
    area += group.negatives * (positives + group.positives / 2);
    positives += group.positives;
    negatives += group.negatives;
  }
  return area / (positives * negatives);
}

/**
 * The precision at every score of a positive, averaged over the positives: of all that have this score or a higher one,
 * the share that is positive. 1 is perfect, and guessing gives the share of positives. It is the area under the curve of
 * precision over recall, in steps, as scikit-learn defines it.
 * @param labels whether each is a positive
 * @throws ArgumentError, DataError for scores that are not numbers
 */
export function averagePrecision(scores: ArrayLike<number>, labels: readonly boolean[]): number {
  let [positives, total, sum] = [0, 0, 0];
  for (const group of byScore("averagePrecision", scores, labels)) {
    positives += group.positives;
    total += group.positives + group.negatives;
    sum += group.positives * (positives / total);
  }
  return sum / positives;
}

/** How many positives and negatives have each score, from the highest score down. */
function byScore(name: string, scores: ArrayLike<number>, labels: readonly boolean[]) {
  if (scores.length !== labels.length)
    throw new ArgumentError(`${name}: there are ${scores.length} scores, but ${labels.length} labels`);
  if (!(labels.includes(true) && labels.includes(false)))
    throw new ArgumentError(`${name}: among ${labels.length} labels there must be positives and negatives`);
  const groups = new Map<number, { positives: number; negatives: number }>();
  for (const [index, label] of labels.entries()) {
    const score = scores[index];
    if (Number.isNaN(score)) {
      throw new DataError(
        `${name}: score ${index} of ${scores.length} is not a number`,
        "has the training diverged? Try a smaller learning rate",
      );
    }
    const group = groups.get(score) ?? { positives: 0, negatives: 0 };
    groups.set(score, group);
    if (label) group.positives++;
    else group.negatives++;
  }
  return [...groups].sort(([a], [b]) => b - a).map(([, group]) => group);
}
