/**
 * Reads apt's package sources, in both forms that Debian and Ubuntu use (one line each, or paragraphs in deb822
 * form), and derives from them a source for another suite of the same mirror. See sources.list(5).
 */

export interface AptSource {
  /** One or several, as the file has them, separated by white space. */
  readonly uris: string;
  readonly suites: readonly string[];
  readonly components: readonly string[];
  /** The remaining fields (`Signed-By`, `Trusted`, …), names as in the deb822 form; a value may span lines. */
  readonly options: Readonly<Record<string, string>>;
}

/** The enabled sources of binary packages in a file of `sources.list`'s form. */
export function parseOneLineSources(text: string): AptSource[] {
  return text.split("\n").flatMap((line) => {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?([^\s#[\]]+)\s+([^\s#]+)([^#]*)/.exec(line);
    if (!match) return [];
    const [, options = "", uris, suite, components] = match as unknown as string[];
    return [
      { uris: uris!, suites: [suite!], components: words(components!), options: deb822Options(options) },
    ];
  });
}

/** The enabled sources of binary packages in a file of the deb822 form (`*.sources`). */
export function parseDeb822Sources(text: string): AptSource[] {
  return text
    .replace(/^#.*\n?/gm, "")
    .split(/\n[ \t]*\n/)
    .flatMap((paragraph) => {
      const fields = new Map<string, [name: string, value: string]>();
      for (const [, name, value] of paragraph.matchAll(/^([^\s:]+):[ \t]*(.*(?:\n[ \t].*)*)/gm)) {
        fields.set(name!.toLowerCase(), [name!, value!.trimEnd()]);
      }
      const take = (name: string) => {
        const value = fields.get(name)?.[1] ?? "";
        fields.delete(name);
        return value;
      };
      const types = words(take("types"));
      const enabled = !/^(no|false|without|off|disable|0)$/i.test(take("enabled").trim());
      const uris = take("uris").trim();
      const suites = words(take("suites"));
      const components = words(take("components"));
      if (!enabled || !types.includes("deb") || uris === "") return [];
      return [{ uris, suites, components, options: Object.fromEntries(fields.values()) }];
    });
}

/** A deb822 file for one more suite (its component `main`) of the mirror that `source` names. */
export function sourceForSuite(source: AptSource, suite: string): string {
  const options = Object.entries(source.options).map(([name, value]) => `${name}: ${value}\n`);
  return `Types: deb\nURIs: ${source.uris}\nSuites: ${suite}\nComponents: main\n${options.join("")}`;
}

const deb822Names: Readonly<Record<string, string>> = {
  arch: "Architectures",
  lang: "Languages",
  target: "Targets",
  "signed-by": "Signed-By",
};

/** `arch=amd64,arm64 signed-by=/key` of a one-line source as deb822 fields, whose names know no case. */
function deb822Options(options: string): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const [, name, value] of options.matchAll(/([a-z][a-z-]*[a-z])=(\S+)/gi)) {
    fields[deb822Names[name!.toLowerCase()] ?? name!] = value!.replaceAll(",", " ");
  }
  return fields;
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}
