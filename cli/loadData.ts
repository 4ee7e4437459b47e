/** A model's data, from what stands behind `--data`, and told to whoever watches. */
import { resolve } from "node:path";
import { validateImages } from "../data/check.ts";
import type { DatasetSplits, ImageDataset } from "../data/dataset.ts";
import { type Graph, karateClub, stochasticBlockModel } from "../data/graphs.ts";
import { resizeDataset } from "../data/resize.ts";
import { ArgumentError } from "../engine/errors.ts";
import { type Shape, sameShape } from "../engine/shape.ts";
import { prepareGraph } from "../models/graph.ts";
import type { GraphData } from "../models/kinds/graph.ts";
import type { DataShape, ModelAtWork } from "../models/kinds/kind.ts";
import { splitEdges } from "../models/linkPrediction.ts";
import type { RegisteredImageModel, RegisteredModel } from "../models/registry.ts";
import type { Settings } from "../models/settings.ts";
import type { Batch } from "../models/training.ts";
import { findDataset, isDatasetName } from "./findDataset.ts";
import type { Reporter } from "./output/reporter.ts";

export interface LoadedData<Data> {
  readonly data: Data;
  readonly shape: DataShape;
}

interface Loading {
  /** A name or a path. */
  readonly source: string;
  readonly seed: number;
  /** [C, H, W] to which photographs are brought. Default: the size that the model is for. */
  readonly photographShape?: Shape | undefined;
  readonly reporter: Reporter;
  /** Stops a download. */
  readonly signal: AbortSignal;
}

/** Finds out beforehand whether a model's data is there at all. @throws ArgumentError naming what there is */
export function requireSource(kind: RegisteredModel["data"], source: string): void {
  if (kind === "images") findDataset(source);
  else findGraph(source);
}

/** What a checkpoint keeps of `source`: a folder's path is to be found from everywhere. */
export function lastingSource(kind: RegisteredModel["data"], source: string): string {
  return kind === "images" && !isDatasetName(source) ? resolve(source) : source;
}

/**
 * Loads the data for a model and hands it on, with what makes the model for it.
 * @throws DataError, DownloadError, ArgumentError, the signal's reason, or what `use` throws
 */
export async function withData<Result>(
  registered: RegisteredModel,
  settings: Settings,
  loading: Loading,
  use: <Data, B extends Batch>(
    loaded: LoadedData<Data>,
    open: (shape: DataShape) => ModelAtWork<Data, B>,
  ) => Promise<Result>,
): Promise<Result> {
  if (registered.data === "graph")
    return use(loadGraphData(loading), (shape) => registered.open(shape, settings));
  const loaded = await loadImageData(registered, loading);
  return use(loaded, (shape) => registered.open(shape, settings));
}

type ImageShape = readonly [channels: number, height: number, width: number];

/**
 * Images of the size that the model wants, if it wants one.
 * @throws DataError, DownloadError, ArgumentError, or the signal's reason
 */
async function loadImageData(
  { imageShape, typical }: RegisteredImageModel,
  { source, seed, photographShape, reporter, signal }: Loading,
): Promise<LoadedData<DatasetSplits>> {
  const onDownload = (file: string, bytes: number) =>
    reporter.report({ event: "note", message: `downloading ${file} (${(bytes / 1e6).toFixed(1)} MB)` });
  const wanted = imageShape as ImageShape | undefined;
  const ofPhotographs = wanted ?? ((photographShape ?? typical.inputShape) as ImageShape);
  const loaded = await findDataset(source)({ seed, signal, onDownload, imageShape: ofPhotographs });
  for (const split of [loaded.train, loaded.test]) validateImages(split);
  const data = { train: fitted(loaded.train, wanted), test: fitted(loaded.test, wanted) };
  const { count: trainCount, classes } = data.train;
  const shape = shapeOf(data.train);
  reporter.report({ event: "data", name: source, trainCount, testCount: data.test.count, shape });
  return { data, shape: { inputShape: shape, classes } };
}

function fitted(dataset: ImageDataset, shape: ImageShape | undefined): ImageDataset {
  return shape && !sameShape(shapeOf(dataset), shape) ? resizeDataset(dataset, shape) : dataset;
}

function shapeOf({ channels, height, width }: ImageDataset): [number, number, number] {
  return [channels, height, width];
}

const graphs: Readonly<Record<string, (seed: number) => Graph>> = {
  karate: karateClub,
  blocks: (seed) => stochasticBlockModel({ nodes: 1000, blocks: 10, inside: 0.1, between: 0.0005, seed }),
};

function findGraph(source: string): (seed: number) => Graph {
  const make = Object.hasOwn(graphs, source) ? graphs[source] : undefined;
  if (make) return make;
  throw new ArgumentError(
    `there is no graph "${source}"`,
    `choose one of: ${Object.keys(graphs).join(", ")}`,
  );
}

/** @throws ArgumentError naming the graphs that there are */
function loadGraphData({ source, seed, reporter }: Loading): LoadedData<GraphData> {
  const { nodes, ...graph } = findGraph(source)(seed);
  const hidden = splitEdges({ nodes, ...graph }, { seed });
  const edgeCount = (edges: Int32Array) => edges.length / 2;
  const [trainEdges, testEdges] = [edgeCount(hidden.training.edges), edgeCount(hidden.edges)];
  reporter.report({ event: "graph", name: source, nodes, trainEdges, testEdges });
  return {
    data: { graph: prepareGraph(hidden.training), hidden },
    shape: { inputShape: [nodes], classes: [] },
  };
}
