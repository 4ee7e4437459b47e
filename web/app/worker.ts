/** The page's side of the conversation with the worker. */
import type { Happening, Message, Notice, RequestName, Requests } from "../protocol.ts";

/** The worker said no, in words for a person. */
export class Refusal extends Error {
  constructor(readonly notice: Notice) {
    super(notice.text);
  }
}

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
