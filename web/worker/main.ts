/** The worker's door: every question of the page is answered or refused, and what happens is told. */
import { AdapterError, DeviceLostError } from "../../engine/errors.ts";
import type { Message, Question, RequestName, Requests } from "../protocol.ts";
import { openAdapter, turns } from "./bench.ts";
import { addData, fetchData, preview, storedData } from "./data.ts";
import * as inspect from "./inspect.ts";
import * as lab from "./lab.ts";
import { checkMachine, stopChecks } from "./machine.ts";
import { modelOffers } from "./models.ts";
import { noticeOf } from "./notice.ts";
import { beTab } from "./storage.ts";

type Answers = {
  [Name in RequestName]: (
    ...inputs: Parameters<Requests[Name]>
  ) => ReturnType<Requests[Name]> | Promise<ReturnType<Requests[Name]>>;
};

const say = (message: Message) => postMessage(message);
lab.listen(say);

const answers: Answers = {
  open: async (pageHasWebGpu) => {
    if (pageHasWebGpu && !navigator.gpu) {
      throw new AdapterError(
        "this browser has WebGPU in pages, but not in workers, where this page computes",
        "update the browser, or use another one",
      );
    }
    const { adapter } = await openAdapter();
    void lab.watchDevice();
    return { adapter, models: modelOffers(), stored: await storedData() };
  },
  beTab: async (tab) => {
    await beTab(tab);
    return lab.restore();
  },
  restore: lab.restore,
  start: lab.start,
  pause: lab.pause,
  goOn: lab.goOn,
  stop: lab.stop,
  setLearningRate: lab.setLearningRate,
  checkpoint: lab.checkpoint,
  openCheckpoint: lab.openCheckpoint,
  addData,
  fetchData,
  preview,
  testImages: inspect.testImages,
  read: (image) => turns(() => inspect.read(image)),
  filters: () => turns(inspect.filters),
  activations: (image) => turns(() => inspect.activations(image)),
  codeMap: () => turns(inspect.codeMap),
  encode: (image) => turns(() => inspect.encode(image)),
  decode: (codes) => turns(() => inspect.decode(codes)),
  confusion: () => turns(inspect.confusion),
  confused: inspect.confused,
  checkMachine: (everything) => checkMachine(everything, say),
  stopChecks,
  destroyDevice: lab.destroyDevice,
};

async function reply({ id, name, inputs }: Question): Promise<void> {
  const answer = answers[name] as (...inputs: readonly unknown[]) => unknown;
  try {
    await lab.recovered();
    say({ event: "answer", id, answer: await retried(name, () => answer(...inputs)) });
  } catch (error) {
    say({ event: "refusal", id, notice: noticeOf(error) });
    if (error instanceof DeviceLostError) void lab.recover();
  }
}

/** What a lost device broke off is done once more on the next one; but for checks, of which a part was told. */
async function retried(name: RequestName, work: () => unknown): Promise<unknown> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof DeviceLostError) || name === "checkMachine") throw error;
    await lab.recover();
    return work();
  }
}

addEventListener("message", ({ data }: MessageEvent<Question>) => void reply(data));
