import { bunzip2 } from './bzip2.ts';
import { compressionErrors, DecodeError } from './errors.ts';
import { type CompressionFormat, formatOf, HEAD_BYTES } from './format.ts';
import { inPieces } from './in-pieces.ts';
import { unxz } from './xz/stream.ts';
import { gunzipped, unzstd } from './zlib-stream.ts';

/** Bounds on what a stream may make of itself. */
export interface DecompressionLimits {
  /** It may have this many bytes whatever its compressed size … */
  readonly freeInflatedBytes: number;
  /** … and beyond that no more than this multiple of it. */
  readonly maxInflationRatio: number;
  /** Memory that a format may ask for: the window of zstd, the dictionary of xz. */
  readonly maxWindowBytes: number;
}

/** What is known of a stream beforehand, and who wants to know more. */
export interface DecompressionHints {
  /** Its compressed size, where it is known: otherwise what has come so far is what the output is held against. */
  readonly compressedBytes?: number;
  /** Told once, before any output, with at least a header of tar unless there is less. @throws to refuse it */
  readonly onFormat?: (format: CompressionFormat, head: Uint8Array) => void;
}

/**
 * Decompresses a stream, in whatever of gzip, zstd, xz and bzip2 its first bytes say it is; other bytes pass as they are.
 * Several members, frames or streams in a row are one.
 *
 * @param what names the stream in errors
 * @throws {EngineError} `image-compression.damaged` (data-loss), `.unsupported` (unimplemented), `.windowTooLarge` and
 *   `.inflatesTooMuch` (resource-exhausted), or what the source throws. When the bytes do not decompress, or are refused
 *   by who was told their format, the source is read to its end first: if it throws there, that is the error, for it is the cause
 */
export async function* decompressed(
  source: AsyncIterable<Uint8Array>,
  what: string,
  limits: DecompressionLimits,
  hints: DecompressionHints = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const chunks = source[Symbol.asyncIterator]();
  const amounts = { compressed: 0, inflated: 0, isReading: false };
  let format: CompressionFormat = 'none';
  try {
    const { first, head } = await readHead(chunks);
    format = formatOf(head);
    await tell(hints, { format, head, chunks });
    const whole = counted(first, chunks, amounts);
    if (format === 'none') return yield* whole;
    for await (const chunk of decoded(format, whole, limits)) {
      amounts.inflated += chunk.length;
      checkRatio(amounts, { what, limits, compressedBytes: hints.compressedBytes });
      yield chunk;
    }
  } catch (error) {
    throw error instanceof DecodeError ? asEngineError(error, { what, format, limits }) : error;
  } finally {
    const closed = chunks.return?.();
    closed?.catch(() => {});
    // A source that is being waited for closes only when it has answered; whoever stops reading is not kept so long.
    if (!amounts.isReading) await closed;
  }
}

async function tell(
  hints: DecompressionHints,
  { format, head, chunks }: { format: CompressionFormat; head: Uint8Array; chunks: AsyncIterator<Uint8Array> },
): Promise<void> {
  try {
    hints.onFormat?.(format, head);
  } catch (error) {
    while ((await chunks.next()).done !== true);
    throw error;
  }
}

/** Reads chunks until the head is there, or all of a short stream. */
async function readHead(
  chunks: AsyncIterator<Uint8Array>,
): Promise<{ readonly first: readonly Uint8Array[]; readonly head: Uint8Array }> {
  const first: Uint8Array[] = [];
  let bytes = 0;
  while (bytes < HEAD_BYTES) {
    const chunk = await chunks.next();
    if (chunk.done === true) break;
    first.push(chunk.value);
    bytes += chunk.value.length;
  }
  return { first, head: first.length === 1 ? (first[0] as Uint8Array) : Buffer.concat(first) };
}

async function* counted(
  first: readonly Uint8Array[],
  chunks: AsyncIterator<Uint8Array>,
  amounts: { compressed: number; isReading: boolean },
): AsyncGenerator<Uint8Array, void, undefined> {
  for (const chunk of first) {
    amounts.compressed += chunk.length;
    yield chunk;
  }
  for (;;) {
    amounts.isReading = true;
    const chunk = await chunks.next();
    amounts.isReading = false;
    if (chunk.done === true) return;
    amounts.compressed += chunk.value.length;
    yield chunk.value;
  }
}

function decoded(
  format: Exclude<CompressionFormat, 'none'>,
  source: AsyncIterable<Uint8Array>,
  { maxWindowBytes }: DecompressionLimits,
): AsyncIterable<Uint8Array> {
  switch (format) {
    case 'gzip':
      return gunzipped(source);
    case 'zstd':
      return unzstd(source, maxWindowBytes);
    case 'xz':
      return inPieces(source, (input) => unxz(input, maxWindowBytes));
    case 'bzip2':
      return inPieces(source, bunzip2);
  }
}

function checkRatio(
  amounts: { readonly compressed: number; readonly inflated: number },
  {
    what,
    limits,
    compressedBytes = amounts.compressed,
  }: { readonly what: string; readonly limits: DecompressionLimits; readonly compressedBytes: number | undefined },
): void {
  const { freeInflatedBytes, maxInflationRatio: ratio } = limits;
  const inflatedBytes = Math.max(freeInflatedBytes, compressedBytes * ratio);
  if (amounts.inflated <= inflatedBytes) return;
  throw compressionErrors.inflatesTooMuch({ what, compressedBytes, inflatedBytes, ratio });
}

function asEngineError(
  error: DecodeError,
  { what, format, limits }: { readonly what: string; readonly format: string; readonly limits: DecompressionLimits },
): Error {
  const { refusal, message } = error;
  if (refusal === 'damaged') return compressionErrors.damaged({ what, format, reason: message }, error);
  if (refusal === 'unsupported') return compressionErrors.unsupported({ what, format, feature: message }, error);
  const { windowBytes } = refusal;
  return compressionErrors.windowTooLarge({ what, format, windowBytes, limitBytes: limits.maxWindowBytes }, error);
}
