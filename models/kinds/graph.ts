/** Graph autoencoders: every step takes the whole graph. */
import type { Tensor } from "../../engine/tensor.ts";
import { drawNonEdges, type GraphAutoencoder, type PreparedGraph, prepareGraph } from "../graph.ts";
import { evaluateLinkPrediction, type LinkSplit } from "../linkPrediction.ts";
import type { Batch } from "../training.ts";
import { descentTrainer } from "./descentTrainer.ts";
import type { DataShape, ModelAtWork } from "./kind.ts";

/** A graph on the device, and the links that were taken out of it. */
export interface GraphData {
  readonly graph: PreparedGraph;
  readonly hidden: LinkSplit;
}

export interface GraphBatch extends Batch {
  readonly graph: PreparedGraph;
  /** int32 [edges, 2]: the pairs of nodes that stand against the edges. */
  readonly nonEdges: Tensor;
}

export type GraphModelAtWork = ModelAtWork<GraphData, GraphBatch>;

/** A graph is one sample: so many steps pass for an epoch, between which the model is measured. */
const stepsAnEpoch = 20;

export function graphAtWork(model: GraphAutoencoder, { inputShape: [nodes] }: DataShape): GraphModelAtWork {
  return {
    model,
    example() {
      const graph = prepareGraph(chain(nodes));
      return { count: 1, graph, nonEdges: graph.edges };
    },
    forward: ({ graph }) => model.call(graph.adjacency, graph.features),
    lossName: "cross entropy",
    batches: ({ graph }, _recipe, seed) => ({
      steps: stepsAnEpoch,
      samples: stepsAnEpoch,
      async *batches(epoch, first) {
        for (let step = first; step < stepsAnEpoch; step++) {
          const data = drawNonEdges(graph, { seed, step: epoch * stepsAnEpoch + step });
          yield { count: 1, arrays: { nonEdges: { data, shape: graph.edges.shape } } };
        }
      },
      assemble: ({ nonEdges }) => ({ count: 1, graph, nonEdges }),
    }),
    trainer: (recipe, steps) =>
      descentTrainer(model, recipe, steps, ({ graph, nonEdges }) => ({ loss: model.loss(graph, nonEdges) })),
    evaluate: async ({ graph, hidden }) => ({
      metrics: { ...(await evaluateLinkPrediction(model, graph, hidden)) },
      pictures: [],
    }),
    draw: async () => [],
  };
}

/** Every node joined with the next: a graph of so many nodes, to measure a model by. */
function chain(nodes: number) {
  const edges = Int32Array.from({ length: 2 * (nodes - 1) }, (_, i) => Math.ceil(i / 2));
  return { name: "chain", nodes, edges };
}
