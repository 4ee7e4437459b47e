/**
 * Denoising autoencoders: Vincent, Larochelle, Bengio, Manzagol, "Extracting and composing robust features with
 * denoising autoencoders" (ICML 2008), and the noises of its sequel (JMLR 11, 2010). The model sees corrupted images
 * and is to draw the clean ones. The noise is drawn on the device, anew for every batch:
 *
 *     const loss = ({ images }) => denoisingLoss(model, images, gaussianNoise(0.5));
 */
import { requireNonNegative, requireRange } from "../engine/arguments.ts";
import { add, mul, sub } from "../engine/ops/arithmetic.ts";
import { bernoulli, normal } from "../engine/random.ts";
import type { Tensor } from "../engine/tensor.ts";
import { type Autoencoder, type ReconstructionLoss, reconstructionLoss } from "./autoencoder.ts";

/** Images in, [N, C, H, W] with pixels in [0, 1], corrupted images of the same shape out; other ones each time. */
export type Noise = (images: Tensor) => Tensor;

/**
 * Adds a normally distributed number to every pixel; what leaves [0, 1] stays outside.
 * @param std its standard deviation
 * @throws ArgumentError
 */
export function gaussianNoise(std: number): Noise {
  requireNonNegative("gaussianNoise", { std });
  return (images) => add(images, normal(images.shape, { std }));
}

/** Makes every pixel black with this probability. @throws ArgumentError */
export function maskingNoise(probability: number): Noise {
  requireRange("maskingNoise", { probability }, 0, 1);
  return (images) => mul(images, bernoulli(images.shape, 1 - probability));
}

/** Makes every pixel black or white, each as likely as the other, with this probability. @throws ArgumentError */
export function saltAndPepperNoise(probability: number): Noise {
  requireRange("saltAndPepperNoise", { probability }, 0, 1);
  return (images) => {
    const isChosen = bernoulli(images.shape, probability);
    const blackOrWhite = bernoulli(images.shape, 0.5);
    return add(images, mul(isChosen, sub(blackOrWhite, images)));
  };
}

/** How far what the model makes of corrupted images is from the clean ones. */
export function denoisingLoss(
  model: Autoencoder,
  images: Tensor,
  noise: Noise,
  kind: ReconstructionLoss = "mse",
): Tensor {
  return reconstructionLoss(kind, model.call(noise(images)), images);
}
