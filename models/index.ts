/** The models' public face, `wgrad/models`: the same in Node and in browsers. */
export {
  Autoencoder,
  type AutoencoderActivation,
  ConvolutionalAutoencoder,
  type ConvolutionalAutoencoderOptions,
  DenseAutoencoder,
  type DenseAutoencoderOptions,
  type ReconstructionLoss,
  reconstructionLoss,
} from "./autoencoder.ts";
export { decodeWeights, encodeWeights, type ModelDescription, type StoredWeights } from "./checkpoint.ts";
export { type EarlyStopping, earlyStopping } from "./earlyStopping.ts";
export { type Footprint, footprint } from "./footprint.ts";
export { plainRecipe, type Recipe } from "./recipe.ts";
export { evaluateReconstruction, type ReconstructionQuality, reconstructImages } from "./reconstruction.ts";
export { findModel, type RegisteredModel } from "./registry.ts";
export {
  type Batch,
  type BatchSource,
  descent,
  type Epoch,
  type ImageBatch,
  imageBatches,
  type Losses,
  type Step,
  type TrainingOptions,
  train,
  type Update,
} from "./training.ts";
