import { engineErrors } from './errors.ts';
import type { EngineEvent } from './facade.ts';

/** Events that may wait for one reader before it is cut. */
export const MAX_WAITING_EVENTS = 1024;

interface Reader {
  readonly waiting: EngineEvent[];
  wake: () => void;
  cut: boolean;
}

/** Hands every event to every reader; a reader that lags is cut, nobody else waits for it. */
export class Events {
  readonly #readers = new Set<Reader>();
  #closed = false;

  emit(event: EngineEvent): void {
    for (const reader of this.#readers) {
      if (reader.waiting.length >= MAX_WAITING_EVENTS) reader.cut = true;
      else reader.waiting.push(event);
      reader.wake();
    }
  }

  /**
   * Events from this call on, until the signal aborts or the engine closes.
   *
   * @throws {EngineError} `engine.lagged` (resource-exhausted) out of the iteration, once the reader lags
   */
  subscribe(signal: AbortSignal): AsyncIterable<EngineEvent> {
    const reader: Reader = { waiting: [], wake: () => {}, cut: false };
    this.#readers.add(reader);
    const stop = (): void => {
      this.#readers.delete(reader);
      reader.wake();
    };
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    return this.#read(reader, stop);
  }

  close(): void {
    this.#closed = true;
    for (const reader of this.#readers) reader.wake();
    this.#readers.clear();
  }

  async *#read(reader: Reader, stop: () => void): AsyncGenerator<EngineEvent> {
    try {
      while (true) {
        const event = reader.waiting.shift();
        if (event !== undefined) {
          yield event;
          continue;
        }
        if (reader.cut) throw engineErrors.lagged({ waiting: MAX_WAITING_EVENTS });
        if (this.#closed || !this.#readers.has(reader)) return;
        await new Promise<void>((resolve) => {
          reader.wake = resolve;
        });
      }
    } finally {
      stop();
    }
  }
}
