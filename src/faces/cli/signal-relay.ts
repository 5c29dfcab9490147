import { isErrorOfKind } from '../../model/error.ts';

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
/** Of these whoever waits for a start wants to wait no longer. */
const ENDING: ReadonlySet<number> = new Set([1, 2, 3, 15]);
const GIVE_UP_PAUSE_MS = 100;
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
  #onEnding: (() => void) | undefined;

  constructor() {
    this.#handlers = FORWARDED.map(([name, number]) => [name, () => this.#take(number)] as const);
    for (const [name, handler] of this.#handlers) process.on(name, handler);
  }

  /** The first of the signals that have come before there was a process, and that are to end one. */
  get endedBy(): number | undefined {
    return this.#held.find((signal) => ENDING.has(signal));
  }

  /** Is called when the first such signal comes. */
  onEnding(listener: () => void): void {
    this.#onEnding = listener;
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
    const isFirst = this.endedBy === undefined && ENDING.has(signal);
    this.#held.push(signal);
    if (isFirst) this.#onEnding?.();
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
 * @param giveUp ends a start that lasts: it is called when a signal comes that is to end a process, until that start has an
 *   end. One that fails as `cancelled` then ends us, too, as the signal does to any program
 * @returns what `start` does, and the relay, which the caller stops
 */
export async function startRelayed<Result>(
  start: () => Promise<Result>,
  giveUp?: () => Promise<void>,
): Promise<{ readonly started: Result; readonly relay: SignalRelay }> {
  const relay = new SignalRelay();
  const over = new AbortController();
  if (giveUp !== undefined) relay.onEnding(() => void insist(giveUp, over.signal));
  try {
    return { started: await start(), relay };
  } catch (error) {
    relay.stop();
    const { endedBy } = relay;
    const isGivenUp = giveUp !== undefined && endedBy !== undefined && isErrorOfKind(error, 'cancelled');
    if (isGivenUp) process.kill(process.pid, endedBy);
    throw error;
  } finally {
    over.abort();
  }
}

/** The other side may not have begun with it yet. */
async function insist(giveUp: () => Promise<void>, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    await giveUp().catch(() => {}); // why it lasts, its own end will tell
    await new Promise((resolve) => setTimeout(resolve, GIVE_UP_PAUSE_MS));
  }
}
