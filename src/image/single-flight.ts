import { defineErrors } from '../model/error.ts';

export const flightErrors = defineErrors('pull', {
  cancelled: {
    kind: 'cancelled',
    message: (d: { what: string }) => `the pull of ${d.what} was cancelled`,
  },
});

interface Flight<Event, Result> {
  readonly abort: AbortController;
  readonly result: Promise<Result>;
  readonly listeners: Set<(event: Event) => void>;
  readonly past: Event[];
  passengers: number;
}

export interface Passenger<Event> {
  /** Names the operation in errors; default its key. */
  readonly what?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: ((event: Event) => void) | undefined;
}

/** Lets callers who want the same thing at the same time share one operation. */
export class SingleFlight<Event, Result> {
  readonly #flights = new Map<string, Flight<Event, Result>>();

  /**
   * Joins the operation under this key or starts it. It is aborted when the last caller who waits for it has aborted;
   * that caller's promise then settles only once the operation has cleaned up, or with its result if it came too late.
   *
   * @param start the operation; events that it reports go to everybody, the first `keep` also to who joins later
   * @throws {EngineError} `pull.cancelled` when the caller's signal aborts
   */
  async join(
    key: string,
    start: (signal: AbortSignal, report: (event: Event, keep: boolean) => void) => Promise<Result>,
    passenger: Passenger<Event>,
  ): Promise<Result> {
    const { what = key } = passenger;
    if (passenger.signal?.aborted === true) throw flightErrors.cancelled({ what });
    const present = this.#flights.get(key);
    if (present?.abort.signal.aborted === true) {
      await present.result.catch(() => {});
      return await this.join(key, start, passenger);
    }
    const flight = present ?? this.#begin(key, start);
    const { onEvent } = passenger;
    if (onEvent !== undefined) {
      for (const event of flight.past) onEvent(event);
      flight.listeners.add(onEvent);
    }
    flight.passengers++;
    try {
      return await untilAborted(flight, what, passenger.signal);
    } finally {
      if (onEvent !== undefined) flight.listeners.delete(onEvent);
    }
  }

  #begin(
    key: string,
    start: (signal: AbortSignal, report: (event: Event, keep: boolean) => void) => Promise<Result>,
  ): Flight<Event, Result> {
    const abort = new AbortController();
    const listeners = new Set<(event: Event) => void>();
    const past: Event[] = [];
    const report = (event: Event, keep: boolean): void => {
      if (keep) past.push(event);
      for (const listener of listeners) listener(event);
    };
    // Begins in a later turn, so that whoever starts it hears its first event.
    const result = Promise.resolve()
      .then(() => start(abort.signal, report))
      .finally(() => this.#flights.delete(key));
    result.catch(() => {});
    const flight = { abort, result, listeners, past, passengers: 0 };
    this.#flights.set(key, flight);
    return flight;
  }
}

async function untilAborted<Event, Result>(
  flight: Flight<Event, Result>,
  what: string,
  signal: AbortSignal | undefined,
): Promise<Result> {
  if (signal === undefined) return await flight.result;
  const aborted = Promise.withResolvers<'aborted'>();
  const onAbort = (): void => aborted.resolve('aborted');
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const first = await Promise.race([flight.result.then((value) => ({ value })), aborted.promise]);
    if (first !== 'aborted') return first.value;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
  flight.passengers--;
  if (flight.passengers === 0) {
    flight.abort.abort();
    const late = await flight.result.then(
      (value) => ({ value }),
      () => undefined,
    );
    // It was over before it heard of the abort: what it did stays done, and to say otherwise would mislead.
    if (late !== undefined) return late.value;
  }
  throw flightErrors.cancelled({ what });
}
