/**
 * All operations. The checks run over this table, and so does the reference; `satisfies` refuses whatever is not an
 * operation, and with it one that has neither a gradient nor a stated reason for having none.
 */
import { leakyReluOp, relu, sigmoid, softplus, tanh } from "./activations.ts";
import { adaptiveAvgPool2dOp } from "./adaptiveAvgPool2d.ts";
import { abs, add, clampOp, clone, div, exp, log, mul, neg, powOp, sqrt, square, sub } from "./arithmetic.ts";
import { batchNormEvaluationOp, batchNormOp } from "./batchNorm.ts";
import { crossEntropyLossOp, nllLossOp } from "./classLosses.ts";
import { equal, greater, greaterEqual, less, lessEqual, notEqual } from "./compare.ts";
import { conv2dOp } from "./conv2d.ts";
import { toOp } from "./convert.ts";
import { convTranspose2dOp } from "./convTranspose2d.ts";
import type { Op } from "./define.ts";
import { dropoutOp } from "./dropout.ts";
import { gatherOp, indexSelectOp } from "./gather.ts";
import { argmaxOp, oneHotOp } from "./indices.ts";
import { concatOp, expandOp, padOp, permuteOp, reshapeOp, sliceOp, upsampleNearest2dOp } from "./layout.ts";
import { localResponseNormOp } from "./localResponseNorm.ts";
import { logSumExpOp } from "./logSumExp.ts";
import {
  bceLossOp,
  bceWithLogitsLossOp,
  huberLossOp,
  klDivGaussianOp,
  l1LossOp,
  mseLossOp,
} from "./losses.ts";
import { matmulOp } from "./matmul.ts";
import { avgPool2dOp, maxPool2dOp, minPool2dOp } from "./pool.ts";
import { maxOp, meanOp, sumOp } from "./reduce.ts";
import { logSoftmaxOp, softmaxOp } from "./softmax.ts";
import { spmmOp } from "./spmm.ts";
import { stdOp, varianceOp } from "./variance.ts";

/** An operation of whatever options: each is only ever run with those of its own samples. */
// biome-ignore lint/suspicious/noExplicitAny: TypeScript has no "for some Options"
export type AnyOp = Op<any>;

export const ops = [
  // arithmetic
  ...[add.op, sub.op, mul.op, div.op],
  ...[clone.op, neg.op, exp.op, log.op, sqrt.op, square.op, abs.op, powOp, clampOp],
  // activations
  ...[relu.op, leakyReluOp, sigmoid.op, tanh.op, softplus.op],
  // comparisons, dtypes, indices
  ...[equal.op, notEqual.op, less.op, lessEqual.op, greater.op, greaterEqual.op],
  ...[toOp, argmaxOp, oneHotOp, gatherOp, indexSelectOp],
  // reductions
  ...[sumOp, meanOp, maxOp, varianceOp, stdOp, logSumExpOp, softmaxOp, logSoftmaxOp],
  // layout
  ...[reshapeOp, permuteOp, expandOp, sliceOp, concatOp, padOp, upsampleNearest2dOp],
  // layers
  ...[matmulOp, spmmOp, conv2dOp, convTranspose2dOp, dropoutOp],
  ...[maxPool2dOp, minPool2dOp, avgPool2dOp, adaptiveAvgPool2dOp],
  ...[batchNormOp, batchNormEvaluationOp, localResponseNormOp],
  // losses
  ...[mseLossOp, l1LossOp, huberLossOp, bceLossOp, bceWithLogitsLossOp, klDivGaussianOp],
  ...[nllLossOp, crossEntropyLossOp],
] satisfies readonly AnyOp[];
