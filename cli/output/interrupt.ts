/**
 * Ctrl-C, politely: the first one asks the training loop to stop after the step it is at and to save, a second
 * one ends the process at once. The same holds for SIGTERM (a job scheduler's goodbye), for SIGHUP (the terminal
 * was closed) and for an output that nobody reads any longer (`wgrad train … | head`).
 */
export interface Interrupt {
  /** Aborted at the first signal; its reason is the signal's name. */
  readonly signal: AbortSignal;
  /** 128 + the signal's number, as shells have it: 130 after Ctrl-C. 0 as long as there was none. */
  readonly exitCode: number;
  /** Gives the signals back to Node; an output that nobody reads still does not end the process. */
  stopListening(): void;
}

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** As POSIX numbers them. */
const numbers = { SIGHUP: 1, SIGINT: 2, SIGPIPE: 13, SIGTERM: 15 };

/** npm and other launchers pass Ctrl-C on to a process that has had it from the terminal already. */
const millisecondsOfOnePress = 500;

/** Listens until `stopListening`; the process's own end at a signal is off meanwhile. */
export function listenForInterrupt(): Interrupt {
  const controller = new AbortController();
  let exitCode = 0;
  let firstPress = 0;

  const stop = (name: keyof typeof numbers) => {
    if (exitCode === 0) {
      exitCode = 128 + numbers[name];
      firstPress = performance.now();
      controller.abort(name);
    } else if (performance.now() - firstPress > millisecondsOfOnePress) {
      process.exit(128 + numbers[name]);
    }
  };
  // An error of the output comes again with every further line: it asks to stop, and never ends the process.
  const stopUnread = () => {
    if (exitCode === 0) stop("SIGPIPE");
  };

  const listener = (name: NodeJS.Signals) => stop(name as keyof typeof numbers);
  for (const name of signals) process.on(name, listener);
  for (const stream of [process.stdout, process.stderr]) stream.on("error", stopUnread);
  return {
    signal: controller.signal,
    get exitCode() {
      return exitCode;
    },
    stopListening() {
      for (const name of signals) process.off(name, listener);
    },
  };
}
