/** Which size of images, and which classes, a model is for, where there is no data to tell. */
import { ArgumentError, DataError } from "../engine/errors.ts";
import type { DataShape } from "../models/kinds/kind.ts";
import type { RegisteredModel } from "../models/registry.ts";
import { formatShape } from "./output/format.ts";
import { readFile } from "./savedFiles.ts";

export interface ShapeChoice {
  /** Of one sample. */
  readonly input?: readonly number[];
  /** How many, or a text file with the name of a class in each line. */
  readonly classes?: number | string;
}

/**
 * What was chosen, else what is typical for the model.
 * @throws ArgumentError for images where there should be a graph, and so on; DataError for a file that cannot be read, or
 * is empty
 */
export function chooseShape({ name, typical }: RegisteredModel, { input, classes }: ShapeChoice): DataShape {
  if (input && input.length !== typical.inputShape.length) {
    throw new ArgumentError(
      `${name} does not take input of the shape ${formatShape(input)}`,
      `write it like --input ${typical.inputShape.join("x")}`,
    );
  }
  return { inputShape: input ?? typical.inputShape, classes: classNames(classes ?? typical.classes) };
}

function classNames(classes: number | string): string[] {
  if (typeof classes === "number") return Array.from({ length: classes }, (_, index) => String(index));
  const lines = new TextDecoder().decode(readFile(classes)).split(/\r?\n/);
  const names = lines.map((line) => line.trim()).filter((line) => line !== "");
  if (names.length > 0) return names;
  throw new DataError(`${classes}: there is no class in it`, "write the name of a class in each line");
}
