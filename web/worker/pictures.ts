/** What the page shows of a model under way: reconstructions, new images, or what a classifier takes images for. */
import { sliceDataset } from "../../data/dataset.ts";
import { readImages } from "../../data/loader.ts";
import { topClasses } from "../../models/classification.ts";
import type { Guesses, LivePicture } from "../protocol.ts";
import { type Bench, imagesTensor, readOut, requireBench, turns } from "./bench.ts";

const shownImages = 24;

export async function livePictures(): Promise<readonly LivePicture[]> {
  const { atWork, data } = requireBench();
  if (atWork.classify) return [await turns(() => guess(requireBench()))];
  return (await turns(() => atWork.draw(data))).filter((picture) => picture.type === "images");
}

/** What a classifier takes the first test images for. */
async function guess({ atWork, data, info }: Bench): Promise<Guesses> {
  const test = sliceDataset(data.test, 0, Math.min(shownImages, data.test.count));
  const images = await readImages(test, [...test.labels.keys()]);
  const logits = await readOut(() => atWork.classify!(imagesTensor(images)));
  const classes = info.classes.length;
  const best = Array.from(
    { length: test.count },
    (_, image) => topClasses(logits.subarray(image * classes, (image + 1) * classes), 1)[0],
  );
  return {
    type: "guesses",
    count: test.count,
    imageShape: info.imageShape,
    images,
    labels: test.labels.slice(),
    guessed: Int32Array.from(best, ({ index }) => index),
    probabilities: Float32Array.from(best, ({ probability }) => probability),
  };
}
