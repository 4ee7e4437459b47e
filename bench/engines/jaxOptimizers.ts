/** Adam and SGD for jax-js, written as its own package of optimisers has them: functions that `jit` fuses. */
import type * as Jax from "@jax-js/jax";
import type { BenchOptimizer } from "../workloads.ts";

type JaxArray = Jax.numpy.Array;

export interface JaxOptimizer {
  /** How many buffers it keeps for each parameter, zeros at first. */
  readonly buffers: number;
  /** Uses up what it is given. @param step its number, from 1 */
  descend(
    weights: JaxArray[],
    gradients: JaxArray[],
    moments: JaxArray[][],
    step: JaxArray,
  ): { weights: JaxArray[]; moments: JaxArray[][] };
}

export function optimizerIn({ numpy: np, tree }: typeof Jax, optimizer: BenchOptimizer): JaxOptimizer {
  const { learningRate } = optimizer;
  if (optimizer.name === "sgd") {
    return {
      buffers: 1,
      descend(weights, gradients, [buffers], step) {
        step.dispose();
        const moved = buffers.map((buffer, i) => buffer.mul(optimizer.momentum).add(gradients[i]));
        const updated = weights.map((weight, i) => weight.sub(moved[i].ref.mul(learningRate)));
        return { weights: updated, moments: [moved] };
      },
    };
  }
  return {
    buffers: 2,
    descend(weights, gradients, [first, second], step) {
      const firsts = first.map((mean, i) => mean.mul(0.9).add(gradients[i].ref.mul(0.1)));
      const seconds = second.map((mean, i) => mean.mul(0.999).add(np.square(gradients[i]).mul(0.001)));
      const corrections = [0.9, 0.999].map((beta) => np.power(beta, step.ref).neg().add(1));
      step.dispose();
      const updated = weights.map((weight, i) => {
        const mean = firsts[i].ref.div(corrections[0].ref);
        const deviation = np.sqrt(seconds[i].ref.div(corrections[1].ref)).add(1e-8);
        return weight.sub(mean.div(deviation).mul(learningRate));
      });
      tree.dispose(corrections);
      return { weights: updated, moments: [firsts, seconds] };
    },
  };
}
