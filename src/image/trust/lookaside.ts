import { fileURLToPath } from 'node:url';
import type { Files } from '../../base/effects.ts';
import { type Digest, digestHex } from '../../model/digest.ts';
import { systemErrorCode } from '../../model/error.ts';
import { WebClient } from '../web/web-client.ts';
import type { WebWay } from '../web/web-way.ts';
import { trustErrors } from './errors.ts';
import type { FoundSignature } from './found-signature.ts';
import { readBounded } from './policy-files.ts';

const MAX_SIGNATURES = 64;
const MAX_SIGNATURE_BYTES = 64 * 1024;

export interface LookasideReader {
  readonly files: Files;
  /** Silence after which a server is given up. */
  readonly stallMs: number;
  /** Default: no proxies, and the authorities that come with Node. */
  readonly way?: WebWay | undefined;
}

/**
 * The signatures that a lookaside keeps of a manifest: `<base>/<repository>@sha256=<hex>/signature-1` and on, until one is
 * missing (containers-registries.d(5), "lookaside").
 *
 * @throws what keeps it from being read; that a signature is not there is none
 */
export async function lookasideSignatures(
  { files, stallMs, way }: LookasideReader,
  place: { readonly base: string; readonly repository: string; readonly digest: Digest },
  signal: AbortSignal,
): Promise<readonly FoundSignature[]> {
  const directory = `${place.base.replace(/\/+$/, '')}/${place.repository}@sha256=${digestHex(place.digest)}`;
  const web = new WebClient(stallMs, way);
  const read = directory.startsWith('file:')
    ? (url: string) => readFile(files, url)
    : (url: string) => readUrl(web, url, signal);
  const found: FoundSignature[] = [];
  while (found.length < MAX_SIGNATURES) {
    const where = `${directory}/signature-${found.length + 1}`;
    const bytes = await read(where);
    if (bytes === undefined) break;
    found.push({ kind: 'gpg', where, bytes });
  }
  return found;
}

async function readFile(files: Files, url: string): Promise<Uint8Array | undefined> {
  try {
    return await readBounded(files, fileURLToPath(url), MAX_SIGNATURE_BYTES);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT' || systemErrorCode(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

async function readUrl(web: WebClient, url: string, signal: AbortSignal): Promise<Uint8Array | undefined> {
  const response = await web.get(new URL(url), signal);
  if (response.status === 200) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of response.body(MAX_SIGNATURE_BYTES)) chunks.push(chunk);
    return Buffer.concat(chunks);
  }
  response.discard();
  if (response.status === 404) return undefined;
  throw trustErrors.unreadableLookaside({ url, status: response.status });
}
