/**
 * Dropout: Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov, JMLR 15 (2014), in the form that scales while
 * training. The mask is kept for the gradient, which then is a formula like any other.
 */
import dropoutSource from "../../shaders/dropout.wgsl";
import philoxSource from "../../shaders/philox.wgsl";
import { requireRange } from "../arguments.ts";
import { kernel } from "../gpu/kernel.ts";
import { type Draw, drawWords, randomWords } from "../philox.ts";
import { chanceOf, nextDraw } from "../random.ts";
import { ndarray } from "../reference.ts";
import { emptyLike, type Tensor } from "../tensor.ts";
import { defineOp, type OpChecks, requireDtype } from "./define.ts";
import { elementOf, pullBackElements } from "./elementwise.ts";
import { dispatchElements } from "./slices.ts";

interface DropoutOptions {
  readonly probability: number;
  readonly draw: Draw;
}

/** What is kept is scaled so that the expectation stays; if nothing is kept, any number will do. */
function scaleOf(probability: number): number {
  return probability < 1 ? 1 / (1 - probability) : 0;
}

export const dropoutOp = defineOp<DropoutOptions>({
  name: "dropout",
  halves: 1,
  forward([x], { probability, draw }) {
    requireDtype("dropout", "float32", x);
    const output = emptyLike(x);
    const mask = emptyLike(x);
    dispatchElements({
      kernel: kernel("dropout", [philoxSource, dropoutSource], elementOf(x)),
      buffers: [x, mask, output],
      uniforms: () => ({
        draw: drawWords(draw),
        dropped: chanceOf(probability),
        scale: scaleOf(probability),
      }),
      flops: 1,
    });
    return { output, saved: [mask] };
  },
  backward: ({ gradient, saved: [mask], options: { probability } }) => [
    pullBackElements(
      "dropoutGradient",
      "select(0.0, scale * dy, x > 0.0)",
      { x: mask, dy: gradient },
      { scale: scaleOf(probability) },
    ),
  ],
});

export const dropoutChecks: OpChecks<DropoutOptions> = {
  op: dropoutOp,
  reference([x], options) {
    const words = randomWords(options.draw, x.data.length);
    const scale = scaleOf(options.probability);
    return ndarray(
      x.shape,
      x.data.map((value, i) => (words[i] >>> 8 < chanceOf(options.probability) ? 0 : scale * value)),
    );
  },
  samples: () => [
    { inputs: [[3, 5]], options: { probability: 0.5, draw: { seed: 0, draw: 0 } } },
    { inputs: [[3, 5]], options: { probability: 1, draw: { seed: 0, draw: 0 } } },
    { inputs: [[]], options: { probability: 0.1, draw: { seed: 7, draw: 3 } } },
    { inputs: [[0, 3]], options: { probability: 0.5, draw: { seed: 7, draw: 3 } } },
    // More than one workgroup, and numbers of more than 32 bits.
    { inputs: [[7, 11, 13]], options: { probability: 0.2, draw: { seed: 2 ** 45 + 5, draw: 2 ** 33 + 1 } } },
  ],
};

/**
 * Sets each element to 0 with the given probability and multiplies the others by 1 / (1 - probability): for training
 * (a model that is evaluated leaves it out).
 * @throws DtypeError unless x is float32 or float16; ArgumentError
 */
export function dropout(x: Tensor, probability = 0.5): Tensor {
  requireRange("dropout", { probability }, 0, 1);
  return dropoutOp.run([x], { probability, draw: nextDraw(x.gpu) });
}
