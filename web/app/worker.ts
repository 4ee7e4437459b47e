/** The page's side of the conversation with the worker. */
import type { Happening, Message, Notice, RequestName, Requests } from "../protocol.ts";

/** The worker said no, in words for a person. */
export class Refusal extends Error {
  constructor(readonly notice: Notice) {
    super(notice.text);
  }
}

/** There is no worker to answer. */
export class WorkerFailure extends Refusal {}

interface Waiting {
  resolve(answer: unknown): void;
  reject(refusal: Refusal): void;
}

const worker = new Worker(new URL("../worker/main.ts", import.meta.url), { type: "module" });
const waiting = new Map<number, Waiting>();
const listeners = new Set<(happening: Happening) => void>();
let lastId = 0;

worker.addEventListener("message", ({ data: message }: MessageEvent<Message>) => {
  if (message.event === "answer") {
    waiting.get(message.id)?.resolve(message.answer);
    waiting.delete(message.id);
  } else if (message.event === "refusal") {
    waiting.get(message.id)?.reject(new Refusal(message.notice));
    waiting.delete(message.id);
  } else {
    for (const listener of listeners) listener(message);
  }
});

/** A script that is not there, or that this browser does not read: nothing will ever be answered. */
worker.addEventListener("error", (event) => {
  event.preventDefault();
  const notice: Notice = {
    kind: "error",
    text: `The page’s worker failed: ${event.message || "its script could not be loaded"}`,
    help: "Reload the page. What was trained is as it was at the last automatic save.",
  };
  for (const listener of listeners) listener({ event: "notice", notice });
  for (const { reject } of waiting.values()) reject(new WorkerFailure(notice));
  waiting.clear();
});

/** @returns stops listening */
export function listen(listener: (happening: Happening) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Rejects with a `Refusal`. */
export function ask<Name extends RequestName>(
  name: Name,
  ...inputs: Parameters<Requests[Name]>
): Promise<ReturnType<Requests[Name]>> {
  const id = ++lastId;
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve: resolve as Waiting["resolve"], reject });
    worker.postMessage({ id, name, inputs });
  });
}
