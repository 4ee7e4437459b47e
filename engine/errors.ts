/**
 * Every way in which wgrad says no. An error names the operation, what it got and what it expected, and ends
 * with a `help:` line that says what to do; the class tells a program which kind of failure it was.
 */

export class WgradError extends Error {
  readonly #problem: string;
  /** The modules that the error passed through, innermost first, named from the outermost. */
  #layer: { readonly module: object; readonly path: string } | undefined;

  /**
   * @param problem what is wrong, in one or a few lines: where, got, expected
   * @param help what the reader can do about it
   */
  constructor(
    problem: string,
    readonly help?: string,
    options?: ErrorOptions,
  ) {
    super(undefined, options);
    this.name = new.target.name;
    this.#problem = problem;
    this.message = this.#text();
  }

  /** What is wrong, behind the path of the layer in which it went wrong ("encoder.2: linear: …"). */
  get problem(): string {
    return this.#layer?.path ? `${this.#layer.path}: ${this.#problem}` : this.#problem;
  }

  /** Called by every module on the error's way out; `nameInside` gives the path of a module below that one. */
  passedThrough(module: object, nameInside: (inner: object) => string | undefined): void {
    const inside = this.#layer && nameInside(this.#layer.module);
    const path = [inside, this.#layer?.path].filter(Boolean).join(".");
    this.#layer = { module, path };
    this.message = this.#text();
  }

  #text(): string {
    return this.help === undefined ? this.problem : `${this.problem}\n  help: ${this.help}`;
  }
}

/** A shape that an operation cannot take, or shapes that do not fit each other. */
export class ShapeError extends WgradError {}

/** A dtype that an operation cannot take. */
export class DtypeError extends WgradError {}

/** An argument outside its range: a negative stride, an unknown name, an axis that is not there. */
export class ArgumentError extends WgradError {}

/** A gradient that cannot be computed: the graph is gone, or nothing in it asks for one. */
export class AutogradError extends WgradError {}

/** A gradient that central differences do not confirm. */
export class GradcheckError extends WgradError {
  /** @param worstError the largest relative error found; Infinity where a gradient is not a number */
  constructor(
    problem: string,
    help: string,
    readonly worstError: number,
  ) {
    super(problem, help);
  }
}

/** A tensor was read after its memory went back to the pool. */
export class ReleasedTensorError extends WgradError {}

/** There is no WebGPU here, or no adapter that fits. */
export class AdapterError extends WgradError {}

/** The adapter's limits are too small for what was asked. */
export class LimitError extends WgradError {}

/** The device went away: driver reset, unplugged, or closed while in use. */
export class DeviceLostError extends WgradError {}

/** A kernel did not compile, or the device refused a command. */
export class KernelError extends WgradError {}

/** A step that cannot be recorded, because it is not the same each time. */
export class RecordingError extends WgradError {}

/** The loss is no longer a number. */
export class DivergenceError extends WgradError {}

/** A file or stream that is not what it should be: truncated, mislabelled, of another kind. */
export class DataError extends WgradError {}

/** A download that could not be completed or did not have the expected content. */
export class DownloadError extends WgradError {}

/** A file or folder that cannot be written: no permission, no space, not a folder. */
export class OutputError extends WgradError {}
