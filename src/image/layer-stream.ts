import { createHash } from 'node:crypto';
import type { Digest } from '../model/digest.ts';
import { defineErrors, EngineError } from '../model/error.ts';
import type { Descriptor } from './manifest.ts';

export const contentErrors = defineErrors('image-content', {
  wrongDigest: {
    kind: 'data-loss',
    message: (d: { what: string; expected: string; actual: string }) =>
      `${d.what} should have digest ${d.expected}, but what came has ${d.actual}`,
    remedy: () => 'pull again; if it happens again, the registry or something on the way to it changes what it sends',
  },
  truncated: {
    kind: 'data-loss',
    message: (d: { what: string; digest: string; expectedBytes: number; actualBytes: number }) =>
      `${d.what} ended after ${d.actualBytes} of ${d.expectedBytes} bytes`,
    remedy: () => 'pull again',
  },
  tooLong: {
    kind: 'data-loss',
    message: (d: { what: string; digest: string; expectedBytes: number }) =>
      `${d.what} is longer than the ${d.expectedBytes} bytes it should have`,
  },
  tooLarge: {
    kind: 'resource-exhausted',
    message: (d: { what: string; sizeBytes: number; limitBytes: number }) =>
      `${d.what} has ${d.sizeBytes} bytes, more than the ${d.limitBytes} that are supported`,
  },
});

/** Whether what came of a blob is other bytes than those that it has, or more of them. */
export function isWrongContent(error: unknown): error is EngineError {
  return error instanceof EngineError && ['image-content.wrongDigest', 'image-content.tooLong'].includes(error.code);
}

/** Whether what came of a blob ended too early. */
export function isTruncated(error: unknown): error is EngineError {
  return error instanceof EngineError && error.code === 'image-content.truncated';
}

/**
 * Passes a blob on and checks it: size while it flows, digest before its last bytes, so that nobody has all of one that is wrong.
 *
 * @param what names the blob in errors
 * @throws {EngineError} `image-content.truncated`, `.tooLong`, `.wrongDigest` (data-loss)
 */
export async function* verified(
  source: AsyncIterable<Uint8Array>,
  descriptor: Descriptor,
  what: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = createHash('sha256');
  const { digest, sizeBytes: expectedBytes } = descriptor;
  const check = (): void => {
    const actual = `sha256:${hash.copy().digest('hex')}`;
    if (actual !== digest) throw contentErrors.wrongDigest({ what, expected: digest, actual });
  };
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    if (bytes > expectedBytes) throw contentErrors.tooLong({ what, digest, expectedBytes });
    hash.update(chunk);
    if (bytes === expectedBytes) check();
    yield chunk;
  }
  if (bytes < expectedBytes) throw contentErrors.truncated({ what, digest, expectedBytes, actualBytes: bytes });
  if (bytes === 0) check();
}

/** All of a small blob, verified. @throws {EngineError} as {@link verified}, and `image-content.tooLarge` */
export async function readVerified(
  source: AsyncIterable<Uint8Array>,
  descriptor: Descriptor,
  bound: { readonly what: string; readonly limitBytes: number },
): Promise<Uint8Array> {
  const { what, limitBytes } = bound;
  if (descriptor.sizeBytes > limitBytes) {
    throw contentErrors.tooLarge({ what, sizeBytes: descriptor.sizeBytes, limitBytes });
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of verified(source, descriptor, what)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/**
 * A stream that hashes what passes; `digest` is of all that has passed, and `paddedDigest` of that with as many zeros behind it as make
 * whole records of so many bytes.
 */
export function hashing(source: AsyncIterable<Uint8Array>): {
  readonly stream: AsyncIterable<Uint8Array>;
  digest(): Digest;
  paddedDigest(recordBytes: number): Digest;
} {
  const hash = createHash('sha256');
  let bytes = 0;
  async function* pass(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of source) {
      hash.update(chunk);
      bytes += chunk.length;
      yield chunk;
    }
  }
  const digestOf = (padding: Uint8Array): Digest => `sha256:${hash.copy().update(padding).digest('hex')}` as Digest;
  return {
    stream: pass(),
    digest: () => digestOf(new Uint8Array(0)),
    paddedDigest: (recordBytes) => digestOf(new Uint8Array((recordBytes - (bytes % recordBytes)) % recordBytes)),
  };
}
