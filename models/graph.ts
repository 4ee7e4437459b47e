/**
 * Graph autoencoders: Kipf, Welling, "Variational graph auto-encoders" (NIPS workshop 2016). Two graph convolutions
 * ("Semi-supervised classification with graph convolutional networks", ICLR 2017) give every node a code, and two nodes
 * are joined with the probability sigmoid(code · code).
 *
 * The paper takes the loss over all pairs of nodes, and weighs edges so that they count as much as what is no edge. Here
 * every step takes all edges and as many other pairs, drawn anew: that is the same loss on average, and costs as many
 * pairs as there are edges instead of the square of the nodes.
 */
import { drawNonEdge, edgeKeys, edgesOf, type Graph, requireNonEdges } from "../data/graphs.ts";
import { DataError, ShapeError } from "../engine/errors.ts";
import { hostRandom } from "../engine/hostRandom.ts";
import { xavierUniform } from "../engine/nn/init.ts";
import { Module } from "../engine/nn/module.ts";
import { asParameter } from "../engine/nn/parameter.ts";
import { relu, sigmoid } from "../engine/ops/activations.ts";
import { add, exp, mul } from "../engine/ops/arithmetic.ts";
import { indexSelect } from "../engine/ops/gather.ts";
import { concat, reshape, slice } from "../engine/ops/layout.ts";
import { bceWithLogitsLoss, klDivGaussian } from "../engine/ops/losses.ts";
import { matmul } from "../engine/ops/matmul.ts";
import { sum } from "../engine/ops/reduce.ts";
import { type CsrMatrix, csrMatrix, spmm } from "../engine/ops/spmm.ts";
import { normal } from "../engine/random.ts";
import { sameShape, showShape } from "../engine/shape.ts";
import { type Tensor, tensor } from "../engine/tensor.ts";

/**
 * D^-½ (A + I) D^-½, symmetric: the edges in both directions and one from each node to itself, where D counts what each
 * node has of them.
 * @throws DataError for edges that make no graph
 */
export function normalizedAdjacency(graph: Graph): CsrMatrix {
  edgeKeys(graph);
  const neighbours = Array.from({ length: graph.nodes }, (_, node) => [node]);
  for (const [from, to] of edgesOf(graph)) {
    neighbours[from].push(to);
    neighbours[to].push(from);
  }
  const rowPointers = [0];
  const values: number[] = [];
  for (const list of neighbours) {
    list.sort((a, b) => a - b);
    rowPointers.push(rowPointers[rowPointers.length - 1] + list.length);
    for (const other of list) values.push(1 / Math.sqrt(list.length * neighbours[other].length));
  }
  const columnIndices = neighbours.flat();
  return csrMatrix({ shape: [graph.nodes, graph.nodes], rowPointers, columnIndices, values });
}

/** A graph on the device, ready for training. */
export interface PreparedGraph {
  readonly nodes: number;
  /** See `normalizedAdjacency`. */
  readonly adjacency: CsrMatrix;
  /** [nodes, features]; without, every node is its own feature. */
  readonly features?: Tensor;
  /** int32 [edges, 2] */
  readonly edges: Tensor;
  /** [2 · edges]: 1 for every edge, then 0 for as many pairs that are none. */
  readonly targets: Tensor;
  /** To look pairs of nodes up in; see `edgeKeys`. */
  readonly keys: ReadonlySet<number>;
}

/**
 * @param features float32 [nodes, features]
 * @throws DataError for a graph without edges, with all that there can be, or whose edges make no graph; ShapeError
 */
export function prepareGraph(graph: Graph, features?: Tensor): PreparedGraph {
  const { nodes } = graph;
  const keys = edgeKeys(graph);
  if (keys.size === 0)
    throw new DataError(`graph ${graph.name}: it has no edges, so there is nothing to learn`);
  requireNonEdges(graph, 1);
  if (features && (features.shape.length !== 2 || features.shape[0] !== nodes)) {
    throw new ShapeError(
      `prepareGraph: features must be [${nodes}, features], a row for each node of ${graph.name}, got ${showShape(features.shape)}`,
    );
  }
  return {
    nodes,
    adjacency: normalizedAdjacency(graph),
    ...(features && { features }),
    edges: tensor(graph.edges, { shape: [keys.size, 2] }),
    targets: tensor(new Float32Array(2 * keys.size).fill(1, 0, keys.size)),
    keys,
  };
}

/** adjacency · x · weight: every node adds up what its neighbours and itself have, each divided by the root of both degrees; no bias, as in the paper. */
export class GraphConvolution extends Module<[adjacency: CsrMatrix, x?: Tensor]> {
  /** [inFeatures, outFeatures] */
  readonly weight: Tensor;

  constructor(
    readonly inFeatures: number,
    readonly outFeatures: number,
  ) {
    super();
    this.weight = asParameter(xavierUniform([inFeatures, outFeatures]));
  }

  /** @param x [nodes, inFeatures]; without, the identity, of which the product with the weight is the weight */
  forward(adjacency: CsrMatrix, x?: Tensor): Tensor {
    return spmm(adjacency, x ? matmul(x, this.weight) : this.weight);
  }

