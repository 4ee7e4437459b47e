/** The engine's public face. */
// First what leads to a kernel at once: a bundle then begins with all kernels, and not in the middle of modules that
// compress best beside each other.
export * as optim from "./optim/index.ts";

// The rest by path.

export { grad } from "./autograd.ts";
export { currentDevice, openDevice, withDevice } from "./currentDevice.ts";
export {
  AdapterError,
  ArgumentError,
  AutogradError,
  DataError,
  DeviceLostError,
  DtypeError,
  KernelError,
  LimitError,
  RecordingError,
  ReleasedTensorError,
  ShapeError,
  WgradError,
} from "./errors.ts";
export type { AdapterDescription } from "./gpu/adapter.ts";
export type { MemoryReport } from "./gpu/buffers.ts";
export type { DeviceOptions } from "./gpu/device.ts";
export type { Counters, DispatchTime, Gpu, Origin } from "./gpu/gpu.ts";
export { inferenceMode, noGrad } from "./gradMode.ts";
export { loadModel, saveModel } from "./io/modelFile.ts";
export { decodeSafetensors, encodeSafetensors, type SafetensorsTensor } from "./io/safetensors.ts";
export * as nn from "./nn/index.ts";
export * as init from "./nn/init.ts";
export { leakyRelu, relu, sigmoid, softplus, tanh } from "./ops/activations.ts";
export { adaptiveAvgPool2d } from "./ops/adaptiveAvgPool2d.ts";
export { abs, add, clamp, clone, div, exp, log, mul, neg, pow, sqrt, square, sub } from "./ops/arithmetic.ts";
export { batchNorm } from "./ops/batchNorm.ts";
export { crossEntropyLoss, nllLoss } from "./ops/classLosses.ts";
export { equal, greater, greaterEqual, less, lessEqual, notEqual } from "./ops/compare.ts";
export { conv2d } from "./ops/conv2d.ts";
export { to } from "./ops/convert.ts";
export { convTranspose2d } from "./ops/convTranspose2d.ts";
export { dropout } from "./ops/dropout.ts";
export { gather, indexSelect } from "./ops/gather.ts";
export { argmax, oneHot } from "./ops/indices.ts";
export {
  concat,
  expand,
  flatten,
  pad,
  permute,
  reshape,
  slice,
  transpose,
  upsampleNearest2d,
} from "./ops/layout.ts";
export { localResponseNorm } from "./ops/localResponseNorm.ts";
export { logSumExp } from "./ops/logSumExp.ts";
export { bceLoss, bceWithLogitsLoss, huberLoss, klDivGaussian, l1Loss, mseLoss } from "./ops/losses.ts";
export { linear, matmul } from "./ops/matmul.ts";
export { avgPool2d, maxPool2d, minPool2d } from "./ops/pool.ts";
export { max, mean, sum } from "./ops/reduce.ts";
export { logSoftmax, softmax } from "./ops/softmax.ts";
export { std, variance } from "./ops/variance.ts";
export {
  bernoulli,
  type GeneratorState,
  generatorState,
  manualSeed,
  normal,
  setGeneratorState,
  uniform,
} from "./random.ts";
export {
  type DeviceNumber,
  everyRun,
  type FedOptions,
  fed,
  type HostArray,
  type RecordedStep,
  type RecordOptions,
  recordStep,
} from "./recordedStep.ts";
export {
  type DType,
  full,
  ones,
  Tensor,
  type TensorOptions,
  type TypedArray,
  tensor,
  zeros,
} from "./tensor.ts";
export type { Tuning } from "./tuning.ts";
