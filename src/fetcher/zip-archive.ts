import { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import { type Entry, fromRandomAccessReaderPromise, RandomAccessReader, type ZipFile } from 'yauzl';
import type { Files } from '../base/effects.ts';
import { EngineError } from '../model/error.ts';
import { fetcherErrors } from './errors.ts';
import { END_OF_TAR, type PackedEntry, packedEntry } from './packed.ts';

/** A zip file that is ours: nobody changes it while it is read. */
export interface ZipArchive {
  readonly path: string;
  readonly sizeBytes: number;
  /** Names it in errors. */
  readonly what: string;
}

export interface ZipLimits {
  readonly maxEntries: number;
  /** It may unpack to this many bytes whatever its size … */
  readonly freeInflatedBytes: number;
  /** … and beyond that to no more than this multiple of it. */
  readonly maxInflationRatio: number;
}

/** A target of a symbolic link is at most PATH_MAX long. */
const MAX_LINK_BYTES = 4096;
const MADE_ON_UNIX = 3;
const TYPE = { mask: 0o170000, file: 0o100000, directory: 0o040000, link: 0o120000 } as const;
const MAX_MTIME_SECONDS = 0o77777777777;

/**
 * The entries of a zip file as a tar stream, for the unpacker of the helper: files, directories and symbolic links. Sizes and
 * checksums are held against what the archive says of itself, and what it says against the limits, before a byte is unpacked.
 *
 * @throws {EngineError} `fetcher.badZip` (data-loss), `.refusedZip` (invalid-argument), `.zipTooLarge` (resource-exhausted)
 */
export async function* tarOfZip(
  files: Files,
  archive: ZipArchive,
  limits: ZipLimits,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { what, sizeBytes } = archive;
  let zip: ZipFile | undefined;
  try {
    zip = await fromRandomAccessReaderPromise(new FileReader(files, archive.path), sizeBytes, { autoClose: false });
    const limitBytes = Math.max(limits.freeInflatedBytes, limits.maxInflationRatio * sizeBytes);
    let entries = 0;
    let bytes = 0;
    for await (const entry of zip.eachEntry()) {
      entries += 1;
      bytes += entry.uncompressedSize;
      if (entries > limits.maxEntries) throw fetcherErrors.zipTooLarge({ what, limit: `${limits.maxEntries} entries` });
      if (bytes > limitBytes) throw fetcherErrors.zipTooLarge({ what, limit: `${limitBytes} bytes` });
      yield* await packed(zip, entry, what);
    }
    yield END_OF_TAR;
  } catch (error) {
    if (error instanceof EngineError) throw error;
    throw fetcherErrors.badZip({ what, reason: (error as Error).message }, error);
  } finally {
    zip?.close();
  }
}

async function packed(zip: ZipFile, entry: Entry, what: string): Promise<AsyncIterable<Uint8Array>> {
  const facts = factsOf(entry, what);
  if (facts.type === '5') return packedEntry(facts);
  const content = contentOf(zip, entry);
  if (facts.type === '0') return packedEntry(facts, content);
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return packedEntry({ ...facts, sizeBytes: 0, linkTarget: Buffer.concat(chunks).toString() });
}

/** What becomes of an entry; no rights beyond the usual nine bits, and no kinds of files but three. */
function factsOf(entry: Entry, what: string): PackedEntry {
  const { fileName: name, uncompressedSize } = entry;
  const refuse = (reason: string): never => {
    throw fetcherErrors.refusedZip({ what, entry: name.slice(0, 200), reason });
  };
  if (entry.isEncrypted()) refuse('it is encrypted');
  if (!entry.canDecodeFileData()) refuse(`its compression method ${entry.compressionMethod} is not known`);
  if (name.includes('\0')) refuse('its name holds a NUL character');
  const attributes = entry.versionMadeBy >> 8 === MADE_ON_UNIX ? entry.externalFileAttributes >>> 16 : 0;
  const kind = attributes & TYPE.mask;
  const mtimeSeconds = Math.floor(entry.getLastModDate({ timezone: 'UTC' }).getTime() / 1000);
  const common = {
    path: name,
    mtimeSeconds: Number.isFinite(mtimeSeconds) ? Math.min(Math.max(mtimeSeconds, 0), MAX_MTIME_SECONDS) : 0,
  };
  if (name.endsWith('/') || kind === TYPE.directory) {
    return { ...common, type: '5', mode: attributes & 0o777 || 0o755, sizeBytes: 0 };
  }
  if (kind === TYPE.link) {
    if (uncompressedSize === 0 || uncompressedSize >= MAX_LINK_BYTES) refuse('its target has no possible length');
    return { ...common, type: '2', mode: 0o777, sizeBytes: uncompressedSize };
  }
  if (kind !== 0 && kind !== TYPE.file) refuse('it is a device, a FIFO or the like');
  return { ...common, type: '0', mode: attributes & 0o777 || 0o644, sizeBytes: uncompressedSize };
}

/** All bytes of an entry; yauzl holds their number against the size, and we their checksum. */
async function* contentOf(zip: ZipFile, entry: Entry): AsyncGenerator<Uint8Array, void, undefined> {
  const stream = await zip.openReadStreamPromise(entry);
  let sum = 0;
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    sum = crc32(chunk, sum);
    yield chunk;
  }
  if (sum !== entry.crc32) {
    throw new Error(`the checksum of ${JSON.stringify(entry.fileName.slice(0, 200))} is not the one that it names`);
  }
}

class FileReader extends RandomAccessReader {
  readonly #files: Files;
  readonly #path: string;

  constructor(files: Files, path: string) {
    super();
    this.#files = files;
    this.#path = path;
  }

  override _readStreamForRange(start: number, end: number): Readable {
    return Readable.from(this.#files.readStream(this.#path, { start, end }), { objectMode: false });
  }
}
