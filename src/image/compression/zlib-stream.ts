import type { Transform } from 'node:stream';
import { constants, createGunzip, createZstdDecompress } from 'node:zlib';
import { systemErrorCode } from '../../model/error.ts';
import { damaged } from './errors.ts';
import { ZstdFrames } from './zstd-frames.ts';

/**
 * Node's default of 16 KiB costs twice the processor time; pieces of 1 MiB are no faster and cost the agent 70 MiB more while
 * four layers come (docs/performance.md). As much as a piece waits on each side of the decoder, so that it works on while who
 * reads it is busy with a file.
 */
const OUTPUT_BYTES = 1 << 17;
const BUFFERS = {
  chunkSize: OUTPUT_BYTES,
  readableHighWaterMark: 2 * OUTPUT_BYTES,
  writableHighWaterMark: OUTPUT_BYTES,
};

type Pieces = (chunk: Uint8Array) => readonly Uint8Array[];

/** Gunzips a stream, several members in a row included, in Node's pool of threads. @throws {DecodeError} */
export function gunzipped(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  return through(source, createGunzip(BUFFERS), { pieces: (chunk) => [chunk], finish: () => {} });
}

/** Decompresses a stream of zstd frames, skippable ones included, in Node's pool of threads. @throws {DecodeError} */
export function unzstd(
  source: AsyncIterable<Uint8Array>,
  maxWindowBytes: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const windowLog = Math.max(10, Math.ceil(Math.log2(maxWindowBytes)));
  const params = { [constants.ZSTD_d_windowLogMax]: windowLog };
  const frames = new ZstdFrames(maxWindowBytes);
  return through(source, createZstdDecompress({ ...BUFFERS, params }), {
    pieces: (chunk) => frames.push(chunk),
    finish: () => frames.finish(),
  });
}

interface Feed {
  readonly pieces: Pieces;
  /** Called when all was fed. @throws when something is missing */
  readonly finish: () => void;
}

async function* through(
  source: AsyncIterable<Uint8Array>,
  transform: Transform,
  feed: Feed,
): AsyncGenerator<Uint8Array, void, undefined> {
  // The iterator below may not be reading when it fails; without a listener that would end the process.
  transform.on('error', () => {});
  const feeding = { stopped: false };
  const fed = pour(source, transform, { ...feed, feeding });
  fed.catch((error) => transform.destroy(error));
  try {
    for await (const chunk of transform) yield chunk as Uint8Array;
    await fed;
  } catch (error) {
    const code = systemErrorCode(error);
    if (code?.startsWith('Z_') !== true && code?.startsWith('ZSTD_') !== true) throw error;
    // The source's own verdict comes first: bytes that changed on the way are why they do not decompress.
    await fed;
    throw damaged((error as Error).message);
  } finally {
    feeding.stopped = true;
    transform.destroy();
  }
}

async function pour(
  source: AsyncIterable<Uint8Array>,
  transform: Transform,
  { pieces, finish, feeding }: Feed & { readonly feeding: { readonly stopped: boolean } },
): Promise<void> {
  let wrote = false;
  let refusal: unknown;
  for await (const chunk of source) {
    if (feeding.stopped) return;
    // After bad data there is nobody to write to, but the source's own verdict is still wanted.
    if (refusal !== undefined || isOver(transform)) continue;
    try {
      for (const piece of pieces(chunk)) {
        wrote = true;
        if (!isOver(transform) && !transform.write(piece)) await drained(transform);
      }
    } catch (error) {
      refusal = error;
    }
  }
  if (refusal !== undefined) throw refusal;
  if (isOver(transform)) return;
  finish();
  // Frames to be skipped are no input for the decoder, which calls nothing at all truncated.
  if (wrote) transform.end();
  else transform.push(null);
}

function isOver(transform: Transform): boolean {
  return transform.destroyed || transform.errored !== null;
}

/** Resolves when there is room again, or nobody left to write to; an error comes out where the data is read. */
function drained(transform: Transform): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      transform.off('drain', done).off('close', done);
      resolve();
    };
    transform.on('drain', done).on('close', done);
  });
}
