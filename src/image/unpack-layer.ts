import { ERRNO, errnoName } from '../linux/errno.ts';
import type { UnpackFailure } from '../linux/helper-worker.ts';
import type { Digest } from '../model/digest.ts';
import { defineErrors, type EngineError } from '../model/error.ts';
import { WHITEOUTS } from '../model/wire.ts';
import { decompressed } from './compression/decompressed.ts';
import { checkCompression } from './compression/media-type.ts';
import type { ConnectLayerWorker } from './layer-store.ts';
import { contentErrors, hashing, verified } from './layer-stream.ts';
import type { ImageLimits } from './limits.ts';
import type { Descriptor } from './manifest.ts';
import type { Compression } from './media-types.ts';
import type { ImageSource } from './source.ts';

export const layerErrors = defineErrors('image-layer', {
  wrongDiffId: {
    kind: 'data-loss',
    message: (d: { what: string; expected: string; actual: string }) =>
      `${d.what} should unpack to ${d.expected} by the image's config, but unpacks to ${d.actual}`,
    remedy: () => 'the image was put together wrongly: build it again',
  },
  bound: {
    kind: 'resource-exhausted',
    message: (d: { what: string; bound: string; entry: string }) =>
      `${d.what} has ${d.bound}${d.entry === '' ? '' : `, passed at ${d.entry}`}`,
    remedy: () => 'do not use this image: no ordinary one is like that',
  },
  diskFull: {
    kind: 'resource-exhausted',
    message: (d: { what: string; directory: string }) => `no space left under ${d.directory} to unpack ${d.what}`,
    remedy: () => 'remove images that nobody uses with isopod rmi, or stopped containers with isopod rm',
  },
  refused: {
    kind: 'data-loss',
    message: (d: { what: string; entry: string; errno: string }) =>
      `${d.what} cannot be unpacked${d.entry === '' ? '' : ` at ${d.entry}`}: ${d.errno}`,
  },
  noTar: {
    kind: 'data-loss',
    message: (d: { what: string; entry: string }) =>
      `${d.what} is no tar archive, or a damaged one${d.entry === '' ? '' : `, from ${d.entry} on`}`,
    remedy: () => 'look at what it was made of; an image that came so has to be built again',
  },
  notAllowed: {
    kind: 'permission-denied',
    message: (d: { what: string; entry: string; uid: number }) =>
      `user ${d.uid} may not make what is in ${d.what}${d.entry === '' || d.entry === '.' ? '' : `: ${d.entry}`}`,
    remedy: () => 'unpacking images takes an agent that runs as root',
  },
});

/** One layer of an image that is being fetched. */
export interface LayerJob {
  readonly descriptor: Descriptor;
  readonly compression: Compression;
  readonly diffId: Digest;
}

export interface UnpackContext {
  readonly source: ImageSource;
  readonly connect: ConnectLayerWorker;
  readonly limits: ImageLimits;
  /** Told the compressed bytes that have come so far. */
  readonly onBytes: (doneBytes: number) => void;
  readonly signal: AbortSignal;
}

/**
 * Fetches a layer and unpacks it while it comes, with its digest and diff id checked on the way.
 *
 * @returns unpacked bytes
 * @throws {EngineError} data-loss (digest, diff id, length, format), resource-exhausted (a bound, disk full), or what the
 *   source throws
 */
export async function unpackLayer(job: LayerJob, directory: string, context: UnpackContext): Promise<number> {
  const { connect, limits, signal } = context;
  const what = `layer ${job.descriptor.digest} of ${context.source.name}`;
  const tar = openLayer(job, what, context);
  const hashed = hashing(tar);
  const chunks = hashed.stream[Symbol.asyncIterator]();
  const worker = await connect(signal);
  const stop = (): void => worker.close();
  signal.addEventListener('abort', stop, { once: true });
  try {
    const { maxEntries, maxLayerBytes: maxBytes, maxHeaderBytes } = limits;
    const options = { directory, whiteouts: WHITEOUTS.overlay, maxEntries, maxBytes, maxHeaderBytes };
    const result = await worker.unpack(options, keptOpen(chunks));
    if (!result.ok && isBound(result.failure)) throw boundError(result.failure, what, { directory, limits });
    // What follows the archive's end counts for the digests too; and if they are wrong, that is why it failed to unpack.
    await exhaust(chunks);
    if (!result.ok) throw refusal(result.failure, what);
    checkDiffId(job, hashed, what);
    return result.bytes;
  } finally {
    signal.removeEventListener('abort', stop);
    worker.close();
    await chunks.return?.();
  }
}

