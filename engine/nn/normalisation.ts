/** Layers that normalise; what each computes and how it is initialised follows PyTorch's documentation. */
import { requireCount } from "../arguments.ts";
import { ShapeError } from "../errors.ts";
import { type BatchNormOptions, batchNorm } from "../ops/batchNorm.ts";
import { type LocalResponseNormOptions, localResponseNorm } from "../ops/localResponseNorm.ts";
import { showShape } from "../shape.ts";
import { ones, type Tensor, zeros } from "../tensor.ts";
import { showOptions } from "./describe.ts";
import { Module } from "./module.ts";
import { asParameter } from "./parameter.ts";

export interface BatchNormLayerOptions extends Pick<BatchNormOptions, "momentum" | "epsilon"> {
  /** Whether there are a weight and a bias to learn. Default true. */
  readonly affine?: boolean;
}

/**
 * While training, by the statistics of the batch, which the running ones follow; in evaluation, by the running ones. Its
 * tensors have the names and shapes of PyTorch's, so that state dicts move both ways.
 */
abstract class BatchNorm extends Module {
  /** [numFeatures], ones at first. */
  readonly weight: Tensor | undefined;
  /** [numFeatures], zeros at first. */
  readonly bias: Tensor | undefined;
  /** [numFeatures], zeros at first. */
  readonly runningMean: Tensor;
  /** [numFeatures], ones at first. */
  readonly runningVar: Tensor;
  /** How many batches the running statistics have seen: int32, a scalar. */
  readonly numBatchesTracked: Tensor;
  readonly #name: string;
  readonly #planes: readonly (readonly string[])[];

  /** @param planes what the axes behind the channels may be */
  protected constructor(
    name: string,
    planes: readonly (readonly string[])[],
    readonly numFeatures: number,
    readonly options: BatchNormLayerOptions,
  ) {
    super();
    requireCount(name, { numFeatures });
    this.#name = name;
    this.#planes = planes;
    const { affine = true } = options;
    this.weight = affine ? asParameter(ones([numFeatures])) : undefined;
    this.bias = affine ? asParameter(zeros([numFeatures])) : undefined;
    this.runningMean = zeros([numFeatures]);
    this.runningVar = ones([numFeatures]);
    this.numBatchesTracked = zeros([], { dtype: "int32" });
  }

  forward(x: Tensor): Tensor {
    const { shape } = x;
    if (shape[1] !== this.numFeatures || !this.#planes.some(({ length }) => shape.length === 2 + length)) {
      const expected = this.#planes.map((plane) => `[${["N", this.numFeatures, ...plane].join(", ")}]`);
      throw new ShapeError(`${this.#name}: x must be ${expected.join(" or ")}, got ${showShape(shape)}`);
    }
    const { weight, bias, training } = this;
    const { momentum, epsilon } = this.options;
    const running = { mean: this.runningMean, variance: this.runningVar, batches: this.numBatchesTracked };
    return batchNorm(x, { weight, bias, running, training, momentum, epsilon });
  }

  override describe(): string {
    return `${this.#name}(${this.numFeatures}${showOptions(this.options)})`;
  }
}

/** Over the batch: [N, numFeatures], or over the batch and an axis: [N, numFeatures, L]; see `batchNorm`. */
export class BatchNorm1d extends BatchNorm {
  /** @throws ArgumentError */
  constructor(numFeatures: number, options: BatchNormLayerOptions = {}) {
    super("BatchNorm1d", [[], ["L"]], numFeatures, options);
  }
}

/** Over the batch and the plane: [N, numFeatures, H, W]; see `batchNorm`. */
export class BatchNorm2d extends BatchNorm {
  /** @throws ArgumentError */
  constructor(numFeatures: number, options: BatchNormLayerOptions = {}) {
    super("BatchNorm2d", [["H", "W"]], numFeatures, options);
  }
}

/** [N, channels, …]; see `localResponseNorm`. */
export class LocalResponseNorm extends Module {
  constructor(readonly options: LocalResponseNormOptions) {
    super();
  }

  forward(x: Tensor): Tensor {
    return localResponseNorm(x, this.options);
  }

  override describe(): string {
    return `LocalResponseNorm(${showOptions(this.options).slice(2)})`;
  }
}
