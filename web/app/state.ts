/** All that the page knows, as signals; the worker's messages and the person's choices change them. */
import { batch, effect, signal } from "@preact/signals";
import type { AdapterDescription } from "../../engine/gpu/adapter.ts";
import type {
  Choice,
  DataName,
  EpochFigures,
  Happening,
  History,
  LivePicture,
  Notice,
  RequestName,
  Requests,
  Status,
} from "../protocol.ts";
import { codeSizeOf, offers, readChoice, writeChoice } from "./choice.ts";
import { LossCurve } from "./lossCurve.ts";
import { ownTab } from "./tab.ts";
import { ask, listen, Refusal, WorkerFailure } from "./worker.ts";

export const views = ["train", "inside", "draw", "machine"] as const;
export type View = (typeof views)[number];

const query = new URLSearchParams(location.search);

export const view = signal<View>(views.find((name) => name === query.get("view")) ?? "train");
/** What the next training is begun with. */
export const choice = signal<Choice>(readChoice(query));
/** "opening" until the worker has found an adapter or has said why not; "failed" where there is no worker. */
export const machine = signal<"opening" | "failed" | AdapterDescription | { readonly missing: Notice }>(
  "opening",
);
export const stored = signal<readonly DataName[]>(["digits"]);
export const status = signal<Status>({ phase: "none", stepsDone: 0, steps: 0, stepsAnEpoch: 0 });
export const speed = signal<{ readonly imagesPerSecond: number; readonly bytes: number } | undefined>(
  undefined,
);
export const epochs = signal<readonly EpochFigures[]>([]);
export const pictures = signal<readonly LivePicture[]>([]);
export const saved = signal<{ readonly stepsDone: number; readonly at: number } | undefined>(undefined);
export const notices = signal<readonly Notice[]>([]);
/** Kernels that the first step of a training waits for. */
export const compiling = signal<number | undefined>(undefined);
/** The latest loss; the curve grows with it. */
export const loss = signal<number | undefined>(undefined);
export const dark = signal(matchMedia("(prefers-color-scheme: dark)").matches);

/** Whether there is little room beside each other. */
export const narrow = signal(matchMedia("(max-width: 40rem)").matches);

export const curve = new LossCurve();

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", ({ matches }) => {
  dark.value = matches;
});

matchMedia("(max-width: 40rem)").addEventListener("change", ({ matches }) => {
  narrow.value = matches;
});

export function change(changes: Partial<Choice>): void {
  choice.value = { ...choice.value, ...changes };
}

/** What the training at hand has otherwise than it is chosen now, by name; it goes on only where that is nothing. */
export function differences(running: Choice): Partial<Choice & { readonly codeSize: number | undefined }> {
  const { model, data, epochs, batchSize } = choice.value;
  const codeSize = codeSizeOf(running);
  return {
    ...(running.model !== model && { model: running.model }),
    ...(running.data !== data && { data: running.data }),
    ...(running.epochs !== epochs && { epochs: running.epochs }),
    ...(running.batchSize !== batchSize && { batchSize: running.batchSize }),
    ...(codeSize !== codeSizeOf(choice.value) && { codeSize }),
  };
}

/** Whether what is chosen is what the training at hand trains, so that going on goes on with that. */
export function goesOn(): boolean {
  const { choice: running } = status.value;
  return running !== undefined && Object.keys(differences(running)).length === 0;
}

/** What stands in the address is what was chosen. */
effect(() => {
  if (machine.value === "opening") return;
  const written = new URLSearchParams([
    ...(view.value === "train" ? [] : [["view", view.value]]),
    ...writeChoice(choice.value),
  ]);
  history.replaceState(history.state, "", `?${written}`);
});

addEventListener("popstate", () => {
  const query = new URLSearchParams(location.search);
  view.value = views.find((name) => name === query.get("view")) ?? "train";
});

/** Another view, to which the browser's "back" leads from the next one. */
export function goTo(next: View): void {
  if (next === view.value) return;
  history.pushState(null, "", location.href);
  view.value = next;
  notices.value = notices.value.filter(({ kind }) => kind === "information");
  scrollTo(0, 0);
}

/** Asks the worker; a refusal is shown, and the answer is undefined then. */
export async function request<Name extends RequestName>(
  name: Name,
  ...inputs: Parameters<Requests[Name]>
): Promise<ReturnType<Requests[Name]> | undefined> {
  try {
    return await ask(name, ...inputs);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    show(error.notice);
    return undefined;
  }
}

export function show(notice: Notice): void {
  notices.value = [...notices.value.filter(({ text }) => text !== notice.text), notice].slice(-3);
}

export function dismiss(notice: Notice): void {
  notices.value = notices.value.filter((other) => other !== notice);
}

function takeHistory(history: History): void {
  batch(() => {
    curve.replace(history);
    epochs.value = history.epochs;
    pictures.value = [];
    loss.value = history.losses.at(-1);
    saved.value = undefined;
    speed.value = undefined;
  });
}

function happened(happening: Happening): void {
  batch(() => {
    switch (happening.event) {
      case "status":
        status.value = happening.status;
        if (happening.status.phase !== "training") compiling.value = undefined;
        break;
      case "losses":
        curve.add(happening.first, happening.losses);
        loss.value = happening.losses.at(-1);
        compiling.value = undefined;
        break;
      case "history":
        takeHistory(happening.history);
        break;
      case "speed":
        speed.value = happening;
        break;
      case "epoch":
        epochs.value = [...epochs.value, happening.figures];
        break;
      case "pictures":
        pictures.value = happening.pictures;
        break;
      case "compiled":
        compiling.value = happening.kernels;
        break;
      case "saved":
        saved.value = happening;
        break;
      case "notice":
        show(happening.notice);
        break;
    }
  });
}

/** Finds the adapter, and brings back what was trained last. */
export async function begin(): Promise<void> {
  listen(happened);
  let tab: string;
  try {
    const { adapter, models, stored: present } = await ask("open", navigator.gpu !== undefined);
    tab = await ownTab();
    for (const model of models) offers.set(model.name, model);
    batch(() => {
      [stored.value, choice.value, machine.value] = [present, readChoice(query), adapter];
    });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    machine.value = error instanceof WorkerFailure ? "failed" : { missing: error.notice };
    return;
  }
  if (!(await request("beTab", tab))) return;
  const { choice: last } = status.value;
  if (last && !query.has("model")) choice.value = last;
}
