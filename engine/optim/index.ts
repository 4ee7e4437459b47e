export { Adam, AdamW } from "./adam.ts";
export { exponentialMovingAverage, type WeightAverage } from "./averaging.ts";
export { clipGradNorm, clipGradValue } from "./clip.ts";
export {
  Optimizer,
  type OptimizerState,
  type ParameterGroup,
  type ParameterGroupOptions,
} from "./optimizer.ts";
export {
  cosineSchedule,
  oneCycleSchedule,
  type PlateauSchedule,
  reduceOnPlateau,
  type Schedule,
  stepSchedule,
  warmUp,
} from "./schedules.ts";
export { SGD } from "./sgd.ts";
