/** What can be chosen about a model beside its data: a number within bounds, or one of a few words or numbers. */
import { ArgumentError } from "../engine/errors.ts";

/** A number, and which others may be chosen in its place. */
export interface NumberOffer {
  readonly standard: number;
  /** "a whole number" */
  readonly kind: string;
  /** "from 1" */
  readonly bounds: string;
  allows(value: number): boolean;
}

/** A number with its bounds, or what there is to choose from, the default first. */
export type SettingsOffer = Readonly<
  Record<string, NumberOffer | readonly [string, ...string[]] | readonly [number, ...number[]]>
>;

/** What was chosen. */
export type Settings = Readonly<Record<string, number | string>>;

/** The type of what can be chosen from an offer. */
export type Chosen<Offer extends SettingsOffer> = {
  readonly [Name in keyof Offer]: Offer[Name] extends readonly (infer Choice)[] ? Choice : number;
};

type Numbers = (standard: number) => NumberOffer;

function numbers(kind: string, bounds: string, allows: (value: number) => boolean): Numbers {
  return (standard) => ({ standard, kind, bounds, allows });
}

/** How many of something there are. */
export const wholeFromOne = numbers("a whole number", "from 1", (n) => Number.isSafeInteger(n) && n >= 1);
export const fromZero = numbers("a number", "from 0", (x) => x >= 0);
export const aboveZero = numbers("a number", "above 0", (x) => x > 0);
export const fromZeroToOne = numbers("a number", "from 0 to 1", (x) => x >= 0 && x <= 1);
/** Neither 0 nor 1. */
export const betweenZeroAndOne = numbers("a number", "above 0 and below 1", (x) => x > 0 && x < 1);

/**
 * Settings from texts like "codeSize=2"; what is not named keeps its default.
 * @throws ArgumentError that tells what there is to choose
 */
export function chooseSettings(offer: SettingsOffer, texts: readonly string[]): Settings {
  const chosen: Record<string, number | string> = Object.fromEntries(
    Object.entries(offer).map(([name, offered]) => [name, "kind" in offered ? offered.standard : offered[0]]),
  );
  for (const text of texts) {
    const [, name, value] = /^([^=]*)=(.*)$/.exec(text) ?? [];
    const offered = name === undefined ? undefined : Object.entries(offer).find(([key]) => key === name)?.[1];
    if (name === undefined || value === undefined || offered === undefined) {
      const all = describeSettings(offer);
      throw new ArgumentError(
        `there is no setting "${text}"`,
        all === "" ? "this model has no settings" : `choose from: ${all}`,
      );
    }
    chosen[name] = "kind" in offered ? readNumber(name, value, offered) : readChoice(name, value, offered);
  }
  return chosen;
}

/** The offer in one line: "codeSize=32 (from 1), loss=mse|bce". */
export function describeSettings(offer: SettingsOffer): string {
  return Object.entries(offer)
    .map(([name, offered]) =>
      "kind" in offered ? `${name}=${offered.standard} (${offered.bounds})` : `${name}=${offered.join("|")}`,
    )
    .join(", ");
}

function readNumber(name: string, text: string, { standard, kind, bounds, allows }: NumberOffer): number {
  const value = Number(text);
  const isNumber = text.trim() !== "" && Number.isFinite(value);
  if (isNumber && allows(value)) return value;
  throw new ArgumentError(
    `the setting ${name} is ${kind} ${bounds}, got ${isNumber ? text : `"${text}"`}`,
    `write ${kind} ${bounds} after the sign, such as ${name}=${standard}`,
  );
}

function readChoice(name: string, text: string, choices: readonly (number | string)[]): number | string {
  const chosen = choices.find((choice) => String(choice) === text);
  if (chosen !== undefined) return chosen;
  throw new ArgumentError(
    `the setting ${name} is one of ${choices.join(", ")}; got "${text}"`,
    `write one of them after the sign, such as ${name}=${choices[0]}`,
  );
}
