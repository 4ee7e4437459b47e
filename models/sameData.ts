/** Whether a training goes on with the data that it was begun with. */
import type { DatasetSplits } from "../data/dataset.ts";
import { DataError } from "../engine/errors.ts";
import { sameShape } from "../engine/shape.ts";
import type { DataFingerprint, TrainingDescription } from "./checkpoint.ts";
import type { DataShape } from "./kinds/kind.ts";

/** Of the labels alone: photographs are read when a batch needs them, and not before. */
export async function fingerprintOf({ train: { count, labels } }: DatasetSplits): Promise<DataFingerprint> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", labels.slice()));
  const inHex = Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return { samples: count, labels: inHex };
}

/**
 * @param begun what the checkpoint says; an older one has no fingerprint
 * @throws DataError that lists what differs
 */
export function requireSameData(
  begun: TrainingDescription,
  shape: DataShape,
  fingerprint: DataFingerprint | undefined,
): void {
  const differences: string[] = [];
  const compare = (what: string, before: string, now: string) =>
    differences.push(`${what}: ${before} then, ${now} now`);
  if (!sameShape(begun.inputShape, shape.inputShape)) {
    const what = shape.inputShape.length === 1 ? "nodes" : "size of an image";
    compare(what, begun.inputShape.join("×"), shape.inputShape.join("×"));
  }
  const first = firstDifference(begun.classes, shape.classes);
  if (first !== undefined)
    compare("classes", listClasses(begun.classes, first), listClasses(shape.classes, first));
  const before = begun.fingerprint;
  if (before && fingerprint && before.samples !== fingerprint.samples)
    compare("training images", inThousands(before.samples), inThousands(fingerprint.samples));
  else if (before && fingerprint && before.labels !== fingerprint.labels)
    differences.push("labels: the training images have others now, or stand in another order");
  if (differences.length === 0) return;
  throw new DataError(
    [`${begun.data}: this is not the data that the training was begun with`, ...differences].join("\n  "),
    "make the data what it was, or begin a new training",
  );
}

/** The number of the first class whose name is another one; undefined where all are the same. */
export function firstDifference(one: readonly string[], other: readonly string[]): number | undefined {
  const length = Math.max(one.length, other.length);
  return Array.from({ length }, (_, index) => index).find((index) => one[index] !== other[index]);
}

const mostListed = 10;

/** All classes, or as many as a line has room for from the class `first` on. */
export function listClasses(classes: readonly string[], first: number): string {
  if (classes.length <= mostListed) return classes.join(", ") || "none";
  const shown = classes.slice(first, first + mostListed).join(", ");
  const before = first > 0 ? "…, " : "";
  const after = first + mostListed < classes.length ? ", …" : "";
  return `${before}${shown}${after} (${inThousands(classes.length)} in all)`;
}

function inThousands(count: number): string {
  return count.toLocaleString("en");
}
