/** What only Node has of the datasets, `wgrad/data/node`: folders on disk and downloads by name. */

export { DownloadError, OutputError } from "../engine/errors.ts";
export { type CatalogueName, loadCatalogueDataset } from "./catalogue.node.ts";
export { openFolder } from "./files.node.ts";
