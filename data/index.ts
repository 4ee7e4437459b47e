/** The datasets' public face, `wgrad/data`: the same in Node and in browsers. */
export { validateImages } from "./check.ts";
export { type DatasetSplits, type ImageDataset, imageLength, selectImages, sliceDataset } from "./dataset.ts";
export type { Folder } from "./folder.ts";
export { decodeIdxImages, decodeIdxLabels } from "./idx.ts";
export { type BatchOptions, batches, countBatches, epochOrder, type HostBatch } from "./loader.ts";
export { digitClasses, fashionClasses, loadMnistFolder } from "./mnist.ts";
export { syntheticDigits } from "./syntheticDigits.ts";
