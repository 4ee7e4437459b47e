/** The datasets' public face, `wgrad/data`: the same in Node and in browsers. */
export type { Augmentation } from "./augment.ts";
export { validateImages } from "./check.ts";
export { cifar10Classes, loadCifar10Folder } from "./cifar10.ts";
export {
  type DatasetSplits,
  type ImageDataset,
  type ImageSize,
  imageLength,
  type MemoryImages,
  memoryDataset,
  selectImages,
  sliceDataset,
} from "./dataset.ts";
export { deslantDataset } from "./deslant.ts";
export type { Folder } from "./folder.ts";
export { edgesOf, type Graph, karateClub, stochasticBlockModel } from "./graphs.ts";
export { decodeIdxImages, decodeIdxLabels } from "./idx.ts";
export { type DecodedImage, decodeImage } from "./image.ts";
export { type ImageFolderOptions, loadImageFolder } from "./imageFolder.ts";
export {
  type BatchOptions,
  batches,
  countBatches,
  epochOrder,
  type HostBatch,
  type Normalization,
  readImages,
} from "./loader.ts";
export { digitClasses, fashionClasses, loadMnistFolder } from "./mnist.ts";
export { fitImage, padDataset, resizeDataset, resizeImage } from "./resize.ts";
export { syntheticDigits } from "./syntheticDigits.ts";
