/** What stands behind `--data`. */
import { existsSync } from "node:fs";
import { catalogue, isCatalogueName, loadCatalogueDataset } from "../data/catalogue.node.ts";
import type { DatasetSplits } from "../data/dataset.ts";
import { openFolder } from "../data/files.node.ts";
import { loadMnistFolder } from "../data/mnist.ts";
import { syntheticDigits } from "../data/syntheticDigits.ts";
import { ArgumentError } from "../engine/errors.ts";

/** @throws DataError, DownloadError, or the signal's reason */
export type LoadDataset = (options: LoadOptions) => Promise<DatasetSplits>;

interface LoadOptions {
  /** Of the synthetic digits. */
  readonly seed: number;
  /** Stops a download. */
  readonly signal: AbortSignal;
  /** Called when the download of a file begins. */
  readonly onDownload: (file: string, bytes: number) => void;
}

/** Of the synthetic digits: enough to learn from, few enough to watch. */
const digitCounts = { trainCount: 6000, testCount: 1000 };

/**
 * @param source "digits", a name in the catalogue, or the path of a folder
 * @throws ArgumentError naming the datasets that there are
 */
export function findDataset(source: string): LoadDataset {
  if (source === "digits") return async ({ seed }) => syntheticDigits({ seed, ...digitCounts });
  if (isCatalogueName(source)) {
    return ({ signal, onDownload }) => {
      let last = "";
      const onProgress = (file: string, _received: number, total: number) => {
        if (file !== last) onDownload(file, total);
        last = file;
      };
      return loadCatalogueDataset(source, { signal, onProgress });
    };
  }
  if (existsSync(source)) return () => loadMnistFolder(openFolder(source));
  const names = ["digits", ...Object.keys(catalogue)].join(", ");
  throw new ArgumentError(
    `there is neither a dataset nor a folder "${source}"`,
    `choose one of: ${names}; or give the path of a folder with MNIST's four files`,
  );
}
