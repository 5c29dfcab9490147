import type { Descriptor } from '../manifest.ts';
import { followedUrl } from './endpoint.ts';
import { pushErrors } from './errors.ts';
import type { HostClient } from './host-client.ts';
import { isTransient } from './network-errors.ts';
import type { RegistryResponse } from './response.ts';

/** A blob up to this size is sent in one piece; a longer one in pieces, each of which is known to have arrived. */
const ONE_PIECE_BYTES = 4 << 20;
const PIECE_BYTES = 32 << 20;

export interface UploadRequest {
  readonly repository: string;
  readonly descriptor: Descriptor;
  readonly content: () => AsyncIterable<Uint8Array>;
  /** A session that a refused mount has opened. */
  readonly opened: URL | undefined;
  /** How often nothing may arrive before it is given up. */
  readonly attempts: number;
  readonly signal: AbortSignal;
}

/** Where a session stands: its address changes with each answer. */
interface UploadSession {
  place: URL;
  arrivedBytes: number;
}

/**
 * Sends a blob (distribution spec v1.1, "Pushing blobs"). After a break the registry is asked how much has arrived, and the rest is
 * sent; a session that it has forgotten is begun anew.
 *
 * @throws {EngineError} `registry-push.brokenOff` (unavailable), `.refusedContent`, `.wrongDigest`; what `content` throws
 */
export async function uploadBlob(host: HostClient, request: UploadRequest): Promise<void> {
  const { attempts, signal, descriptor } = request;
  const what = `blob ${descriptor.digest}`;
  let session = request.opened === undefined ? undefined : { place: request.opened, arrivedBytes: 0 };
  let failures = 0;
  let furthest = 0;
  try {
    for (;;) {
      session ??= await begin(host, request);
      const outcome = await sendPiece(host, session, request);
      if (outcome === 'done') return;
      if (outcome === 'forgotten') session = undefined;
      const arrivedBytes = session?.arrivedBytes ?? 0;
      if (outcome === 'more' || arrivedBytes > furthest) failures = 0;
      else failures += 1;
      furthest = Math.max(furthest, arrivedBytes);
      if (failures >= attempts) throw pushErrors.brokenOff({ host: host.name, what, bytes: furthest, attempts });
      const reason = `registry ${host.name} broke off the upload of ${what} at byte ${furthest}`;
      if (failures > 0) await host.pause({ failures, attempts, reason }, signal);
    }
  } catch (error) {
    if (session !== undefined) await cancelUpload(host, session.place);
    throw error;
  }
}

/** Tells a registry that a session is not needed; whether it listens is its own affair. */
export async function cancelUpload(host: HostClient, place: URL): Promise<void> {
  const signal = AbortSignal.timeout(CANCEL_MS);
  const response = await host.request({ method: 'DELETE', path: place, attempts: 1, signal }).catch(() => undefined);
  response?.discard();
}

const CANCEL_MS = 5_000;

async function begin(host: HostClient, { repository, descriptor, signal }: UploadRequest): Promise<UploadSession> {
  const response = await host.request({ method: 'POST', path: `${repository}/blobs/uploads/`, headers: EMPTY, signal });
  if (response.status !== 202) throw await refusal(host, response, `blob ${descriptor.digest}`);
  return { place: placeOf(host, response, `blob ${descriptor.digest}`), arrivedBytes: 0 };
}

const EMPTY = { 'content-length': '0' };

/** The address at which an upload goes on, of an answer's Location. @throws {EngineError} `registry-push.noPlace` */
export function placeOf(host: HostClient, response: RegistryResponse, what: string): URL {
  const location = response.header('location');
  response.discard();
  if (location === undefined) throw pushErrors.noPlace({ host: host.name, what, reason: 'Location is missing' });
  return followedUrl(response.url, location);
}

