import type { ByteSink } from './tar-sink.ts';

/** A sink whose bytes somebody reads as a stream, no faster written than read. */
export class ByteChannel implements ByteSink {
  #waiting: { readonly bytes: Uint8Array; readonly taken: () => void } | undefined;
  #end: { readonly error?: unknown } | undefined;
  #wakeReader: () => void = () => {};
  /** Of a reader that has left: nothing is waited for any more. */
  readonly #left = Promise.withResolvers<void>();
  #isLeft = false;

  async write(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0 || this.#isLeft) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting = { bytes, taken: resolve };
    this.#wakeReader();
    await Promise.race([promise, this.#left.promise]);
  }

  async commit(): Promise<void> {
    this.#finish({});
  }

  async abort(error: unknown = new Error('the archive was given up')): Promise<void> {
    this.#finish({ error });
  }

  /** What is written, once; a stream that ends without an error is whole. */
  async *read(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (;;) {
        if (this.#waiting !== undefined) {
          const { bytes, taken } = this.#waiting;
          this.#waiting = undefined;
          yield bytes;
          taken();
        } else if (this.#end !== undefined) {
          if ('error' in this.#end) throw this.#end.error;
          return;
        } else {
          await new Promise<void>((resolve) => {
            this.#wakeReader = resolve;
          });
        }
      }
    } finally {
      this.leave();
    }
  }

  /** Nobody will read, or read on: what is written from now on goes nowhere, and nothing waits. */
  leave(): void {
    this.#isLeft = true;
    this.#left.resolve();
  }

  #finish(end: { readonly error?: unknown }): void {
    this.#end ??= end;
    this.#wakeReader();
  }
}