  override describe(): string {
    return `GraphConvolution(${this.inFeatures}, ${this.outFeatures})`;
  }
}

export interface GraphAutoencoderOptions {
  /** Features a node; the number of nodes, if they have none. */
  readonly inFeatures: number;
  /** Default 32, the paper's. */
  readonly hiddenSize?: number;
  /** Default 16, the paper's. */
  readonly codeSize?: number;
}

/** A graph in, the probability of an edge between any two nodes out: [nodes, nodes]. For larger graphs see `decode`. */
export class GraphAutoencoder extends Module<[adjacency: CsrMatrix, features?: Tensor]> {
  readonly hidden: GraphConvolution;
  readonly code: GraphConvolution;

  constructor({ inFeatures, hiddenSize = 32, codeSize = 16 }: GraphAutoencoderOptions) {
    super();
    this.hidden = new GraphConvolution(inFeatures, hiddenSize);
    this.code = new GraphConvolution(hiddenSize, codeSize);
  }

  /** [nodes, codeSize] */
  encode(adjacency: CsrMatrix, features?: Tensor): Tensor {
    return this.code.call(adjacency, this.encodeHidden(adjacency, features));
  }

  protected encodeHidden(adjacency: CsrMatrix, features: Tensor | undefined): Tensor {
    return relu(this.hidden.call(adjacency, features));
  }

  /**
   * How likely the nodes of each pair are joined, as logits [pairs].
   * @param codes [nodes, codeSize]
   * @param pairs int32 [pairs, 2]
   */
  decode(codes: Tensor, pairs: Tensor): Tensor {
    const count = pairs.shape[0];
    const chosen = reshape(indexSelect(codes, reshape(pairs, [-1]), 0), [count, 2, codes.shape[1]]);
    return sum(mul(slice(chosen, 1, 0, 1), slice(chosen, 1, 1, 2)), { axes: [1, 2] });
  }

  forward(adjacency: CsrMatrix, features?: Tensor): Tensor {
    const codes = this.encode(adjacency, features);
    return sigmoid(matmul(codes, codes, { transposeB: true }));
  }

  /**
   * The binary cross entropy of the edges and of as many pairs that are none.
   * @param nonEdges int32 [edges, 2]
   * @throws ShapeError, DtypeError
   */
  loss({ adjacency, features, edges, targets }: PreparedGraph, nonEdges: Tensor): Tensor {
    return this.reconstructionLoss(this.encode(adjacency, features), edges, nonEdges, targets);
  }

  protected reconstructionLoss(codes: Tensor, edges: Tensor, nonEdges: Tensor, targets: Tensor): Tensor {
    if (!sameShape(nonEdges.shape, edges.shape)) {
      throw new ShapeError(
        `${this.describe()}: nonEdges must be ${showShape(edges.shape)}, as many as there are edges, got ${showShape(nonEdges.shape)}`,
      );
    }
    return bceWithLogitsLoss(this.decode(codes, concat([edges, nonEdges])), targets);
  }

  override describe(): string {
    return "GraphAutoencoder";
  }
}

/** Codes are normal distributions, of which training draws; `encode` gives their means. */
export class VariationalGraphAutoencoder extends GraphAutoencoder {
  readonly logVariance: GraphConvolution;

  constructor(options: GraphAutoencoderOptions) {
    super(options);
    this.logVariance = new GraphConvolution(this.hidden.outFeatures, this.code.outFeatures);
  }

  /**
   * The binary cross entropy of codes that are drawn, and the divergence of their distributions from N(0, 1). The paper
   * sums both over all pairs, or all nodes; since the first is a mean here, the second is divided by the number of nodes.
   * @param noise [nodes, codeSize], from N(0, 1); drawn by default
   * @throws ShapeError, DtypeError
   */
  override loss(
    { nodes, adjacency, features, edges, targets }: PreparedGraph,
    nonEdges: Tensor,
    noise = normal([nodes, this.code.outFeatures]),
  ): Tensor {
    const hidden = this.encodeHidden(adjacency, features);
    const mean = this.code.call(adjacency, hidden);
    const logVariance = this.logVariance.call(adjacency, hidden);
    const codes = add(mean, mul(noise, exp(mul(logVariance, 0.5))));
    const reconstruction = this.reconstructionLoss(codes, edges, nonEdges, targets);
    return add(reconstruction, mul(klDivGaussian(mean, logVariance), 1 / nodes));
  }

  override describe(): string {
    return "VariationalGraphAutoencoder";
  }
}

/**
 * As many pairs of nodes as there are edges, none of which is an edge: int32 [edges, 2], row by row. They depend on the
 * seed and the step's number alone, so that a training that goes on from a checkpoint draws what an uninterrupted one
 * would have drawn.
 * @param step from 0
 */
export function drawNonEdges(
  { nodes, keys }: PreparedGraph,
  { seed, step }: { readonly seed: number; readonly step: number },
): Int32Array {
  const random = hostRandom(`${seed}/nonEdges/${step}`);
  const pairs = new Int32Array(2 * keys.size);
  for (let edge = 0; edge < keys.size; edge++) pairs.set(drawNonEdge(nodes, keys, random).pair, 2 * edge);
  return pairs;
}
