/**
 * The checks of all operations. `satisfies` refuses whatever does not name an operation, its reference and its samples;
 * a test refuses an operation that is defined in this folder and not listed here.
 */
import {
  leakyReluChecks,
  leakyReluOp,
  relu,
  reluChecks,
  sigmoid,
  sigmoidChecks,
  softplus,
  softplusChecks,
  tanh,
  tanhChecks,
} from "./activations.ts";
import { adaptiveAvgPool2dChecks } from "./adaptiveAvgPool2d.ts";
import {
  abs,
  absChecks,
  add,
  addChecks,
  clampChecks,
  clampOp,
  clone,
  cloneChecks,
  div,
  divChecks,
  exp,
  expChecks,
  log,
  logChecks,
  mul,
  mulChecks,
  neg,
  negChecks,
  powChecks,
  powOp,
  sqrt,
  sqrtChecks,
  square,
  squareChecks,
  sub,
  subChecks,
} from "./arithmetic.ts";
import { batchNormChecks, batchNormEvaluationChecks } from "./batchNorm.ts";
import { binaryChecks } from "./binary.ts";
import { crossEntropyLossChecks, nllLossChecks } from "./classLosses.ts";
import {
  equal,
  equalChecks,
  greater,
  greaterChecks,
  greaterEqual,
  greaterEqualChecks,
  less,
  lessChecks,
  lessEqual,
  lessEqualChecks,
  notEqual,
  notEqualChecks,
} from "./compare.ts";
import { conv2dChecks } from "./conv2d.ts";
import { castChecks, toChecks } from "./convert.ts";
import { convTranspose2dChecks } from "./convTranspose2d.ts";
import type { OpChecks } from "./define.ts";
import { dropoutChecks } from "./dropout.ts";
import { gatherChecks, indexSelectChecks } from "./gather.ts";
import { argmaxChecks, oneHotChecks } from "./indices.ts";
import {
  concatChecks,
  expandChecks,
  padChecks,
  permuteChecks,
  reshapeChecks,
  sliceChecks,
  upsampleNearest2dChecks,
} from "./layout.ts";
import { localResponseNormChecks } from "./localResponseNorm.ts";
import { logSumExpChecks } from "./logSumExp.ts";
import {
  bceLossChecks,
  bceWithLogitsLossChecks,
  huberLossChecks,
  klDivGaussianChecks,
  l1LossChecks,
  mseLossChecks,
} from "./losses.ts";
import { matmulChecks } from "./matmul.ts";
import { avgPool2dChecks, maxPool2dChecks, minPool2dChecks } from "./pool.ts";
import { maxChecks, meanChecks, sumChecks } from "./reduce.ts";
import { logSoftmaxChecks, softmaxChecks } from "./softmax.ts";
import { spmmChecks } from "./spmm.ts";
import { unaryChecks } from "./unary.ts";
import { stdChecks, varianceChecks } from "./variance.ts";

/** The checks of an operation of whatever options: it is only ever run with those of its own samples. */
// biome-ignore lint/suspicious/noExplicitAny: TypeScript has no "for some Options"
export type AnyChecks = OpChecks<any>;

export const opChecks = [
  // arithmetic
  ...[binaryChecks(add.op, addChecks), binaryChecks(sub.op, subChecks)],
  ...[binaryChecks(mul.op, mulChecks), binaryChecks(div.op, divChecks)],
  ...[unaryChecks(clone.op, cloneChecks), unaryChecks(neg.op, negChecks)],
  ...[unaryChecks(exp.op, expChecks), unaryChecks(log.op, logChecks), unaryChecks(sqrt.op, sqrtChecks)],
  ...[unaryChecks(square.op, squareChecks), unaryChecks(abs.op, absChecks)],
  ...[unaryChecks(powOp, powChecks), unaryChecks(clampOp, clampChecks)],
  // activations
  ...[unaryChecks(relu.op, reluChecks), unaryChecks(leakyReluOp, leakyReluChecks)],
  ...[unaryChecks(sigmoid.op, sigmoidChecks), unaryChecks(tanh.op, tanhChecks)],
  ...[unaryChecks(softplus.op, softplusChecks)],
  // comparisons, dtypes, indices
  ...[binaryChecks(equal.op, equalChecks), binaryChecks(notEqual.op, notEqualChecks)],
  ...[binaryChecks(less.op, lessChecks), binaryChecks(lessEqual.op, lessEqualChecks)],
  ...[binaryChecks(greater.op, greaterChecks), binaryChecks(greaterEqual.op, greaterEqualChecks)],
  ...[toChecks, castChecks, argmaxChecks, oneHotChecks, gatherChecks, indexSelectChecks],
  // reductions
  ...[sumChecks, meanChecks, maxChecks, varianceChecks, stdChecks],
  ...[logSumExpChecks, softmaxChecks, logSoftmaxChecks],
  // layout
  ...[reshapeChecks, permuteChecks, expandChecks, sliceChecks, concatChecks],
  ...[padChecks, upsampleNearest2dChecks],
  // layers
  ...[matmulChecks, spmmChecks, conv2dChecks, convTranspose2dChecks, dropoutChecks],
  ...[maxPool2dChecks, minPool2dChecks, avgPool2dChecks, adaptiveAvgPool2dChecks],
  ...[batchNormChecks, batchNormEvaluationChecks, localResponseNormChecks],
  // losses
  ...[mseLossChecks, l1LossChecks, huberLossChecks, bceLossChecks, bceWithLogitsLossChecks],
  ...[klDivGaussianChecks, nllLossChecks, crossEntropyLossChecks],
] satisfies readonly AnyChecks[];
