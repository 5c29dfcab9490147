import { posix } from 'node:path';
import { type Digest, isDigest } from './digest.ts';
import { defineErrors, EngineError } from './error.ts';
import { parseImageReference } from './image-reference.ts';
import { checkText } from './text-check.ts';

/** A file, or an archive, that a container is given before it starts. */
export interface FetchItem {
  /** As {@link fetchSource} reads it. */
  readonly uri: string;
  /** Below the working directory: where the file lies, or what the archive is unpacked into (`.` for the directory itself). */
  readonly output: string;
  /** The file may be executed. */
  readonly executable: boolean;
  /** It is an archive, to be unpacked. */
  readonly extract: boolean;
  /** Kept for who asks for the same again. */
  readonly cache: boolean;
  /** What its bytes must be. */
  readonly digest?: Digest;
}

export type FetchSource =
  | { readonly kind: 'web'; readonly url: string }
  | { readonly kind: 'file'; readonly path: string }
  /** A file or a directory of an image. */
  | { readonly kind: 'image'; readonly reference: string; readonly path: string };

/** What a caller says of one; the rest has defaults. */
export interface FetchRequest {
  /** `http://`, `https://`, `file:///PATH` or `image:REFERENCE#/PATH`. */
  readonly uri: string;
  /** Default: the last part of the path; of an archive the working directory itself. */
  readonly output?: string | undefined;
  readonly executable?: boolean | undefined;
  /** Default: whether the name is that of an archive. */
  readonly extract?: boolean | undefined;
  readonly cache?: boolean | undefined;
  /** `sha256:` and 64 hex digits. */
  readonly digest?: string | undefined;
}

export const fetchErrors = defineErrors('fetch', {
  malformed: {
    kind: 'invalid-argument',
    message: (d: { uri: string; reason: string }) => `${JSON.stringify(d.uri)} cannot be fetched: ${d.reason}`,
    remedy: () => 'write http://…, https://…, file:///PATH or image:REFERENCE#/PATH',
  },
  badOutput: {
    kind: 'invalid-argument',
    message: (d: { uri: string; output: string; reason: string }) =>
      `output ${JSON.stringify(d.output)} of ${d.uri} is refused: ${d.reason}`,
    remedy: () => 'name a path below the working directory of the container',
  },
  contradiction: {
    kind: 'invalid-argument',
    message: (d: { uri: string; reason: string }) => `${d.uri}: ${d.reason}`,
  },
  tooMany: {
    kind: 'invalid-argument',
    message: (d: { count: number; most: number }) => `${d.count} files are to be fetched, and at most ${d.most} may be`,
    remedy: () => 'put them into one archive',
  },
});

const MAX_ITEMS = 64;
const MAX_URI_BYTES = 8192;
const MAX_OUTPUT_BYTES = 4095;
const MAX_NAME_BYTES = 255;
/** Names of what is unpacked unless somebody says otherwise. */
const ARCHIVE = /\.(?:tar|zip|tgz|tbz2|txz|tzst|tar\.(?:gz|bz2|xz|zst))$/;

/** @throws {EngineError} `fetch.*` (invalid-argument) */
export function parseFetches(requests: readonly FetchRequest[]): readonly FetchItem[] {
  if (requests.length > MAX_ITEMS) throw fetchErrors.tooMany({ count: requests.length, most: MAX_ITEMS });
  const items = requests.map(parseFetch);
  for (const [index, { output, extract }] of items.entries()) {
    const twin = items.findIndex((other, at) => at < index && !extract && !other.extract && other.output === output);
    if (twin >= 0) {
      const uri = requests[index]?.uri ?? '';
      throw fetchErrors.badOutput({ uri, output, reason: `it is that of ${requests[twin]?.uri}, too` });
    }
  }
  return items;
}

