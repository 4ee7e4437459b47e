/**
 * One at a time: a step of training, an evaluation and an answer to the page all use the same model, and none may see
 * it half changed by another. Whoever asks first is first.
 */
export type Turns = <T>(work: () => T | Promise<T>) => Promise<T>;

export function makeTurns(): Turns {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const turn = last.then(work);
    last = turn.catch(() => {});
    return turn;
  };
}
