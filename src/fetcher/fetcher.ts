import { createHash } from 'node:crypto';
import type { Effects } from '../base/effects.ts';
import { DEFAULT_LIMITS as IMAGE_LIMITS } from '../image/limits.ts';
import { WebClient } from '../image/web/web-client.ts';
import type { WebWay } from '../image/web/web-way.ts';
import { systemReason } from '../linux/errno.ts';
import type { Digest } from '../model/digest.ts';
import { type FetchItem, fetchSource } from '../model/fetch.ts';
import { DownloadCache, type DownloadLimits } from './download-cache.ts';
import { fetcherErrors } from './errors.ts';
import { tarOfZip } from './zip-archive.ts';

/** The bytes of something that was fetched; it stays there until it is released. */
export interface FetchedFile {
  readonly sizeBytes: number;
  /** All of it, once. @throws {EngineError} `fetcher.changed`, `.wrongDigest` when it is not what was opened */
  read(): AsyncIterable<Uint8Array>;
  /** Its entries as a tar stream, once, where it is a zip file; only of what is to be unpacked. @throws as `read`; `fetcher.*Zip*` */
  readonly unzip?: () => AsyncIterable<Uint8Array>;
  release(): Promise<void>;
}

/** Gets files for containers. What comes from images is not its business: the engine has them. */
export interface Fetcher {
  /** @throws {EngineError} `fetcher.*`, `web.*`, `pull.cancelled` */
  open(item: FetchItem, signal: AbortSignal): Promise<FetchedFile>;
  /** Sweeps what a killed engine left. Called once, when the engine starts. */
  recover(): Promise<void>;
}

const DEFAULT_LIMITS: DownloadLimits = {
  maxCacheBytes: 2 * 2 ** 30,
  maxFileBytes: 16 * 2 ** 30,
  retry: IMAGE_LIMITS,
};
/** How the first entry of a zip file begins, and the end of one without any. */
const ZIP = ['PK\x03\x04', 'PK\x05\x06'];
/** As for images: silence after which a server is given up. */
const STALL_MS = 60_000;

/** @param place.directory of ours, made when it is first needed */
export function createFetcher(
  effects: Effects,
  place: {
    readonly directory: string;
    readonly limits?: Partial<DownloadLimits>;
    readonly stallMs?: number;
    /** Default: no proxies, and the authorities that come with Node. */
    readonly way?: WebWay;
  },
): Fetcher {
  const { directory, stallMs = STALL_MS, way } = place;
  const limits = { ...DEFAULT_LIMITS, ...place.limits };
  const downloads = new DownloadCache(effects, new WebClient(stallMs, way), { directory, limits });
  return {
    recover: () => downloads.recover(),
    open: async (item, signal) => {
      const { uri, digest, cache, extract } = item;
      const source = fetchSource(uri);
      const opened = (file: FetchedFile & { readonly path: string }): Promise<FetchedFile> =>
        extract ? withZip(effects, directory, { file, uri }) : Promise.resolve(file);
      if (source.kind === 'file') return opened(await openFile(effects, source.path, digest));
      if (source.kind === 'image') throw new TypeError('what is in an image is not fetched');
      const file = await downloads.open({ url: new URL(source.url), digest, keep: cache }, signal);
      const { path, sizeBytes, digest: expected, release } = file;
      const told = { what: source.url, sizeBytes, digest: expected, changed: () => downloads.forget(file) };
      return opened({ path, sizeBytes, read: () => unchanged(effects.files.readStream(path), told), release });
    },
  };
}

/** The bytes say whether it is a zip file, as they say how a tar is compressed. */
async function withZip(
  { files, random }: Effects,
  directory: string,
  { file, uri }: { readonly file: FetchedFile & { readonly path: string }; readonly uri: string },
): Promise<FetchedFile> {
  const head: Uint8Array[] = [];
  try {
    for await (const chunk of files.readStream(file.path, { end: 4 })) head.push(chunk);
  } catch (error) {
    await file.release();
    throw error;
  }
  if (!ZIP.includes(Buffer.concat(head).toString('latin1'))) return file;
  return {
    ...file,
    async *unzip() {
      await files.makeDirectory(directory, { mode: 0o700, parents: true });
      // What stands at its end is read first, so a copy that nobody changes is looked at, once all of it was verified.
      const path = `${directory}/${Buffer.from(random.bytes(16)).toString('hex')}`;
      const writer = await files.openWriter(directory);
      try {
        for await (const chunk of file.read()) await writer.write(chunk);
        await writer.commit(path, 'volatile');
      } finally {
        await writer.abort();
      }
      try {
        yield* tarOfZip(files, { path, sizeBytes: file.sizeBytes, what: uri }, IMAGE_LIMITS);
      } finally {
        await files.removeFile(path);
      }
    },
  };
}

async function openFile(
  { files }: Effects,
  path: string,
  digest: Digest | undefined,
): Promise<FetchedFile & { readonly path: string }> {
  try {
    const real = await files.realPath(path);
    const { kind, sizeBytes } = await files.status(real);
    // Anything else (a pipe, a device) could make a reader wait for ever.
    if (kind !== 'file') throw fetcherErrors.notAFile({ path, kind });
    const told = { what: path, sizeBytes, digest, changed: async () => {} };
    return {
      path: real,
      sizeBytes,
      read: () => unchanged(files.readStream(real, { end: sizeBytes }), told),
      release: async () => {},
    };
  } catch (error) {
    const reason = systemReason(error);
    if (reason === undefined) throw error;
    throw fetcherErrors.noFile({ path, reason }, error);
  }
}

/** Passes bytes on, as many as were announced, and those that were. */
async function* unchanged(
  source: AsyncIterable<Uint8Array>,
  about: {
    readonly what: string;
    readonly sizeBytes: number;
    readonly digest: Digest | undefined;
    readonly changed: () => Promise<void>;
  },
): AsyncGenerator<Uint8Array, void, undefined> {
  const { what, sizeBytes, digest: expected } = about;
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of source) {
    hash.update(chunk);
    bytes += chunk.length;
    yield chunk;
  }
  const actual = `sha256:${hash.digest('hex')}`;
  if (bytes === sizeBytes && (expected === undefined || expected === actual)) return;
  await about.changed();
  if (bytes !== sizeBytes || expected === undefined) throw fetcherErrors.changed({ what });
  throw fetcherErrors.wrongDigest({ what, expected, actual });
}
