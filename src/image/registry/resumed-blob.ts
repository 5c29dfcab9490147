import { EngineError } from '../../model/error.ts';
import type { Descriptor } from '../manifest.ts';
import { registryErrors } from './errors.ts';
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
  hosts: readonly HostClient[],
  request: BlobRequest,
): AsyncGenerator<Uint8Array, void, undefined> {
  const progress: Progress = { reachedByte: request.startByte, resumptions: 0 };
  // Whoever has all of it already has asked for it before.
  if (request.startByte > 0 && request.startByte >= request.descriptor.sizeBytes) return;
  for (const [turn, host] of hosts.entries()) {
    const isLast = turn === hosts.length - 1;
    const outcome = yield* fromHost(host, isLast ? request : { ...request, attempts: 1 }, progress);
    if (outcome === 'whole') return;
    const isOurs = outcome.kind !== 'ended' && !(outcome.error instanceof EngineError);
    if (outcome.kind !== 'ended' && (isLast || isOurs)) throw outcome.error;
  }
}

/** All that one host has of it. @returns how its last transfer ended */
async function* fromHost(
  host: HostClient,
  request: BlobRequest,
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
  request: BlobRequest,
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
      yield next.value;
    }
  } finally {
    await body.return();
  }
}

async function openBody(
  host: HostClient,
  request: BlobRequest,
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

/** What comes after the first bytes, of a server that sends all of it whatever it is asked for. */
async function* skipped(source: AsyncIterable<Uint8Array>, bytes: number): AsyncGenerator<Uint8Array, void, undefined> {
  let left = bytes;
  for await (const chunk of source) {
    const passed = chunk.subarray(left);
    left = Math.max(0, left - chunk.length);
    if (passed.length > 0) yield passed;
  }
}
