/** A training that somebody else drives step by step, can change on its way, and can write down at any moment. */
import type { DatasetSplits } from "../../data/dataset.ts";
import {
  encodeCheckpoint,
  type StoredCheckpoint,
  type TrainingDescription,
} from "../../models/checkpoint.ts";
import type { ImageModelAtWork, Trainer } from "../../models/kinds/kind.ts";
import { type ImageBatch, type Step, train } from "../../models/training.ts";

export interface Training {
  readonly stepsAnEpoch: number;
  readonly steps: number;
  readonly stepsDone: number;
  readonly description: TrainingDescription;
  /** Gives the device one step. @returns losses that are known since the last call, and how many images went in */
  step(): Promise<{ readonly losses: readonly number[]; readonly images: number }>;
  /** The losses that are still to come. */
  settle(): Promise<readonly number[]>;
  /** From the next step on. What the optimiser remembers stays. */
  setLearningRate(rate: number): Promise<void>;
  /** Gives back what the steps hold on the device. */
  close(): Promise<void>;
  /** The file's bytes; nothing may train meanwhile. */
  encode(): Promise<Uint8Array>;
}

/** Losses are read in lots, as often as a person can follow. */
const millisecondsBetweenReads = 80;

/**
 * @param checkpoint where it goes on
 * @throws ArgumentError for a recipe that does not fit the data; DataError for a checkpoint of another model
 */
export function openTraining(
  atWork: ImageModelAtWork,
  data: DatasetSplits,
  begun: TrainingDescription,
  checkpoint?: StoredCheckpoint,
): Training {
  const { model } = atWork;
  const source = atWork.batches(data, begun.recipe, begun.seed);
  const steps = begun.recipe.epochs * source.steps;
  let description = begun;
  let trainer = atWork.trainer(begun.recipe, steps);
  checkpoint?.restore({ model, optimizers: trainer.optimizers });
  let stepsDone = checkpoint?.stepsDone ?? 0;
  let following = takeSteps();
  /** Steps whose losses nobody has begun to read. */
  let given: Step[] = [];
  let reading: Promise<readonly number[]> = Promise.resolve([]);
  let lastRead = performance.now();

  async function* takeSteps(): AsyncGenerator<Step> {
    const { update } = trainer;
    for await (const epoch of train({ source, epochs: begun.recipe.epochs, update, stepsDone })) yield* epoch;
  }

  /** Begins to read the steps' losses that are given by now; returns those of the lot before. */
  function readNext(): Promise<readonly number[]> {
    const before = reading;
    reading = Promise.all(given.map(({ losses }) => losses.loss.item()));
    reading.catch(() => {}); // whoever takes this lot gets the error
    given = [];
    lastRead = performance.now();
    return before;
  }

  return {
    stepsAnEpoch: source.steps,
    steps,
    get stepsDone() {
      return stepsDone;
    },
    get description() {
      return description;
    },
    async step() {
      const { value, done } = await following.next();
      if (done) return { losses: [], images: 0 };
      stepsDone++;
      given.push(value);
      const isTime = performance.now() - lastRead > millisecondsBetweenReads;
      return { losses: isTime ? await readNext() : [], images: value.samples };
    },
    async settle() {
      return [...(await readNext()), ...(await readNext())];
    },
    async setLearningRate(learningRate) {
      await following.return(undefined);
      const recipe = { ...description.recipe, learningRate };
      const changed = atWork.trainer(recipe, steps);
      handOver(trainer, changed);
      trainer = changed;
      description = { ...description, recipe };
      following = takeSteps();
    },
    async close() {
      await following.return(undefined);
    },
    encode: () => encodeCheckpoint({ model, optimizers: trainer.optimizers, stepsDone }, description),
  };
}

/** What the optimisers remember. */
function handOver(from: Trainer<ImageBatch>, to: Trainer<ImageBatch>): void {
  for (const [name, optimizer] of Object.entries(to.optimizers))
    optimizer.loadStateDict(from.optimizers[name].stateDict());
}
