/** What can be chosen about a model beside its data: a number, or one of some words. */
import { ArgumentError } from "../engine/errors.ts";

/** A setting's default, or the words to choose from, the default first. */
export type SettingsOffer = Readonly<Record<string, number | readonly [string, ...string[]]>>;

/** What was chosen. */
export type Settings = Readonly<Record<string, number | string>>;

/** The type of what can be chosen from an offer. */
export type Chosen<Offer extends SettingsOffer> = {
  readonly [Name in keyof Offer]: Offer[Name] extends readonly (infer Word)[] ? Word : number;
};

/**
 * Settings from texts like "codeSize=2"; what is not named keeps its default.
 * @throws ArgumentError that tells what there is to choose
 */
export function chooseSettings(offer: SettingsOffer, texts: readonly string[]): Settings {
  const chosen: Record<string, number | string> = Object.fromEntries(
    Object.entries(offer).map(([name, value]) => [name, typeof value === "number" ? value : value[0]]),
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
    chosen[name] =
      typeof offered === "number" ? readNumber(name, value, offered) : readWord(name, value, offered);
  }
  return chosen;
}

/** The offer in one line: "codeSize=32, loss=mse|bce". */
export function describeSettings(offer: SettingsOffer): string {
  return Object.entries(offer)
    .map(([name, value]) => `${name}=${typeof value === "number" ? value : value.join("|")}`)
    .join(", ");
}

function readNumber(name: string, text: string, standard: number): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value)) return value;
  throw new ArgumentError(
    `the setting ${name} is a number, got "${text}"`,
    `write a number after the sign, such as ${name}=${standard}`,
  );
}

function readWord(name: string, text: string, words: readonly string[]): string {
  if (words.includes(text)) return text;
  throw new ArgumentError(
    `the setting ${name} is one of ${words.join(", ")}; got "${text}"`,
    `write one of them after the sign, such as ${name}=${words[0]}`,
  );
}
