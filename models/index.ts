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
export { type EarlyStopping, earlyStopping } from "./earlyStopping.ts";
export { evaluateReconstruction, type ReconstructionQuality, reconstructImages } from "./reconstruction.ts";
export { findModel, type Recipe, type RegisteredModel } from "./registry.ts";
export { type Batch, type Epoch, type Step, type TrainingOptions, train } from "./training.ts";
