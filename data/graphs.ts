/**
 * Graphs: undirected, without weights, no edge from a node to itself. The karate club is the small example that
 * everybody knows; the stochastic block model (Holland, Laskey, Leinhardt 1983) makes large ones with communities.
 */
import { ArgumentError, DataError } from "../engine/errors.ts";
import { type HostRandom, hostRandom } from "../engine/hostRandom.ts";

export interface Graph {
  readonly name: string;
  /** How many nodes there are; they are called 0, 1, …. */
  readonly nodes: number;
  /** [edges, 2]: the nodes of every edge. Each edge stands here once, in either direction. */
  readonly edges: Int32Array;
  /** [nodes]: what group each node belongs to, from 0; no model is trained on it. */
  readonly communities?: Int32Array;
}

/** [edge, …], each of them [node, node]. */
export function edgesOf(graph: Graph): [number, number][] {
  const { edges } = graph;
  return Array.from({ length: edges.length / 2 }, (_, edge) => [edges[2 * edge]!, edges[2 * edge + 1]!]);
}

/**
 * The edges as numbers, the same for both directions, to look pairs of nodes up in.
 * @throws DataError for an edge to a node that is not there, from a node to itself, or listed twice
 */
export function edgeKeys(graph: Graph): Set<number> {
  const { name, nodes, edges } = graph;
  if (edges.length % 2 !== 0)
    throw new DataError(`graph ${name}: ${edges.length} numbers make no pairs of nodes`);
  const keys = new Set<number>();
  for (const [edge, [from, to]] of edgesOf(graph).entries()) {
    if (Math.min(from, to) < 0 || Math.max(from, to) >= nodes) {
      throw new DataError(
        `graph ${name}: edge ${edge} joins ${from} and ${to}, and the nodes are 0 to ${nodes - 1}`,
      );
    }
    const key = pairKey(nodes, from, to);
    if (from === to || keys.has(key)) {
      throw new DataError(
        `graph ${name}: edge ${edge}, from ${from} to ${to}, ${from === to ? "is a loop" : "was listed before"}`,
        "list each edge once, in one direction, and no node's edge to itself",
      );
    }
    keys.add(key);
  }
  return keys;
}

/** A number for two different nodes, the same in either order. */
function pairKey(nodes: number, from: number, to: number): number {
  return Math.min(from, to) * nodes + Math.max(from, to);
}

/**
 * Two nodes without an edge between them, every such pair being as likely as any other. There has to be one.
 * @param keys those of the edges
 */
export function drawNonEdge(
  nodes: number,
  keys: ReadonlySet<number>,
  random: HostRandom,
): { pair: [number, number]; key: number } {
  for (;;) {
    const from = Math.floor(random() * nodes);
    const to = Math.floor(random() * nodes);
    const key = pairKey(nodes, from, to);
    if (from !== to && !keys.has(key)) return { pair: [from, to], key };
  }
}

/** @throws DataError unless so many pairs of different nodes have no edge between them */
export function requireNonEdges({ name, nodes, edges }: Graph, count: number): void {
  const pairs = (nodes * (nodes - 1)) / 2;
  if (pairs - edges.length / 2 >= count) return;
  throw new DataError(
    `graph ${name}: of its ${pairs} pairs of nodes ${edges.length / 2} are joined, so there are no ${count} others to learn or to judge by`,
    "take a graph with fewer edges",
  );
}

/** The friends with a smaller number that each member has, from 1, as in figure 1 of the paper. */
const karateFriends: Readonly<Record<number, readonly number[]>> = {
  2: [1],
  3: [1, 2],
  4: [1, 2, 3],
  5: [1],
  6: [1],
  7: [1, 5, 6],
  8: [1, 2, 3, 4],
  9: [1, 3],
  10: [3],
  11: [1, 5, 6],
  12: [1],
  13: [1, 4],
  14: [1, 2, 3, 4],
  17: [6, 7],
  18: [1, 2],
  20: [1, 2],
  22: [1, 2],
  26: [24, 25],
  28: [3, 24, 25],
  29: [3],
  30: [24, 27],
  31: [2, 9],
  32: [1, 25, 26, 29],
  33: [3, 9, 15, 16, 19, 21, 23, 24, 30, 31, 32],
  34: [9, 10, 14, 15, 16, 19, 20, 21, 23, 24, 27, 28, 29, 30, 31, 32, 33],
};

/** Who went with the instructor (member 1) when the club fell apart; the others stayed with the officers (34). */
const karateInstructors = [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 17, 18, 20, 22];

/**
 * The 34 members of a karate club and their 78 friendships: Zachary, "An information flow model for conflict and
 * fission in small groups" (Journal of Anthropological Research 33, 1977). Member 1 is node 0. The communities are the
 * two clubs into which it fell apart.
 */
export function karateClub(): Graph {
  const edges = Object.entries(karateFriends).flatMap(([member, friends]) =>
    friends.flatMap((friend) => [friend - 1, Number(member) - 1]),
  );
  const communities = new Int32Array(34).fill(1);
  for (const member of karateInstructors) communities[member - 1] = 0;
  return { name: "karate", nodes: 34, edges: Int32Array.from(edges), communities };
}

export interface BlockModelOptions {
  readonly nodes: number;
  /** Of as equal sizes as can be: the communities. */
  readonly blocks: number;
  /** How likely two nodes of one block are joined, from 0 to 1. */
  readonly inside: number;
  /** How likely two nodes of different blocks are. */
  readonly between: number;
  readonly seed: number | string;
}

/**
 * A random graph with communities: every pair of nodes is joined, or not, independently of the others.
 * @throws ArgumentError
 */
export function stochasticBlockModel({ nodes, blocks, inside, between, seed }: BlockModelOptions): Graph {
  if (!(Number.isSafeInteger(nodes) && Number.isSafeInteger(blocks) && blocks >= 1 && nodes >= blocks)) {
    throw new ArgumentError(
      `stochasticBlockModel: ${nodes} nodes in ${blocks} blocks`,
      "both are whole numbers, and every block has a node at least",
    );
  }
  for (const [name, chance] of Object.entries({ inside, between })) {
    if (!(chance >= 0 && chance <= 1))
      throw new ArgumentError(`stochasticBlockModel: ${name} is a probability, from 0 to 1, got ${chance}`);
  }
  const random = hostRandom(`${seed}/blocks`);
  const communities = Int32Array.from({ length: nodes }, (_, node) => Math.floor((node * blocks) / nodes));
  const edges: number[] = [];
  for (let from = 0; from < nodes; from++) {
    for (let to = from + 1; to < nodes; to++)
      if (random() < (communities[from] === communities[to] ? inside : between)) edges.push(from, to);
  }
  return { name: `blocks-${nodes}-${blocks}`, nodes, edges: Int32Array.from(edges), communities };
}
