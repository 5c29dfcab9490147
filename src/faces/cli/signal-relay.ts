/** Signals that a foreground command passes on, with their numbers (signal(7), the same on every architecture we serve). */
const FORWARDED: readonly (readonly [NodeJS.Signals, number])[] = [
  ['SIGHUP', 1],
  ['SIGINT', 2],
  ['SIGQUIT', 3],
  ['SIGUSR1', 10],
  ['SIGUSR2', 12],
  ['SIGTERM', 15],
];
const SIGINT = 2;
const SIGKILL = 9;
/** A first process without a handler ignores SIGINT; somebody who insists means it. So does who waits for a start in vain. */
const INSISTING = 3;

/**
 * Passes signals that we get on to a process. It listens before the process is there, for one that ended only us in the
 * midst of a launch would leave a container that nobody watches.
 */
export class SignalRelay {
  readonly #handlers: readonly (readonly [NodeJS.Signals, () => void])[];
  readonly #held: number[] = [];
  #target: ((signal: number) => Promise<void>) | undefined;
  #interrupts = 0;

  constructor() {
    this.#handlers = FORWARDED.map(([name, number]) => [name, () => this.#take(number)] as const);
    for (const [name, handler] of this.#handlers) process.on(name, handler);
  }

  /** From now on signals go there, first those that have come already. */
  to(target: (signal: number) => Promise<void>): void {
    this.#target = target;
    for (const signal of this.#held.splice(0)) this.#send(signal);
  }

  /** Signals do again what they do to any program. */
  stop(): void {
    for (const [name, handler] of this.#handlers) process.removeListener(name, handler);
  }

  #take(signal: number): void {
    if (signal === SIGINT) this.#interrupts += 1;
    if (this.#target !== undefined) {
      this.#send(signal === SIGINT && this.#interrupts >= INSISTING ? SIGKILL : signal);
      return;
    }
    this.#held.push(signal);
    if (this.#held.length < INSISTING) return;
    this.stop();
    process.kill(process.pid, signal);
  }

  #send(signal: number): void {
    // A process that has just ended cannot be signalled, and its end is what we wait for.
    this.#target?.(signal).catch(() => {});
  }
}

/**
 * Starts a process with signals held back until it is there.
 *
 * @returns what `start` does, and the relay, which the caller stops
 */
export async function startRelayed<Result>(
  start: () => Promise<Result>,
): Promise<{ readonly started: Result; readonly relay: SignalRelay }> {
  const relay = new SignalRelay();
  try {
    return { started: await start(), relay };
  } catch (error) {
    relay.stop();
    throw error;
  }
}
