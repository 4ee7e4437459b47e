/** Where what lives within a recorded step lies: that nothing is in the way of anything, and how little it takes. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { withDevice } from "../engine/currentDevice.ts";
import { findAdapter } from "../engine/gpu/adapter.ts";
import { planDevice } from "../engine/gpu/plan.ts";
import { memoryUses } from "../engine/gpu/recording/arena.ts";
import type { Plan } from "../engine/gpu/recording/plan.ts";
import { models } from "../models/registry.ts";
import { plannedStep } from "./recording-helpers.ts";

/** Bytes of a buffer of the arena that one memory has from its first to its last command. */
interface Lodger {
  readonly id: number;
  readonly buffer: number;
  readonly start: number;
  readonly end: number;
  readonly first: number;
  last: number;
}

function usesIn({ commands }: Plan) {
  return commands.map((command) => (command.type === "dispatch" ? memoryUses(command.dispatch) : []));
}

function lodgersOf(plan: Plan): Lodger[] {
  const lodgers = new Map<number, Lodger>();
  usesIn(plan).forEach((uses, index) => {
    for (const { id, bytes } of uses.map(({ memory }) => memory)) {
      const place = plan.places.get(id);
      if (!place) continue;
      const { buffer, offset: start } = place;
      const known = lodgers.get(id) ?? { id, buffer, start, end: start + bytes, first: index, last: index };
      lodgers.set(id, { ...known, last: index });
    }
  });
  for (const { id } of plan.outputs) if (lodgers.has(id)) lodgers.get(id)!.last = Number.POSITIVE_INFINITY;
  return [...lodgers.values()];
}

/** Bytes less than which nothing could hold what the plan holds. */
function leastFor({ items }: Plan): number {
  const liveAt = (moment: number) => items.filter(({ first, last }) => first <= moment && moment <= last);
  return Math.max(...items.map(({ first }) => total(liveAt(first).map(({ bytes }) => bytes))));
}

function total(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}

const { description } = await findAdapter(undefined);
const withImages = models.filter(({ data }) => data === "images");

for (const kind of ["cpu", "gpu"] as const) {
  for (const { name } of withImages) {
    test(`${name}, on an adapter of kind ${kind}: everything has its place, and there is little beside it`, () => {
      const device = planDevice({ ...description, kind });
      const { plan } = withDevice(device, () => plannedStep(name, device));
      const lodgers = lodgersOf(plan);
      for (const [index, one] of lodgers.entries()) {
        assert.ok(
          one.start % 256 === 0 && one.end <= plan.arena[one.buffer],
          `memory ${one.id} lies outside`,
        );
        for (const other of lodgers.slice(0, index)) {
          const isApart = one.buffer !== other.buffer || one.end <= other.start || other.end <= one.start;
          const isLater = one.last < other.first || other.last < one.first;
          assert.ok(isApart || isLater, `memories ${one.id} and ${other.id} have bytes in common`);
        }
      }
      const bufferOf = new Map(lodgers.map(({ id, buffer }) => [id, buffer]));
      for (const uses of usesIn(plan)) {
        const buffersOf = (wanted: boolean) =>
          uses.flatMap(({ memory, isWrite }) => (isWrite === wanted ? (bufferOf.get(memory.id) ?? []) : []));
        const written = buffersOf(true);
        assert.not(
          buffersOf(false).some((buffer) => written.includes(buffer)),
          "WebGPU refuses such a command",
        );
      }
      const [planned, least] = [total(plan.arena), leastFor(plan)];
      assert.ok(least <= planned && planned <= 1.15 * least, `${planned} bytes, ${least} at least`);
    });
  }
}

test.run();