function parseFetch(request: FetchRequest): FetchItem {
  const { uri, executable = false, cache = false, digest } = request;
  checkText('URI to fetch', uri, MAX_URI_BYTES);
  const source = fetchSource(uri);
  const name = source.kind === 'web' ? nameOf(new URL(source.url)) : posix.basename(source.path);
  const extract = request.extract ?? (source.kind !== 'image' && ARCHIVE.test(name));
  const item = { uri, output: outputOf(request, extract, name), executable, extract, cache };
  checkWishes(source, item, request);
  if (digest === undefined) return item;
  if (!isDigest(digest))
    throw fetchErrors.contradiction({ uri, reason: `its digest ${digest} is not sha256: and 64 hex digits` });
  return { ...item, digest };
}

/** Where something is to be fetched from. @throws {EngineError} `fetch.malformed` (invalid-argument) */
export function fetchSource(uri: string): FetchSource {
  const refuse = (reason: string): never => {
    throw fetchErrors.malformed({ uri, reason });
  };
  if (uri.startsWith('image:')) return parseImageSource(uri, refuse);
  if (!URL.canParse(uri)) return refuse('it is not a URI');
  const url = new URL(uri);
  switch (url.protocol) {
    case 'http:':
    case 'https:':
      if (url.username !== '' || url.password !== '') refuse('a password in it would be kept with the container');
      url.hash = '';
      return { kind: 'web', url: url.href };
    case 'file:': {
      if (url.host !== '') refuse(`it names the host ${url.host}`);
      const path = decoded(url.pathname) ?? refuse('its path is not UTF-8');
      if (path.includes('\0')) refuse('its path holds a NUL character');
      return { kind: 'file', path: posix.normalize(path) };
    }
    default:
      return refuse(`nothing is known of ${url.protocol}`);
  }
}

function parseImageSource(uri: string, refuse: (reason: string) => never): FetchSource {
  const hash = uri.indexOf('#');
  const path = hash < 0 ? '' : uri.slice(hash + 1);
  if (!path.startsWith('/')) refuse('the path in the image is missing: #/PATH');
  const reference = uri.slice('image:'.length, hash);
  try {
    parseImageReference(reference);
  } catch (error) {
    if (error instanceof EngineError) refuse(error.message);
    throw error;
  }
  return { kind: 'image', reference, path: posix.normalize(path) };
}

/** The last part of a URL's path, as a file is named. */
function nameOf(url: URL): string {
  const last = url.pathname.slice(url.pathname.lastIndexOf('/') + 1);
  return decoded(last) ?? last;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function outputOf({ uri, output }: FetchRequest, extract: boolean, name: string): string {
  const refuse = (reason: string): never => {
    throw fetchErrors.badOutput({ uri, output: output ?? name, reason });
  };
  if (output === undefined && extract) return '.';
  const wanted = output ?? name;
  if (wanted === '') refuse('it is empty');
  if (wanted.includes('\0')) refuse('it holds a NUL character');
  if (wanted.startsWith('/')) refuse('it is absolute');
  if (Buffer.byteLength(wanted) > MAX_OUTPUT_BYTES) refuse(`it is longer than ${MAX_OUTPUT_BYTES} bytes`);
  const parts = wanted.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) refuse('it leads out');
  if (parts.some((part) => Buffer.byteLength(part) > MAX_NAME_BYTES))
    refuse(`a name in it is longer than ${MAX_NAME_BYTES} bytes`);
  if (parts.length === 0 && !extract) refuse('it names no file');
  return parts.length === 0 ? '.' : parts.join('/');
}

function checkWishes(source: FetchSource, item: Omit<FetchItem, 'digest'>, { uri, digest }: FetchRequest): void {
  const refuse = (reason: string): never => {
    throw fetchErrors.contradiction({ uri, reason });
  };
  if (item.extract && item.executable) refuse('an archive is unpacked, and its files have modes of their own');
  if (source.kind === 'image') {
    if (item.extract) refuse('what is in an image is unpacked already');
    if (item.executable) refuse('what is in an image has a mode of its own');
    if (digest !== undefined) refuse('what is in an image is known by the digest of the image');
  }
  if (item.cache && source.kind !== 'web') refuse('only what comes from elsewhere is cached');
}
