/** `wgrad reconstruct`, `sample`, `interpolate` and `latent-map`: what an autoencoder draws, as a PNG. */
import { ArgumentError } from "../../engine/errors.ts";
import { inferenceMode } from "../../engine/gradMode.ts";
import { manualSeed } from "../../engine/random.ts";
import { tensor } from "../../engine/tensor.ts";
import { writeWhole } from "../output/folder.ts";
import { encodePng, imageGrid } from "../output/pictures.ts";
import { openReporter } from "../output/reporter.ts";
import {
  readPictures,
  requireAbility,
  runOn,
  type TrainedImageModel,
  withTrainedImageModel,
} from "../trainedModel.ts";

interface DrawingCommand {
  readonly from?: string;
  /** The PNG file. */
  readonly out: string;
  readonly json?: boolean;
}

interface PicturesCommand extends DrawingCommand {
  readonly images: readonly string[];
  readonly invert?: boolean;
}

/** At most so many images stand side by side. */
const mostColumns = 12;

/** Images over their reconstructions. @throws DataError, OutputError, ArgumentError for a model that cannot */
export async function runReconstruction(command: PicturesCommand): Promise<void> {
  await withTrainedImageModel(command.from, async (trained) => {
    const reconstruct = requireAbility(trained, "reconstruct", "rebuild images");
    const dataset = readPictures(trained.description, command.images, command.invert ?? false);
    const originals = await runOn(trained, dataset, (images) => images);
    draw(command, trained, [originals, await runOn(trained, dataset, reconstruct)], mostColumns);
  });
}

/** New images. @throws DataError, OutputError, ArgumentError for a model that cannot */
export async function runSampling(
  command: DrawingCommand & { readonly count: number; readonly seed: number },
): Promise<void> {
  await withTrainedImageModel(command.from, async (trained) => {
    const sample = requireAbility(trained, "sample", "draw new images");
    manualSeed(command.seed);
    draw(command, trained, [await inferenceMode(() => sample(command.count)).data()], mostColumns);
  });
}

/** A row from each image to the next. @throws DataError, OutputError, ArgumentError for a model that cannot */
export async function runInterpolation(command: PicturesCommand & { readonly steps: number }): Promise<void> {
  const { images, steps } = command;
  if (images.length < 2)
    throw new ArgumentError("interpolate: one image leads nowhere", "name two images or more");
  await withTrainedImageModel(command.from, async (trained) => {
    const encode = requireAbility(trained, "encode", "turn images into codes");
    const decode = requireAbility(trained, "decode", "turn codes into images");
    const dataset = readPictures(trained.description, images, command.invert ?? false);
    const codes = await runOn(trained, dataset, encode);
    const codeSize = codes.length / images.length;
    const way = Float32Array.from({ length: (images.length - 1) * steps * codeSize }, (_, place) => {
      const dimension = place % codeSize;
      const share = (Math.floor(place / codeSize) % steps) / (steps - 1);
      const from = Math.floor(place / codeSize / steps) * codeSize + dimension;
      return (1 - share) * codes[from] + share * codes[from + codeSize];
    });
    const points = tensor(way, { shape: [way.length / codeSize, codeSize] });
    draw(command, trained, [await inferenceMode(() => decode(points)).data()], steps);
  });
}

/** What is where in a code of two dimensions. @throws DataError, OutputError, ArgumentError for a longer code */
export async function runLatentMap(command: DrawingCommand & { readonly side: number }): Promise<void> {
  await withTrainedImageModel(command.from, async (trained) => {
    const latentMap = requireAbility(trained, "latentMap", "draw a map of its code");
    draw(command, trained, [await inferenceMode(() => latentMap(command.side)).data()], command.side);
  });
}

/** Writes the images as one PNG, and says so. */
function draw(
  { out, json }: DrawingCommand,
  { description }: TrainedImageModel,
  stacked: readonly Float32Array[],
  columns: number,
): void {
  const [channels, height, width] = description.inputShape;
  const count = stacked[0].length / (channels * height * width);
  writeWhole(out, encodePng(imageGrid(stacked, { count, channels, height, width, columns })));
  openReporter(json).report({ event: "saved", path: out });
}
