/**
 * Ctrl-C, politely: the first one asks the training loop to stop after the step it is at and to save, a second
 * one ends the process at once. The same holds for SIGTERM (a job scheduler's goodbye) and for SIGHUP (the terminal
 * was closed); an output that failed (see lostOutput.ts) asks once, too.
 */
export interface Interrupt {
  /** Aborted when first asked to stop; its reason is the signal's name, or what `askToStop` was given. */
  readonly signal: AbortSignal;
  /** 128 + the signal's number, as shells have it: 130 after Ctrl-C. 0 until asked to stop. */
  readonly exitCode: number;
  /** Gives the signals back to Node. */
  stopListening(): void;
}

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** As POSIX numbers them. */
const numbers = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 };

/** npm and other launchers pass Ctrl-C on to a process that has had it from the terminal already. */
const millisecondsOfOnePress = 500;

let listening: ((reason: string, code: number) => void) | undefined;

/** Asks the command that listens, if one does, to stop as the first Ctrl-C does; it ends nothing by itself. */
export function askToStop(reason: string, code: number): void {
  listening?.(reason, code);
}

/** Listens until `stopListening`; the process's own end at a signal is off meanwhile. */
export function listenForInterrupt(): Interrupt {
  const controller = new AbortController();
  let exitCode = 0;
  let firstPress = 0;

  const stop = (reason: string, code: number) => {
    if (exitCode !== 0) return;
    exitCode = code;
    firstPress = performance.now();
    controller.abort(reason);
  };
  const listener = (name: NodeJS.Signals) => {
    const code = 128 + numbers[name as keyof typeof numbers];
    if (exitCode !== 0 && performance.now() - firstPress > millisecondsOfOnePress) process.exit(code);
    stop(name, code);
  };
  listening = stop;
  for (const name of signals) process.on(name, listener);
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
