import type { Platform } from '../../model/platform.ts';
import { aciErrors } from './aci-manifest.ts';

/** A name of an appc image with what it is chosen by. */
export interface AciName {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

const PAGE_LIMIT_BYTES = 1 << 20;
const META = /<meta\s[^>]*>/gi;

/** `example.com/app:1.0,os=linux,arch=amd64`; what is not said is the latest for this machine. */
export function parseAciName(text: string, host: Platform): AciName {
  const [head = '', ...pairs] = text.split(',');
  const last = head.lastIndexOf(':');
  const colon = last > head.lastIndexOf('/') ? last : -1;
  const version = colon < 0 ? 'latest' : head.slice(colon + 1);
  const labels = Object.fromEntries(
    pairs.map((pair) => [pair.split('=', 1)[0] ?? '', pair.slice(pair.indexOf('=') + 1)]),
  );
  return {
    name: colon < 0 ? head : head.slice(0, colon),
    labels: { version, os: host.os, arch: host.architecture, ...labels },
  };
}

/** Machines that nobody else answers for may be asked without TLS, as registries are. */
function baseUrl(name: string): string {
  const [host = ''] = name.split('/', 1);
  const isLocal = /^(?:localhost|127(?:\.\d{1,3}){3})(?::\d+)?$/.test(host);
  return `${isLocal ? 'http' : 'https'}://${name}`;
}

/** Where simple discovery looks (appc spec 0.8, "Simple Discovery"). */
export function simpleUrl({ name, labels }: AciName): string {
  return `${baseUrl(name)}-${labels.version}-${labels.os}-${labels.arch}.aci`;
}

/**
 * Where the pages of meta discovery are: that of the name itself, and of each part before it.
 * (appc spec 0.8, "Meta Discovery")
 */
export function discoveryPages({ name }: AciName): readonly string[] {
  const parts = name.split('/');
  return parts.map((_, index) => `${baseUrl(parts.slice(0, parts.length - index).join('/'))}?ac-discovery=1`);
}

/** What a page of meta discovery says of a name; the most special prefix counts. */
export function metaUrls(page: string, { name, labels }: AciName): readonly string[] {
  const found: { readonly prefix: string; readonly template: string }[] = [];
  for (const [tag] of page.matchAll(META)) {
    if (attribute(tag, 'name') !== 'ac-discovery') continue;
    const [prefix = '', template = ''] = (attribute(tag, 'content') ?? '').trim().split(/\s+/);
    if (template !== '' && (name === prefix || name.startsWith(`${prefix}/`))) found.push({ prefix, template });
  }
  return found
    .sort((a, b) => b.prefix.length - a.prefix.length)
    .map(({ template }) => rendered(template, { ...labels, name, ext: 'aci' }));
}

function attribute(tag: string, name: string): string | undefined {
  const match = new RegExp(`\\b${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)')`, 'i').exec(tag);
  return match?.[1] ?? match?.[2];
}

function rendered(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/\{([a-z]+)\}/g, (whole, key: string) => values[key] ?? whole);
}

export interface WebPort {
  readonly stallMs: number;
  readonly signal: AbortSignal;
}

/** A body that is read no slower than the bound on silence. @throws {EngineError} `appc.unreachable` */
export async function openUrl(
  url: string,
  { stallMs, signal }: WebPort,
): Promise<{ readonly status: number; readonly body: AsyncIterable<Uint8Array> }> {
  const stalled = new AbortController();
  const until = AbortSignal.any([signal, stalled.signal]);
  const reason = `nothing came for ${Math.round(stallMs / 1000)} s`;
  const give = (): void => stalled.abort(new Error(reason));
  const refused = (error: unknown): Error => {
    if (signal.aborted) return signal.reason as Error;
    const cause = (error as { readonly cause?: unknown }).cause ?? error;
    return aciErrors.unreachable({ url, reason: stalled.signal.aborted ? reason : (cause as Error).message }, error);
  };
  let timer = setTimeout(give, stallMs);
  let response: Response;
  try {
    response = await fetch(url, { signal: until });
  } catch (error) {
    throw refused(error);
  } finally {
    clearTimeout(timer);
  }
  if (url.startsWith('https:') && !response.url.startsWith('https:')) {
    throw aciErrors.unreachable({ url, reason: `it leads to ${response.url}, without TLS` });
  }
  const read = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    const chunks = response.body?.[Symbol.asyncIterator]();
    for (;;) {
      timer = setTimeout(give, stallMs);
      let next: IteratorResult<Uint8Array> | undefined;
      try {
        next = await chunks?.next();
      } catch (error) {
        throw refused(error);
      } finally {
        clearTimeout(timer);
      }
      if (next === undefined || next.done === true) return;
      yield next.value;
    }
  };
  return { status: response.status, body: read() };
}

/** A small page. @throws {EngineError} `appc.unreachable`, with the status where it is not 200 */
export async function readPage(url: string, web: WebPort): Promise<string> {
  const { status, body } = await openUrl(url, web);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > PAGE_LIMIT_BYTES) break;
  }
  if (status !== 200) throw aciErrors.unreachable({ url, reason: `status ${status}`, status });
  return Buffer.concat(chunks).toString('utf8');
}
