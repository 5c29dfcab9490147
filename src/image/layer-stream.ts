import { createHash } from 'node:crypto';
import { createGunzip, type Gunzip } from 'node:zlib';
import type { Digest } from '../model/digest.ts';
import { defineErrors, systemErrorCode } from '../model/error.ts';
import type { ImageLimits } from './limits.ts';
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
    message: (d: { what: string; expectedBytes: number; actualBytes: number }) =>
      `${d.what} ended after ${d.actualBytes} of ${d.expectedBytes} bytes`,
    remedy: () => 'pull again',
  },
  tooLong: {
    kind: 'data-loss',
    message: (d: { what: string; expectedBytes: number }) =>
      `${d.what} is longer than the ${d.expectedBytes} bytes it should have`,
  },
  notGzip: {
    kind: 'data-loss',
    message: (d: { what: string; reason: string }) => `${d.what} is not valid gzip: ${d.reason}`,
  },
  inflatesTooMuch: {
    kind: 'resource-exhausted',
    message: (d: { what: string; compressedBytes: number; inflatedBytes: number; ratio: number }) =>
      `${d.what} has ${d.compressedBytes} bytes and unpacks to more than ${d.inflatedBytes}, over ${d.ratio} times as many`,
    remedy: () => 'do not use this image: only an archive made to fill disks compresses so well',
  },
  tooLarge: {
    kind: 'resource-exhausted',
    message: (d: { what: string; sizeBytes: number; limitBytes: number }) =>
      `${d.what} has ${d.sizeBytes} bytes, more than the ${d.limitBytes} that are supported`,
  },
});

const INFLATE_CHUNK_BYTES = 256 * 1024;

/**
 * Passes a blob on and checks it: size while it flows, digest at its end.
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
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    if (bytes > descriptor.sizeBytes) throw contentErrors.tooLong({ what, expectedBytes: descriptor.sizeBytes });
    hash.update(chunk);
    yield chunk;
  }
  if (bytes < descriptor.sizeBytes) {
    throw contentErrors.truncated({ what, expectedBytes: descriptor.sizeBytes, actualBytes: bytes });
  }
  const actual = `sha256:${hash.digest('hex')}`;
  if (actual !== descriptor.digest) throw contentErrors.wrongDigest({ what, expected: descriptor.digest, actual });
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
 * Gunzips a stream, several members in a row included. When the data is not gzip, the source is read to its end first:
 * if its digest is wrong too, that is the error, for it is the cause.
 *
 * @throws {EngineError} `image-content.notGzip` (data-loss), or what the source throws
 */
export async function* inflated(
  source: AsyncIterable<Uint8Array>,
  what: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  const gunzip = createGunzip({ chunkSize: INFLATE_CHUNK_BYTES });
  // The iterator below may not be reading when it fails; without a listener that would end the process.
  gunzip.on('error', () => {});
  const feeding = { stopped: false };
  const fed = feed(source, gunzip, feeding);
  fed.catch((error) => gunzip.destroy(error));
  try {
    for await (const chunk of gunzip) yield chunk as Uint8Array;
    await fed;
  } catch (error) {
    if (!systemErrorCode(error)?.startsWith('Z_')) throw error;
    await fed;
    throw contentErrors.notGzip({ what, reason: (error as Error).message });
  } finally {
    feeding.stopped = true;
    gunzip.destroy();
  }
}

async function feed(
  source: AsyncIterable<Uint8Array>,
  gunzip: Gunzip,
  feeding: { readonly stopped: boolean },
): Promise<void> {
  for await (const chunk of source) {
    if (feeding.stopped) return;
    // After bad data there is nobody to write to, but the source's own verdict is still wanted.
    if (gunzip.destroyed || gunzip.errored !== null) continue;
    if (!gunzip.write(chunk)) await drained(gunzip);
  }
  if (!gunzip.destroyed) gunzip.end();
}

/** Resolves when there is room again, or nobody left to write to; an error comes out where the data is read. */
function drained(gunzip: Gunzip): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      gunzip.off('drain', done).off('close', done);
      resolve();
    };
    gunzip.on('drain', done).on('close', done);
  });
}

/**
 * Bounds how much a layer may unpack to, against its compressed size.
 *
 * @throws {EngineError} `image-content.inflatesTooMuch` (resource-exhausted)
 */
export async function* boundedInflation(
  source: AsyncIterable<Uint8Array>,
  compressedBytes: number,
  context: { readonly what: string; readonly limits: ImageLimits },
): AsyncGenerator<Uint8Array, void, undefined> {
  const { what, limits } = context;
  const allowed = Math.max(limits.freeInflatedBytes, compressedBytes * limits.maxInflationRatio);
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    if (bytes > allowed) {
      throw contentErrors.inflatesTooMuch({
        what,
        compressedBytes,
        inflatedBytes: allowed,
        ratio: limits.maxInflationRatio,
      });
    }
    yield chunk;
  }
}

/** A stream that hashes what passes; `digest` is of all that has passed. */
export function hashing(source: AsyncIterable<Uint8Array>): {
  readonly stream: AsyncIterable<Uint8Array>;
  digest(): Digest;
} {
  const hash = createHash('sha256');
  async function* pass(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of source) {
      hash.update(chunk);
      yield chunk;
    }
  }
  return { stream: pass(), digest: () => `sha256:${hash.digest('hex')}` as Digest };
}
