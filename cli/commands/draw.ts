/** `wgrad reconstruct`, `sample`, `interpolate` and `latent-map`: what an autoencoder draws, as a PNG. */
import { ArgumentError } from "../../engine/errors.ts";
import { inferenceMode } from "../../engine/gradMode.ts";
import { manualSeed } from "../../engine/random.ts";
import { sizeOf } from "../../engine/shape.ts";
import { type Tensor, tensor } from "../../engine/tensor.ts";
import { openOutputFile } from "../output/folder.ts";
import { encodePng, imageGrid, requireDrawable } from "../output/pictures.ts";
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

interface Drawing {
  /** What the user asked for, should it be too much: "--side 1000". */
  readonly asked: string;
  /** Images in a set, and in a row. */
  readonly count: number;
  readonly columns: number;
  /** One or more sets of images, which stand below each other. */
  readonly stacked: readonly (() => Promise<Float32Array>)[];
}

/** At most so many images stand side by side. */
const mostColumns = 12;
/** Images that are drawn at a time, as many as in a batch: a thousand at once may be more than the device takes. */
const lotSize = 64;

/** Images over their reconstructions. @throws DataError, OutputError, ArgumentError for a model that cannot */
export async function runReconstruction(command: PicturesCommand): Promise<void> {
  const { images, invert = false } = command;
  await draw(command, (trained) => {
    const reconstruct = requireAbility(trained, "reconstruct", "rebuild images");
    const dataset = readPictures(trained.description, images, invert);
    return {
      asked: "reconstruct",
      ...{ count: images.length, columns: mostColumns },
      stacked: [() => runOn(trained, dataset, (given) => given), () => runOn(trained, dataset, reconstruct)],
    };
  });
}

/** New images. @throws DataError, OutputError, ArgumentError for a model that cannot */
export async function runSampling(
  command: DrawingCommand & { readonly count: number; readonly seed: number },
): Promise<void> {
  const { count, seed } = command;
  await draw(command, (trained) => {
    const sample = requireAbility(trained, "sample", "draw new images");
    manualSeed(seed);
    return {
      asked: `--count ${count}`,
      ...{ count, columns: mostColumns },
      stacked: [() => inLots(trained, count, (from, to) => sample(to - from))],
    };
  });
}

/** A row from each image to the next. @throws DataError, OutputError, ArgumentError for a model that cannot */
export async function runInterpolation(command: PicturesCommand & { readonly steps: number }): Promise<void> {
  const { images, steps, invert = false } = command;
  if (images.length < 2)
    throw new ArgumentError("interpolate: one image leads nowhere", "name two images or more");
  const count = (images.length - 1) * steps;
  await draw(command, (trained) => {
    const encode = requireAbility(trained, "encode", "turn images into codes");
    const decode = requireAbility(trained, "decode", "turn codes into images");
    const dataset = readPictures(trained.description, images, invert);
    async function way(): Promise<Float32Array> {
      const codes = await runOn(trained, dataset, encode);
      const codeSize = codes.length / images.length;
      const points = Float32Array.from({ length: count * codeSize }, (_, place) => {
        const dimension = place % codeSize;
        const share = (Math.floor(place / codeSize) % steps) / (steps - 1);
        const from = Math.floor(place / codeSize / steps) * codeSize + dimension;
        return (1 - share) * codes[from] + share * codes[from + codeSize];
      });
      return decodeInLots(trained, points, count, decode);
    }
    return { asked: `--steps ${steps}`, count, columns: steps, stacked: [way] };
  });
}

/** What is where in a code of two dimensions. @throws DataError, OutputError, ArgumentError for a longer code */
export async function runLatentMap(command: DrawingCommand & { readonly side: number }): Promise<void> {
  const { side } = command;
  await draw(command, (trained) => {
    const latentGrid = requireAbility(trained, "latentGrid", "draw a map of its code");
    const decode = requireAbility(trained, "decode", "turn codes into images");
    const count = side * side;
    async function map(): Promise<Float32Array> {
      const codes = (await latentGrid(side).data()) as Float32Array;
      return decodeInLots(trained, codes, count, decode);
    }
    return { asked: `--side ${side}`, count, columns: side, stacked: [map] };
  });
}

/** Writes the images as one PNG, and says so. */
async function draw(
  { from, out, json }: DrawingCommand,
  plan: (trained: TrainedImageModel) => Drawing,
): Promise<void> {
  await withTrainedImageModel(from, async (trained) => {
    const { asked, count, columns, stacked } = plan(trained);
    const [channels, height, width] = trained.description.inputShape;
    const layout = { count, channels, height, width, columns };
    requireDrawable(stacked.length, layout, asked);
    const file = openOutputFile(out);
    const sets: Float32Array[] = [];
    for (const images of stacked) sets.push(await images());
    file.write(encodePng(imageGrid(sets, layout)));
    openReporter(json).report({ event: "saved", path: out });
  });
}

/** The images of `count` codes, which lie behind each other. */
function decodeInLots(
  trained: TrainedImageModel,
  codes: Float32Array,
  count: number,
  decode: (codes: Tensor) => Tensor,
): Promise<Float32Array> {
  const codeSize = codes.length / count;
  return inLots(trained, count, (from, to) =>
    decode(tensor(codes.subarray(from * codeSize, to * codeSize), { shape: [to - from, codeSize] })),
  );
}

/** Makes `count` images, those of the numbers from `from` up to `to` at a time. */
async function inLots(
  { description }: TrainedImageModel,
  count: number,
  make: (from: number, to: number) => Tensor,
): Promise<Float32Array> {
  const size = sizeOf(description.inputShape);
  const images = new Float32Array(count * size);
  for (let from = 0; from < count; from += lotSize) {
    const to = Math.min(from + lotSize, count);
    images.set(await inferenceMode(() => make(from, to)).data(), from * size);
  }
  return images;
}