/** @returns `again` after a break, with `session` as the registry tells it then */
async function sendPiece(
  host: HostClient,
  session: UploadSession,
  request: UploadRequest,
): Promise<'done' | 'more' | 'again' | 'forgotten'> {
  const { descriptor, signal } = request;
  const restBytes = descriptor.sizeBytes - session.arrivedBytes;
  const isLast = restBytes <= (session.arrivedBytes === 0 ? ONE_PIECE_BYTES : 0);
  const pieceBytes = isLast ? restBytes : Math.min(restBytes, PIECE_BYTES);
  let response: RegistryResponse;
  try {
    response = await sendBytes(host, session, request, { isLast, pieceBytes });
  } catch (error) {
    if (!isTransient(error, true)) throw error;
    return await askProgress(host, session, request);
  }
  const { status } = response;
  if (isLast && status === 201) {
    checkStored(host, response, descriptor);
    return 'done';
  }
  if (!isLast && (status === 202 || status === 201)) {
    const end = /^(?:bytes=)?\d+-(\d+)$/.exec(response.header('range') ?? '')?.[1];
    session.place = placeOf(host, response, `blob ${descriptor.digest}`);
    session.arrivedBytes = end === undefined ? session.arrivedBytes + pieceBytes : Number(end) + 1;
    return 'more';
  }
  if (status === 404) {
    response.discard();
    return 'forgotten';
  }
  // 416: what was sent does not follow what has arrived.
  if (status === 416 || status >= 500 || status === 429) {
    response.discard();
    signal.throwIfAborted();
    return await askProgress(host, session, request);
  }
  throw await refusal(host, response, `blob ${descriptor.digest}`);
}

async function sendBytes(
  host: HostClient,
  session: UploadSession,
  request: UploadRequest,
  piece: { readonly isLast: boolean; readonly pieceBytes: number },
): Promise<RegistryResponse> {
  const { descriptor, content, signal } = request;
  const { arrivedBytes, place } = session;
  const { isLast, pieceBytes } = piece;
  const path = new URL(place);
  if (isLast) path.searchParams.set('digest', descriptor.digest);
  const end = arrivedBytes + pieceBytes;
  const headers = {
    'content-type': 'application/octet-stream',
    ...(!isLast && { 'content-range': `${arrivedBytes}-${end - 1}` }),
  };
  const body = { sizeBytes: pieceBytes, content: () => slice(content(), arrivedBytes, end) };
  return await host.request({ method: isLast ? 'PUT' : 'PATCH', path, headers, body, attempts: 1, signal });
}

/** How much a registry has after a break. */
async function askProgress(
  host: HostClient,
  session: UploadSession,
  { descriptor, signal }: UploadRequest,
): Promise<'again' | 'forgotten'> {
  const response = await host.request({ path: session.place, signal });
  const { status } = response;
  if (status !== 204 && status !== 202 && status !== 200) {
    response.discard();
    return 'forgotten';
  }
  const end = /^(?:bytes=)?\d+-(\d+)$/.exec(response.header('range') ?? '')?.[1];
  // An empty session is told as 0-0 by some, which is one byte by others: the next piece would be refused, so all is sent again.
  session.arrivedBytes = end === undefined || end === '0' ? 0 : Number(end) + 1;
  if (session.arrivedBytes > descriptor.sizeBytes) {
    response.discard();
    return 'forgotten';
  }
  const location = response.header('location');
  response.discard();
  if (location !== undefined) session.place = followedUrl(response.url, location);
  return 'again';
}

/** @throws {EngineError} `registry-push.wrongDigest` */
function checkStored(host: HostClient, response: RegistryResponse, { digest }: Descriptor): void {
  const actual = response.header('docker-content-digest');
  response.discard();
  if (actual === undefined || actual === digest) return;
  throw pushErrors.wrongDigest({ host: host.name, what: 'a blob', expected: digest, actual });
}

/** What a registry says to something that it does not take. */
export async function refusal(host: HostClient, response: RegistryResponse, what: string): Promise<Error> {
  const { status } = response;
  return pushErrors.refusedContent({ host: host.name, what, status, answer: await response.excerpt() });
}

/** Bytes `[start, end)` of a stream. */
async function* slice(
  source: AsyncIterable<Uint8Array>,
  start: number,
  end: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let at = 0;
  if (start >= end) return;
  for await (const chunk of source) {
    const part = chunk.subarray(Math.max(0, start - at), Math.max(0, end - at));
    at += chunk.length;
    if (part.length > 0) yield part;
    if (at >= end) return;
  }
}
