/**
 * Everything a command has to say, as one union. The reporter shows it; `--json` prints it as it is, so these names
 * are the format that programs read: numbers unrounded, times in seconds.
 */

/** Test figures by name: `loss`, `accuracy`, `mse`, `psnr`, … as they fit the model. */
export type TestMetrics = Readonly<Record<string, number>>;

export interface DeviceDescription {
  readonly name: string;
  readonly kind: "cpu" | "gpu";
  /** By `wgrad tune`. */
  readonly tuned?: boolean;
}

export interface SummaryRow {
  /** Where the layer sits in the model: "encoder.0". */
  readonly path: string;
  /** The layer and its arguments: "Linear(784, 128)". */
  readonly layer: string;
  /** For one sample: without the batch axis. */
  readonly outputShape: readonly number[];
  readonly parameters: number;
  /** Floating-point operations of one sample's forward pass. */
  readonly flops: number;
}

export type TrainingEvent =
  | ({ readonly event: "adapter" } & DeviceDescription)
  | {
      readonly event: "data";
      readonly name: string;
      readonly trainCount: number;
      readonly testCount: number;
      /** Of one image: [channels, height, width]. */
      readonly shape: readonly number[];
    }
  | {
      readonly event: "graph";
      readonly name: string;
      readonly nodes: number;
      /** Those that the training sees. */
      readonly trainEdges: number;
      /** Those that were taken out, to be found again. */
      readonly testEdges: number;
    }
  | {
      readonly event: "summary";
      readonly rows: readonly SummaryRow[];
      readonly parameters: number;
      readonly flops: number;
    }
  | {
      readonly event: "step";
      /** The epoch this step belongs to, from 1. */
      readonly epoch: number;
      readonly epochs: number;
      /** The step within its epoch, from 1. */
      readonly step: number;
      /** Steps an epoch. */
      readonly steps: number;
      readonly loss: number;
      readonly samplesPerSecond: number;
      /** Until the last epoch ends. */
      readonly secondsLeft: number;
    }
  | {
      readonly event: "epoch";
      readonly epoch: number;
      readonly epochs: number;
      /** The mean over the epoch's samples. */
      readonly trainLoss: number;
      readonly test: TestMetrics;
      readonly seconds: number;
    }
  | { readonly event: "saved"; readonly path: string }
  | { readonly event: "note"; readonly message: string }
  | {
      readonly event: "interrupted";
      /** The last step that was finished. */
      readonly epoch: number;
      readonly epochs: number;
      readonly step: number;
      readonly steps: number;
    }
  | {
      readonly event: "end";
      readonly seconds: number;
      readonly test: TestMetrics;
      /** Where the results are, if the command writes any. */
      readonly folder?: string;
    };

export type StepEvent = Extract<TrainingEvent, { event: "step" }>;
