/**
 * Numbers as a person reads them: thousands separators, K/M/G, minutes. Machines get the unrounded ones
 * (`--json`, `metrics.jsonl`), so nothing here has to be read back.
 */
import type { DeviceDescription } from "./events.ts";

/** 61100840 → "61,100,840". */
export function formatCount(count: number): string {
  return count.toLocaleString("en-US");
}

/** Three significant digits and a suffix of thousands: 201_472 → "201 K", 1_430_000_000 → "1.43 G". */
export function formatScaled(amount: number): string {
  const suffixes = ["", " K", " M", " G", " T", " P"];
  let scaled = amount;
  let step = 0;
  while (Number(Math.abs(scaled).toPrecision(3)) >= 1000 && step < suffixes.length - 1) {
    scaled /= 1000;
    step++;
  }
  const digits = step === 0 ? formatCount(scaled) : scaled.toPrecision(3);
  return `${digits}${suffixes[step]}`;
}

/** "adapter  llvmpipe (CPU, tuned)" */
export function formatDevice({ name, kind, tuned }: DeviceDescription): string {
  return `adapter  ${name} (${kind.toUpperCase()}${tuned ? ", tuned" : ""})`;
}

/** Four significant digits: 0.01234, 2.303, 1.234e-7; "NaN" and "Infinity" stay what they are. */
export function formatLoss(loss: number): string {
  return loss === 0 ? "0" : loss.toPrecision(4);
}

/** Names of test figures for people; the others go by their own. */
const metricNames: Readonly<Record<string, string>> = {
  mse: "MSE",
  psnr: "PSNR",
  ssim: "SSIM",
  top5: "top-5",
  negativeElbo: "−ELBO",
  kl: "KL",
  auc: "AUC",
  averagePrecision: "AP",
  codeMean: "code mean",
  codeStd: "code std",
};

const metricUnits: Readonly<Record<string, (value: number) => string>> = {
  psnr: (decibels) => `${decibels.toFixed(2)} dB`,
  accuracy: formatPercent,
  top5: formatPercent,
  negativeElbo: (nats) => `${nats.toFixed(2)} nats`,
  kl: (nats) => `${nats.toFixed(2)} nats`,
};

/** A test figure with its name: "accuracy 97.32 %", "PSNR 19.10 dB". */
export function formatMetric([name, value]: readonly [string, number]): string {
  return `${metricNames[name] ?? name} ${(metricUnits[name] ?? formatLoss)(value)}`;
}

/** A share of one: 0.9732 → "97.32 %". */
export function formatPercent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}

/** Samples a second: "12,345", or "8.4" where a whole number would say too little. */
export function formatRate(perSecond: number): string {
  if (!Number.isFinite(perSecond)) return "–";
  return perSecond < 99.95 ? perSecond.toFixed(1) : formatCount(Math.round(perSecond));
}

/** How long something took: "0.8 s", "1 min 12 s", "2 h 05 min". */
export function formatDuration(seconds: number): string {
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${twoDigits(whole % 60)} s`;
  const minutes = Math.round(whole / 60);
  return `${Math.floor(minutes / 60)} h ${twoDigits(minutes % 60)} min`;
}

/** The time left, as a clock that counts down: "0:42", "1:02:03"; "–:––" before it is known. */
export function formatClock(seconds: number): string {
  if (!Number.isFinite(seconds)) return "–:––";
  const whole = Math.max(0, Math.round(seconds));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  const rest = twoDigits(whole % 60);
  return hours > 0 ? `${hours}:${twoDigits(minutes)}:${rest}` : `${minutes}:${rest}`;
}

/** Bytes in units of 1024: 244403360 → "233 MiB". */
export function formatBytes(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let scaled = bytes;
  let step = 0;
  while (Math.round(scaled) >= 1024 && step < units.length - 1) {
    scaled /= 1024;
    step++;
  }
  return `${step > 0 && scaled < 9.95 ? scaled.toFixed(1) : formatCount(Math.round(scaled))} ${units[step]}`;
}

/** A shape as people write one: [1, 28, 28] → "1×28×28". */
export function formatShape(shape: readonly number[]): string {
  return shape.join("×");
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}
