/** The models' public face, `wgrad/models`: the same in Node and in browsers. */
export { type Summary, type SummaryRow, summarize } from "../engine/nn/summary.ts";
export {
  AdversarialAutoencoder,
  type AdversarialAutoencoderOptions,
  type AdversarialLosses,
  type AdversarialOptimizers,
  adversarialUpdate,
  type CodeStatistics,
  circlePrior,
  codeStatistics,
  gaussianPrior,
  type Prior,
} from "./adversarial.ts";
export {
  AlexNet,
  type AlexNetOptions,
  AlexNetSingleTower,
  type AlexNetSingleTowerOptions,
} from "./alexnet.ts";
export { AlexNet28, type AlexNet28Options } from "./alexnet28.ts";
export { AlexNetCifar, type AlexNetCifarOptions } from "./alexnetCifar.ts";
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
export {
  decodeCheckpoint,
  decodeWeights,
  encodeCheckpoint,
  encodeWeights,
  type ModelDescription,
  type StoredCheckpoint,
  type StoredWeights,
  type TrainingDescription,
  type TrainingState,
} from "./checkpoint.ts";
export {
  type ClassificationQuality,
  classificationLoss,
  evaluateClassifier,
  topClasses,
} from "./classification.ts";
export { type EarlyStopping, earlyStopping } from "./earlyStopping.ts";
export { type Footprint, footprint } from "./footprint.ts";
export {
  drawNonEdges,
  GraphAutoencoder,
  type GraphAutoencoderOptions,
  GraphConvolution,
  normalizedAdjacency,
  type PreparedGraph,
  prepareGraph,
  VariationalGraphAutoencoder,
} from "./graph.ts";
export { peakSignalToNoise, structuralSimilarity } from "./imageQuality.ts";
export { LeNet5, type LeNet5Options } from "./lenet5.ts";
export {
  areaUnderRocCurve,
  averagePrecision,
  evaluateLinkPrediction,
  type LinkPredictionQuality,
  type LinkSplit,
  splitEdges,
} from "./linkPrediction.ts";
export { denoisingLoss, gaussianNoise, maskingNoise, type Noise, saltAndPepperNoise } from "./noise.ts";
export { plainRecipe, type Recipe } from "./recipe.ts";
export { evaluateReconstruction, type ReconstructionQuality, reconstructImages } from "./reconstruction.ts";
export { findModel, models, type RegisteredModel } from "./registry.ts";
export { chooseSettings, type Settings } from "./settings.ts";
export { type Penalties, sparseLoss, sparsityDivergence } from "./sparse.ts";
export {
  type Batch,
  type BatchSource,
  descent,
  type Epoch,
  type HostBatch,
  type ImageBatch,
  imageBatches,
  type Losses,
  type Step,
  type StepNumber,
  type TrainingOptions,
  train,
  type Update,
} from "./training.ts";
export {
  ConvolutionalVariationalAutoencoder,
  type ConvolutionalVariationalAutoencoderOptions,
  DenseVariationalAutoencoder,
  type DenseVariationalAutoencoderOptions,
  type ElboReport,
  evaluateElbo,
  importanceWeightedBound,
  klWarmUp,
  type Likelihood,
  type Posterior,
  reparameterise,
  VariationalAutoencoder,
  type VariationalLoss,
} from "./variational.ts";
