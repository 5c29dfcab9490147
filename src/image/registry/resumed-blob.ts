import { EngineError } from '../../model/error.ts';
import type { Descriptor } from '../manifest.ts';
import type { BlobReading } from './blob-senders.ts';
import { registryErrors } from './errors.ts';
import { type HostFailure, isOfHost, withEarlier } from './failures.ts';
import type { HostClient } from './host-client.ts';
import type { RegistryResponse } from './response.ts';

/** A transfer that is broken off so often is given up, though each time some bytes came. */
const MAX_RESUMPTIONS = 256;

export interface BlobRequest {
  readonly path: string;
  readonly descriptor: Descriptor;
  readonly startByte: number;
  /** How often nothing may come before it is given up. */
  readonly attempts: number;
  readonly signal: AbortSignal;
  /** Throws for an answer that brings no blob. */
  readonly check: (response: RegistryResponse, host: HostClient) => Promise<void>;
  /** Told of a host that has failed, and of the one that is asked next. */
  readonly onLeft: (failure: HostFailure, next: HostClient) => void;
}

/** How one host is asked: behind all but the last there is somebody else, who has to be preferred to what looks wrong. */
interface HostTurn extends BlobRequest {
  readonly isLast: boolean;
  readonly senders: HostClient[];
}

/** How one transfer ended: whole or not, with the error of a silence, or refused before its first byte. */
type Outcome = { readonly kind: 'ended' } | { readonly kind: 'silent' | 'refused'; readonly error: unknown };

interface Progress {
  reachedByte: number;
  resumptions: number;
}

/**
 * A blob from its first wanted byte to its end, whatever happens on the way: after a break it is gone on with at the byte that was
 * reached, first at the same host, then at the next one.
 *
 * @throws {EngineError} what the last host's refusal or silence throws. It ends early when nobody has more: its reader says what
 *   is missing
 */
export async function* resumedBlob(
  { hosts, senders, failures }: BlobReading,
  request: BlobRequest,
): AsyncGenerator<Uint8Array, void, undefined> {
  const progress: Progress = { reachedByte: request.startByte, resumptions: 0 };
  const { descriptor } = request;
  // Whoever has all of it already has asked for it before.
  if (request.startByte > 0 && request.startByte >= descriptor.sizeBytes) return;
  for (const [turn, host] of hosts.entries()) {
    const next = hosts[turn + 1];
    const isLast = next === undefined;
    const attempts = isLast ? request.attempts : 1;
    const outcome = yield* fromHost(host, { ...request, attempts, isLast, senders }, progress);
    if (outcome === 'whole' || (outcome.kind === 'ended' && isLast)) return;
    const bytes = progress.reachedByte;
    const error =
      outcome.kind === 'ended'
        ? registryErrors.cutShort({ host: host.name, what: descriptor.digest, bytes })
        : outcome.error;
    if (!isOfHost(error)) throw error;
    if (isLast) throw withEarlier(error, failures);
    failures.push({ host, error });
    request.onLeft({ host, error }, next);
  }
}

/** All that one host has of it. @returns how its last transfer ended */
async function* fromHost(
  host: HostClient,
  request: HostTurn,
  progress: Progress,
): AsyncGenerator<Uint8Array, 'whole' | Outcome, undefined> {
  const { attempts, signal, descriptor } = request;
  let failures = 0;
  for (;;) {
    const before = progress.reachedByte;
    const outcome = yield* oneTransfer(host, request, progress);
    signal.throwIfAborted();
    if (outcome.kind === 'ended' && progress.reachedByte >= descriptor.sizeBytes) return 'whole';
    if (outcome.kind === 'refused') return outcome;
    if (progress.reachedByte > before) failures = 0;
    // Each silence costs a minute.
    failures += outcome.kind === 'silent' ? Math.ceil(attempts / 2) : 1;
    progress.resumptions += 1;
    if (failures >= attempts || progress.resumptions > MAX_RESUMPTIONS) return outcome;
    const broken = `registry ${host.name} broke off ${descriptor.digest} at byte ${progress.reachedByte}`;
    const reason = outcome.kind === 'silent' && outcome.error instanceof EngineError ? outcome.error.message : broken;
    await host.pause({ failures, attempts, reason }, signal);
  }
}

async function* oneTransfer(
  host: HostClient,
  request: HostTurn,
  progress: Progress,
): AsyncGenerator<Uint8Array, Outcome, undefined> {
  let body: AsyncGenerator<Uint8Array, void, undefined>;
  try {
    body = await openBody(host, request, progress.reachedByte);
  } catch (error) {
    return { kind: 'refused', error };
  }
  try {
    for (;;) {
      let next: IteratorResult<Uint8Array, void>;
      try {
        next = await body.next();
      } catch (error) {
        return { kind: 'silent', error };
      }
      if (next.done === true) return { kind: 'ended' };
      progress.reachedByte += next.value.length;
      if (request.senders.at(-1) !== host) request.senders.push(host);
      yield next.value;
    }
  } finally {
    await body.return();
  }
}

async function openBody(
  host: HostClient,
  request: HostTurn,
  startByte: number,
): Promise<AsyncGenerator<Uint8Array, void, undefined>> {
  const { path, signal, attempts, check } = request;
  // Proxies that compress on the way would make another file of it.
  const headers = { 'accept-encoding': 'identity', ...(startByte > 0 && { range: `bytes=${startByte}-` }) };
  const response = await host.request({ path, headers, signal, attempts });
  if (response.status === 206) {
    checkRange(response, request, startByte);
    return response.body();
  }
  await check(response, host);
  if (!request.isLast) checkLooks(response, request);
  return skipped(response.body(), startByte);
}

/** @throws {EngineError} `registry.wrongRange`: other bytes than those that were asked for would pass for them */
function checkRange(response: RegistryResponse, { descriptor }: BlobRequest, asked: number): void {
  const answer = response.header('content-range') ?? 'no Content-Range';
  const match = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(answer);
  const total = match?.[3] === '*' ? descriptor.sizeBytes : Number(match?.[3]);
  if (Number(match?.[1]) === asked && total === descriptor.sizeBytes) return;
  response.discard();
  throw registryErrors.wrongRange({ host: response.url.host, digest: descriptor.digest, asked, answer });
}

/**
 * Whether an answer looks like the blob at all: a page of a proxy has another length, and says what it is. Of the last host it is
 * read nonetheless: its digest decides.
 *
 * @throws {EngineError} `registry.badAnswer`
 */
function checkLooks(response: RegistryResponse, { descriptor }: BlobRequest): void {
  const [type = '', length] = [response.header('content-type'), response.header('content-length')];
  const isPage = type.startsWith('text/html') && !descriptor.mediaType.startsWith('text/html');
  const isOther = length !== undefined && Number(length) !== descriptor.sizeBytes;
  if (!isPage && !isOther) return;
  response.discard();
  const typed = type === '' ? '' : ` of ${type}`;
  const reason = `${length ?? 'some'} bytes${typed} came, and it has ${descriptor.sizeBytes}`;
  throw registryErrors.badAnswer({ host: response.url.host, what: descriptor.digest, reason });
}

/** What comes after the first bytes, of a server that sends all of it whatever it is asked for. */
async function* skipped(source: AsyncIterable<Uint8Array>, bytes: number): AsyncGenerator<Uint8Array, void, undefined> {
  let left = bytes;
  for await (const chunk of source) {
    const passed = chunk.subarray(left);
    left = Math.max(0, left - chunk.length);
    if (passed.length > 0) yield passed;
  }
}
