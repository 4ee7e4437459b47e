/** Numbers as people read them: the edges where a rounding carries into the next unit. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  formatBytes,
  formatClock,
  formatCount,
  formatDuration,
  formatLoss,
  formatMetric,
  formatPercent,
  formatRate,
  formatScaled,
  formatShape,
} from "../cli/output/format.ts";

const infinity = Number.POSITIVE_INFINITY;

function table<Value>(name: string, format: (value: Value) => string, rows: [Value, string][]) {
  test(name, () => {
    for (const [value, expected] of rows) assert.is(format(value), expected, `${name} of ${value}`);
  });
}

table("formatCount", formatCount, [
  [0, "0"],
  [999, "999"],
  [61_100_840, "61,100,840"],
]);
table("formatScaled", formatScaled, [
  [0, "0"],
  [999, "999"],
  [1000, "1.00 K"],
  [201_472, "201 K"],
  [999_499, "999 K"],
  [999_500, "1.00 M"],
  [1_430_000_000, "1.43 G"],
]);
table("formatLoss", formatLoss, [
  [0, "0"],
  [2.312345, "2.312"],
  [0.0123456, "0.01235"],
  [1.234e-7, "1.234e-7"],
  [Number.NaN, "NaN"],
  [infinity, "Infinity"],
]);
table<readonly [string, number]>("formatMetric", formatMetric, [
  [["psnr", 19.1], "PSNR 19.10 dB"],
  [["psnr", infinity], "PSNR Infinity dB"],
  [["mse", 0.0312345], "MSE 0.03123"],
  [["ssim", 0.9], "SSIM 0.9000"],
  [["accuracy", 0.97318], "accuracy 97.32 %"],
  [["accuracy", 1], "accuracy 100.00 %"],
  [["top5", 0.99996], "top-5 100.00 %"],
  [["negativeElbo", 105.678], "−ELBO 105.68 nats"],
  [["kl", 0], "KL 0.00 nats"],
  [["auc", 0.95], "AUC 0.9500"],
  [["averagePrecision", 0.5], "AP 0.5000"],
  [["codeMean", -0.01], "code mean -0.01000"],
  [["codeStd", 1], "code std 1.000"],
  [["loss", 2.312345], "loss 2.312"],
  [["reconstruction", 1], "reconstruction 1.000"],
]);
table("formatPercent", formatPercent, [
  [0, "0.00 %"],
  [0.97318, "97.32 %"],
  [1, "100.00 %"],
]);
table("formatRate", formatRate, [
  [8.44, "8.4"],
  [99.94, "99.9"],
  [99.96, "100"],
  [12_345.6, "12,346"],
  [infinity, "–"],
  [Number.NaN, "–"],
]);
table("formatDuration", formatDuration, [
  [0.04, "0.0 s"],
  [59.94, "59.9 s"],
  [59.96, "1 min 00 s"],
  [72, "1 min 12 s"],
  [3599.4, "59 min 59 s"],
  [3599.6, "1 h 00 min"],
  [7500, "2 h 05 min"],
]);
table("formatClock", formatClock, [
  [-3, "0:00"],
  [42.4, "0:42"],
  [59.6, "1:00"],
  [3723, "1:02:03"],
  [infinity, "–:––"],
  [Number.NaN, "–:––"],
]);
table("formatBytes", formatBytes, [
  [0, "0 bytes"],
  [1023, "1,023 bytes"],
  [1024, "1.0 KiB"],
  [244_403_360, "233 MiB"],
  [1024 ** 2 - 1, "1.0 MiB"],
  [5 * 1024 ** 3, "5.0 GiB"],
]);
table<number[]>("formatShape", formatShape, [
  [[1, 28, 28], "1×28×28"],
  [[], ""],
]);

test.run();
