import type { Digest } from '../../model/digest.ts';
import type { BuiltImage } from '../built-image.fixture.ts';
import type { Descriptor } from '../manifest.ts';
import type { ImageSource } from '../source.ts';

const CHUNK_BYTES = 10_000;

/** A source in memory that tells what it has sent, and breaks off, waits or lies where a test says so. */
export class MemorySource {
  /** Bytes of layers that were sent, by digest. */
  readonly sent = new Map<string, number>();
  /** Where each reading of a layer began, in order. */
  readonly began: { readonly digest: Digest; readonly startByte: number }[] = [];
  /** Called before each chunk; what it throws breaks the transfer off. */
  before: (digest: Digest, atByte: number, signal: AbortSignal) => Promise<void> | void = () => {};
  readonly #image: BuiltImage;

  constructor(image: BuiltImage) {
    this.#image = image;
  }

  open(): ImageSource {
    const { manifest } = this.#image;
    const root = async () => ({ mediaType: manifest.mediaType, bytes: manifest.bytes });
    return {
      name: 'memory',
      pinned: undefined,
      root,
      manifest: root,
      blob: (descriptor, signal, startByte = 0) => this.#blob(descriptor, signal, startByte),
      close: () => {},
    };
  }

  sentOf(digest: Digest | undefined): number {
    return this.sent.get(digest ?? '') ?? 0;
  }

  async *#blob({ digest }: Descriptor, signal: AbortSignal, startByte: number): AsyncGenerator<Uint8Array> {
    const { config, layers } = this.#image;
    if (digest === config.digest) {
      yield config.bytes;
      return;
    }
    const bytes = layers.find((layer) => layer.digest === digest)?.bytes ?? Buffer.alloc(0);
    this.began.push({ digest, startByte });
    for (let at = startByte; at < bytes.length; at += CHUNK_BYTES) {
      await this.before(digest, at, signal);
      const chunk = bytes.subarray(at, at + CHUNK_BYTES);
      this.sent.set(digest, this.sentOf(digest) + chunk.length);
      yield chunk;
    }
  }
}
