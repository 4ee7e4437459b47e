/** How layers show their arguments in summaries. */

export function show(value: unknown): string {
  return Array.isArray(value) ? value.join(" × ") : `${value}`;
}

/** ", stride 2, padding 1" */
export function showOptions(options: object): string {
  return Object.entries(options)
    .map(([name, value]) => `, ${name} ${show(value)}`)
    .join("");
}
