/** For work that is asked for faster than it is done: one at a time, and of those that wait only the last. */
export function latestOnly<Input>(work: (input: Input) => Promise<void>): (input: Input) => void {
  let waiting: { readonly input: Input } | undefined;
  let isBusy = false;
  async function drain(): Promise<void> {
    isBusy = true;
    try {
      while (waiting) {
        const { input } = waiting;
        waiting = undefined;
        await work(input);
      }
    } finally {
      isBusy = false;
    }
  }
  return (input) => {
    waiting = { input };
    if (!isBusy) void drain();
  };
}
