/**
 * What a dataset's reader needs of a folder. Node's is in files.node.ts; in a browser, the files that the user
 * picked or dropped make one.
 */
export interface Folder {
  /** Where it is, in words that the user knows. */
  readonly path: string;
  /** The names in it, sorted; a folder's name ends in `/`. */
  list(): Promise<string[]>;
  /** The content of the file of that name. */
  read(name: string): Promise<Uint8Array>;
}
