/**
 * Limits for gradients, between `backward()` and `optimizer.step()` (Pascanu, Mikolov, Bengio: On the difficulty of
 * training recurrent neural networks, ICML 2013). All of it happens on the device: nothing waits for the norm.
 */
import clampSource from "../../shaders/gradient_clamp.wgsl";
import normSource from "../../shaders/gradient_norm.wgsl";
import scaleSource from "../../shaders/gradient_scale.wgsl";
import limitSource from "../../shaders/norm_limit.wgsl";
import squaresSource from "../../shaders/square_sum.wgsl";
import teamSource from "../../shaders/team.wgsl";
import { ArgumentError } from "../errors.ts";
import { kernel } from "../gpu/kernel.ts";
import { dispatch } from "../ops/define.ts";
import { filled } from "../ops/elementwise.ts";
import { dispatchElements, slicesOf } from "../ops/slices.ts";
import { withOrigin } from "../origin.ts";
import { emptyTensor, type Tensor } from "../tensor.ts";

/** So many elements are added up by one workgroup … */
const longSum = 16384;
/** … or more, in a large tensor: the last workgroup wants few sums. */
const mostWorkgroups = 256;

/** WGSL need not know Infinity. */
const largestNumber = 3.4e38;

/**
 * Multiplies all gradients by one number, at most 1, that makes the norm of all of them together at most `maxNorm`.
 * Parameters without a gradient are left out; a `maxNorm` of Infinity measures and changes nothing.
 * (`torch.nn.utils.clip_grad_norm_`)
 * @returns the norm before, a tensor of one element that can be read during this step and the next
 * @throws ArgumentError
 */
export function clipGradNorm(parameters: Iterable<Tensor>, maxNorm: number): Tensor {
  return withOrigin({ phase: "update" }, () => scaleToNorm(parameters, maxNorm));
}

function scaleToNorm(parameters: Iterable<Tensor>, maxNorm: number): Tensor {
  const most = normLimit("clipGradNorm", maxNorm);
  const { gpu, gradients } = gradientsOf("clipGradNorm", parameters);
  if (gradients.length === 0) return filled(gpu, [], 0);
  const sums = squareSums(gradients);
  const [norm, factor] = [emptyTensor(gpu, []), emptyTensor(gpu, [])];
  dispatch({
    kernel: kernel("gradientNorm", [teamSource, limitSource, normSource], { teamSize: 64 }),
    buffers: [sums, norm, factor],
    uniforms: { count: sums.size, most },
    workgroups: 1,
    flops: sums.size,
  });
  if (maxNorm !== Number.POSITIVE_INFINITY) multiply(gradients, factor);
  return norm;
}

/** For a kernel: WGSL need not know Infinity. @throws ArgumentError */
export function normLimit(name: string, maxNorm: number): number {
  requireLimit(name, "maxNorm", maxNorm);
  return Math.min(maxNorm, largestNumber);
}

/** Numbers that add up to the sum of all squares. @param gradients at least one */
export function squareSums(gradients: readonly Tensor[]): Tensor {
  const sumsOf = (size: number) => Math.min(Math.ceil(size / longSum), mostWorkgroups);
  const parts = gradients.flatMap((gradient) =>
    slicesOf(gradient).map((part) => ({ of: gradient, ...part })),
  );
  const count = parts.reduce((total, { size }) => total + sumsOf(size), 0);
  const sums = emptyTensor(gradients[0].gpu, [count]);
  let place = 0;
  for (const part of parts) {
    const { size } = part;
    const workgroups = sumsOf(size);
    dispatch({
      kernel: kernel("squareSum", [teamSource, squaresSource], { teamSize: 64 }),
      buffers: [part, sums],
      uniforms: { count: size, threads: 64 * workgroups, place },
      workgroups,
      flops: 2 * size,
    });
    place += workgroups;
  }
  return sums;
}

/** In place, by a number on the device. */
export function multiply(gradients: readonly Tensor[], factor: Tensor): void {
  const batch = { uniforms: {}, flops: 1 };
  for (const gradient of gradients) {
    dispatchElements({
      kernel: kernel("gradientScale", [scaleSource]),
      buffers: [factor, gradient],
      ...batch,
      batch,
    });
  }
}

/**
 * Limits every element of every gradient to ±maxValue. (`torch.nn.utils.clip_grad_value_`)
 * @throws ArgumentError
 */
export function clipGradValue(parameters: Iterable<Tensor>, maxValue: number): void {
  requireLimit("clipGradValue", "maxValue", maxValue);
  const batch = { uniforms: { most: Math.min(maxValue, largestNumber) }, flops: 1 };
  const { gradients } = gradientsOf("clipGradValue", parameters);
  withOrigin({ phase: "update" }, () => {
    for (const gradient of gradients) {
      dispatchElements({
        kernel: kernel("gradientClamp", [clampSource]),
        buffers: [gradient],
        ...batch,
        batch,
      });
    }
  });
}

/** @throws ArgumentError where there are no parameters, or parameters of several devices */
export function gradientsOf(name: string, parameters: Iterable<Tensor>) {
  const list = [...parameters];
  if (list.length === 0)
    throw new ArgumentError(
      `${name}: there are no parameters`,
      "pass model.parameters(), or those of the optimiser",
    );
  const [{ gpu }] = list;
  if (list.some((parameter) => parameter.gpu !== gpu)) {
    throw new ArgumentError(
      `${name}: its parameters live on different devices`,
      "clip the gradients of one device at a time",
    );
  }
  return { gpu, gradients: list.flatMap(({ grad }) => (grad && grad.size > 0 ? [grad] : [])) };
}

/** @throws ArgumentError */
function requireLimit(name: string, what: string, value: number): void {
  if (!(value > 0)) throw new ArgumentError(`${name}: ${what} must be a number above 0, got ${value}`);
}