/**
 * Reads a layer whose tree is here already, and checks that it is of that layer.
 *
 * @throws {EngineError} data-loss (digest, diff id, length, format), or what the source throws
 */
export async function checkContent(job: LayerJob, context: Omit<UnpackContext, 'connect'>): Promise<void> {
  const what = `layer ${job.descriptor.digest} of ${context.source.name}`;
  const hashed = hashing(openLayer(job, what, context));
  for await (const _ of hashed.stream) context.signal.throwIfAborted();
  checkDiffId(job, hashed, what);
}

/** As GNU tar and bsdtar pad an archive unless told otherwise. */
const RECORD_BYTES = 10_240;

/**
 * What a layer unpacks to is what the config says, or that without the zeros that pad it to whole records: containers/storage before 1.52
 * left these out of zstd:chunked (https://github.com/containers/storage/pull/1772), and Podman and Skopeo of stable distributions have it.
 * They mean nothing in a tar, and the digest with them proves that nothing else is missing.
 */
function checkDiffId({ diffId }: LayerJob, hashed: ReturnType<typeof hashing>, what: string): void {
  const actual = hashed.digest();
  if (actual === diffId || hashed.paddedDigest(RECORD_BYTES) === diffId) return;
  throw layerErrors.wrongDiffId({ what, expected: diffId, actual });
}

function openLayer(job: LayerJob, what: string, context: Omit<UnpackContext, 'connect'>): AsyncIterable<Uint8Array> {
  const { descriptor, compression } = job;
  const { limits, source, signal } = context;
  if (descriptor.sizeBytes > limits.maxLayerBytes) {
    throw contentErrors.tooLarge({ what, sizeBytes: descriptor.sizeBytes, limitBytes: limits.maxLayerBytes });
  }
  const fetched = verified(counted(source.blob(descriptor, signal), context.onBytes), descriptor, what);
  return decompressed(fetched, what, limits, {
    compressedBytes: descriptor.sizeBytes,
    onFormat: (format, head) => checkCompression({ what, mediaType: descriptor.mediaType, compression, format, head }),
  });
}

async function* counted(
  source: AsyncIterable<Uint8Array>,
  onBytes: (doneBytes: number) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    onBytes(bytes);
    yield chunk;
  }
}

/** An iterable that its reader may leave early without ending the iterator. */
function keptOpen(chunks: AsyncIterator<Uint8Array>): AsyncIterable<Uint8Array> {
  return { [Symbol.asyncIterator]: () => ({ next: () => chunks.next() }) };
}

async function exhaust(chunks: AsyncIterator<Uint8Array>): Promise<void> {
  while ((await chunks.next()).done !== true);
}

const BOUND_ERRNOS: ReadonlySet<number | undefined> = new Set(
  ['E2BIG', 'EFBIG', 'EMSGSIZE', 'ENOSPC', 'EDQUOT'].map((name) => ERRNO[name]),
);

function isBound({ errno }: UnpackFailure): boolean {
  return BOUND_ERRNOS.has(errno);
}

function boundError(
  { errno, entry }: UnpackFailure,
  what: string,
  context: { readonly directory: string; readonly limits: ImageLimits },
): EngineError {
  const { directory, limits } = context;
  switch (errno) {
    case ERRNO.E2BIG:
      return layerErrors.bound({ what, entry, bound: `more than ${limits.maxEntries} entries` });
    case ERRNO.EFBIG:
      return layerErrors.bound({ what, entry, bound: `more than ${limits.maxLayerBytes} bytes unpacked` });
    case ERRNO.EMSGSIZE:
      return layerErrors.bound({ what, entry, bound: `headers of more than ${limits.maxHeaderBytes} bytes` });
    default:
      return layerErrors.diskFull({ what, directory });
  }
}

function refusal({ errno, entry }: UnpackFailure, what: string): EngineError {
  const uid = process.geteuid?.() ?? 0;
  // A message that is bad is how the unpacker calls what is no header of a tar archive.
  if (errno === ERRNO.EBADMSG) return layerErrors.noTar({ what, entry });
  if (errno === ERRNO.EPERM && uid !== 0) return layerErrors.notAllowed({ what, entry, uid });
  return layerErrors.refused({ what, entry, errno: errnoName(errno) });
}
