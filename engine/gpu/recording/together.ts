/**
 * Commands given together. Each costs the host some calls and a graphics card a gap, however little it does. So small ones
 * that need not wait for each other become one, side by side; and where each has but one workgroup, as where a loss ends
 * and its gradient begins, one workgroup does them in turn. A command may be given later or earlier for it, past others
 * that have nothing to do with it. What is computed stays the same, to the bit.
 */
import type { Dispatch } from "../gpu.ts";
import { memoryUses, type Order } from "./arena.ts";
import { type Arrangement, canJoin, join, overlap, type Span, type SpanOf } from "./joint.ts";
import type { TracedCommand } from "./trace.ts";

export interface TogetherRules {
  readonly spanOf: SpanOf;
  /** Whether there is room for commands in this order. */
  isAffordable(order: Order): boolean;
}

/** What will be given as one command. */
interface Group {
  /** None for what is no dispatch. */
  readonly members: readonly Dispatch[];
  readonly command: TracedCommand;
  readonly uses: readonly Use[];
}

interface Use extends Span {
  readonly isWrite: boolean;
}

/** @returns what does the same, in fewer commands if it can be */
export function giveTogether(commands: readonly TracedCommand[], rules: TogetherRules): TracedCommand[] {
  return arrange("sideBySide", arrange("inTurn", commands, rules), rules);
}

function arrange(
  arrangement: Arrangement,
  commands: readonly TracedCommand[],
  rules: TogetherRules,
): TracedCommand[] {
  const groups = commands.map((command): Group => {
    const members = command.type === "dispatch" ? [command.dispatch] : [];
    return { members, command, uses: members.flatMap(usesIn) };
  });
  for (let index = 1; index < groups.length; index++) {
    if (joinEarlier(index) || beJoined(index)) index--;
  }
  return groups.map(({ members, command }) =>
    members.length > 1 ? { type: "dispatch", dispatch: join(members, arrangement) } : command,
  );

  /** To the latest command that this one need not wait for; in turn, behind the one that it waits for. */
  function joinEarlier(index: number): boolean {
    let free = index;
    while (free > 0 && !waits(groups[free - 1], groups[index])) free--;
    if (arrangement === "inTurn") return free > 0 && merge(free - 1, index, free - 1);
    for (let host = index - 1; host >= free; host--) if (merge(host, index, host)) return true;
    return false;
  }

  /** By the latest command before this one that can wait for it; in turn, that this one waits for. */
  function beJoined(index: number): boolean {
    const end = arrangement === "inTurn" ? index : index + 1;
    for (let guest = index - 1; guest >= 0; guest--) {
      if (arrangement === "inTurn" && !waits(groups[guest], groups[index])) continue;
      const isWaitedFor = groups.slice(guest + 1, end).some((group) => waits(groups[guest], group));
      if (!isWaitedFor && merge(guest, index, index)) return true;
    }
    return false;
  }

  function usesIn(dispatch: Dispatch): Use[] {
    return memoryUses(dispatch).map(({ memory, isWrite }) => ({ ...rules.spanOf(memory), isWrite }));
  }

  function merge(first: number, second: number, place: number): boolean {
    const both = [groups[first], groups[second]];
    if (both.some(({ members }) => members.length === 0)) return false;
    const members = both.flatMap(({ members }) => members);
    if (!canJoin(members, arrangement, rules.spanOf)) return false;
    const merged = { members, command: groups[place].command, uses: both.flatMap(({ uses }) => uses) };
    const order = groups.flatMap((group, index) => {
      if (index === place) return [merged];
      return index === first || index === second ? [] : [group];
    });
    if (!rules.isAffordable(order.map(({ members }) => members.flatMap(memoryUses)))) return false;
    groups.splice(0, groups.length, ...order);
    return true;
  }
}

/** Whether the order of the two matters. */
function waits(a: Group, b: Group): boolean {
  return a.uses.some((one) => b.uses.some((other) => (one.isWrite || other.isWrite) && overlap(one, other)));
}
