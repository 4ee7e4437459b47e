/**
 * Local response normalisation across channels: Krizhevsky, Sutskever, Hinton, "ImageNet classification with deep
 * convolutional neural networks" (NIPS 2012), section 3.3, with the definition of PyTorch's LocalResponseNorm: the sum
 * of squares is divided by the size of the window, also at the edges, where the window has fewer channels.
 */
import sharedSource from "../../shaders/local_response.wgsl";
import forwardSource from "../../shaders/local_response_norm.wgsl";
import gradientSource from "../../shaders/local_response_norm_gradient.wgsl";
import { requireCount } from "../arguments.ts";
import { ArgumentError, ShapeError } from "../errors.ts";
import { kernel } from "../gpu/kernel.ts";
import { fromIndex } from "../reference.ts";
import { type Shape, showShape, sizeOf } from "../shape.ts";
import { emptyLike, type Tensor } from "../tensor.ts";
import { defineOp, dispatch, type OpChecks, requireDtype } from "./define.ts";
import { wgslType } from "./elementwise.ts";
import { planesOf } from "./planes.ts";

export interface LocalResponseNormOptions {
  /** How many neighbouring channels are added up: ⌊size / 2⌋ before the own one, and as many or one fewer behind. */
  readonly size: number;
  /** Default 1e-4. */
  readonly alpha?: number;
  /** Default 0.75. */
  readonly beta?: number;
  /** Default 1. */
  readonly k?: number;
}

type Resolved = Required<LocalResponseNormOptions>;

/** A thread walks about so many channels, and the window beyond them at both ends. */
const channelsPerThread = 16;

function walk(x: Tensor, { size, alpha, beta, k }: Resolved) {
  const { images, channels, width, inner, element } = planesOf(x.shape);
  const type = wgslType[x.dtype];
  const stored = width === 4 ? `vec4<${type}>` : type;
  const runs = Math.ceil(channels / channelsPerThread);
  const threads = images * runs * inner;
  return {
    constants: { element, stored: `alias Stored = ${stored};`, size },
    uniforms: { channels, inner, runs, threads, slope: alpha / size, offset: k, exponent: beta },
    threads,
  };
}

export const localResponseNormOp = defineOp<Resolved>({
  name: "localResponseNorm",
  halves: 1,
  forward([x], options) {
    const { constants, ...threads } = walk(x, options);
    const result = emptyLike(x);
    dispatch({
      kernel: kernel("localResponseNorm", [sharedSource, forwardSource], constants),
      buffers: [x, result],
      ...threads,
      flops: (2 * options.size + 4) * x.size,
    });
    return result;
  },
  backward({ gradient, inputs: [x], options }) {
    const { constants, ...threads } = walk(x, options);
    const result = emptyLike(x);
    dispatch({
      kernel: kernel("localResponseNormGradient", [sharedSource, gradientSource], constants),
      buffers: [x, gradient, result],
      ...threads,
      flops: (3 * options.size + 10) * x.size,
    });
    return [result];
  },
});

export const localResponseNormChecks: OpChecks<Resolved> = {
  op: localResponseNormOp,
  reference([x], { size, alpha, beta, k }) {
    const [, channels, ...plane] = x.shape;
    const inner = sizeOf(plane);
    let flat = 0;
    return fromIndex(x.shape, ([, channel]) => {
      let sum = 0;
      for (let offset = -Math.floor(size / 2); offset <= Math.floor((size - 1) / 2); offset++) {
        const other = channel + offset;
        if (other >= 0 && other < channels) sum += x.data[flat + offset * inner] ** 2;
      }
      return x.data[flat++] / (k + (alpha / size) * sum) ** beta;
    });
  },
  samples: sampleRows,
};

/** Odd and even windows, one channel, more than all channels; planes in vectors and not; several runs, workgroups. */
function sampleRows() {
  const rows: [Shape, LocalResponseNormOptions][] = [
    [[1, 1, 1], { size: 1 }],
    [[2, 3, 5], { size: 5, alpha: 0.5 }],
    [[2, 7, 3, 4], { size: 3, alpha: 1, beta: 0.5, k: 2 }],
    [[2, 6, 3, 5], { size: 2, alpha: 0.3, beta: 1.5, k: 0.5 }],
    [[1, 5, 2, 2], { size: 4, alpha: 0.7 }],
    [[2, 35, 7, 5], { size: 5, alpha: 0.5, beta: 0.75, k: 2 }],
    [[1, 34, 4, 6], { size: 6, alpha: 1 }],
    [[1, 33, 2, 3, 2], { size: 9, alpha: 2, beta: 1 }],
    [[3, 32, 1, 3], { size: 5, alpha: 1e-4 }],
  ];
  return rows.map(([shape, options]) => ({ inputs: [shape], options: resolve(options) }));
}

/** @throws ArgumentError */
function resolve({ size, alpha = 1e-4, beta = 0.75, k = 1 }: LocalResponseNormOptions): Resolved {
  requireCount("localResponseNorm", { size });
  for (const [name, value] of Object.entries({ alpha, beta, k })) {
    if (!Number.isFinite(value))
      throw new ArgumentError(`localResponseNorm: ${name} must be a finite number, got ${value}`);
  }
  return { size, alpha, beta, k };
}

/**
 * x / (k + alpha / size · Σ x²)^beta, the sum being over the `size` channels around each one.
 * (`torch.nn.functional.local_response_norm`)
 * @param x [N, channels, …] with at least one axis behind the channels
 * @throws ShapeError, DtypeError, ArgumentError
 */
export function localResponseNorm(x: Tensor, options: LocalResponseNormOptions): Tensor {
  requireDtype("localResponseNorm", "float32", x);
  if (x.shape.length < 3) {
    throw new ShapeError(
      `localResponseNorm: x must be [N, channels, …] with at least one axis behind the channels, got ${showShape(x.shape)}`,
    );
  }
  return localResponseNormOp.run([x], resolve(options));
}
