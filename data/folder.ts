/**
 * What a dataset's reader needs of a folder. Node's is in files.node.ts; in a browser, the files that the user
 * picked or dropped make one.
 */
export interface Folder {
  /** Where it is, in words that the user knows. */
  readonly path: string;
  /** What it is called itself, wherever it is. */
  readonly name: string;
  /** The names in it, sorted; a folder's name ends in `/`, which does not count there. */
  list(): Promise<string[]>;
  /** The content of the file of that name. */
  read(name: string): Promise<Uint8Array>;
  /** The folder of that name in it. */
  folder(name: string): Folder;
}

/** What is in a folder, for messages: "is empty", or "holds" and the first names. */
export function describeContents(names: readonly string[]): string {
  if (names.length === 0) return "is empty";
  return `holds ${names.slice(0, 12).join(", ")}${names.length > 12 ? `, and ${names.length - 12} more` : ""}`;
}
