import type { FileWriter } from '../../base/effects.ts';
import { defineErrors } from '../../model/error.ts';
import { tarHeader } from '../embedded/tar-writer.ts';
import { paddedBytes, TAR_BLOCK_BYTES } from './tar-header.ts';

export const tarSinkErrors = defineErrors('tar-sink', {
  wrongSize: {
    kind: 'data-loss',
    message: (d: { path: string; expectedBytes: number; actualBytes: number }) =>
      `${d.path} should have ${d.expectedBytes} bytes, and ${d.actualBytes} came`,
  },
  broken: {
    kind: 'data-loss',
    message: () => 'an earlier file of the archive was not written to its end',
  },
});

/** Where the bytes of an archive go: a file, or whoever reads a stream. Resolves when there is room for more. */
export interface ByteSink {
  write(bytes: Uint8Array): Promise<void>;
  /** Makes what was written whole. */
  commit(): Promise<void>;
  /** Takes it away; after `commit` it does nothing. */
  abort(error?: unknown): Promise<void>;
}

/** An archive in a file, which appears at `path` when it is whole. */
export function fileSink(writer: FileWriter, path: string): ByteSink {
  return {
    write: (bytes) => writer.write(bytes),
    commit: () => writer.commit(path, 'synced'),
    abort: () => writer.abort(),
  };
}

/** Writes a tar file from its beginning to its end, one member at a time whoever asks. */
export class TarSink {
  readonly #sink: ByteSink;
  #last: Promise<unknown> = Promise.resolve();
  #isBroken = false;

  constructor(sink: ByteSink) {
    this.#sink = sink;
  }

  /** @throws {EngineError} `tar-sink.wrongSize`, and what `content` throws; the archive is broken then */
  addFile(path: string, sizeBytes: number, content: AsyncIterable<Uint8Array>): Promise<void> {
    return this.#inTurn(async () => {
      await this.#sink.write(tarHeader({ path, mode: 0o644, content: new Uint8Array(0) }, sizeBytes));
      let written = 0;
      for await (const chunk of content) {
        written += chunk.length;
        if (written > sizeBytes) break;
        await this.#sink.write(chunk);
      }
      if (written !== sizeBytes) {
        throw tarSinkErrors.wrongSize({ path, expectedBytes: sizeBytes, actualBytes: written });
      }
      await this.#sink.write(new Uint8Array(paddedBytes(sizeBytes) - sizeBytes));
    });
  }

  async addBytes(path: string, bytes: Uint8Array): Promise<void> {
    await this.addFile(path, bytes.length, only(bytes));
  }

  finish(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#sink.write(new Uint8Array(2 * TAR_BLOCK_BYTES));
      await this.#sink.commit();
    });
  }

  async abort(error?: unknown): Promise<void> {
    this.#isBroken = true;
    await this.#sink.abort(error);
  }

  async #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#last.then(async () => {
      if (this.#isBroken) throw tarSinkErrors.broken();
      try {
        await work();
      } catch (error) {
        this.#isBroken = true;
        throw error;
      }
    });
    this.#last = turn.catch(() => {});
    await turn;
  }
}

async function* only(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}
