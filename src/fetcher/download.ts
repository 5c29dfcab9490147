import type { Clock, Files, Random } from '../base/effects.ts';
import { isTransientCause } from '../image/registry/network-errors.ts';
import { backOffMs, isRetryableStatus, type RetryBounds, retryAfterMs } from '../image/registry/retry.ts';
import { shown, type WebClient, type WebResponse } from '../image/web/web-client.ts';
import type { Digest } from '../model/digest.ts';
import { EngineError, systemErrorCode } from '../model/error.ts';
import { ArrivingFile } from './arriving-file.ts';
import { fetcherErrors } from './errors.ts';

export interface DownloadPorts {
  readonly files: Files;
  readonly clock: Clock;
  readonly random: Random;
  readonly web: WebClient;
  readonly bounds: RetryBounds;
}

export interface Download {
  readonly url: URL;
  /** What its bytes must be. */
  readonly digest: Digest | undefined;
  readonly maxBytes: number;
  readonly directory: string;
  /** Its name there, once it is whole and right. */
  readonly name: string;
  readonly signal: AbortSignal;
}

/** One that breaks off so often is given up, though each time some bytes came. */
const MAX_RESUMPTIONS = 256;

/**
 * Downloads a file into a directory of ours. A server that does not serve is asked again, as registries are, and one that breaks off
 * goes on where it was, if it says which version of the file it sends; else it begins anew.
 *
 * @returns its size and digest; nothing is left when it throws
 * @throws {EngineError} `fetcher.*`, `web.*`
 */
export async function download(
  ports: DownloadPorts,
  wanted: Download,
): Promise<{ readonly sizeBytes: number; readonly digest: Digest }> {
  const { url, digest, directory, name } = wanted;
  const file = new ArrivingFile(ports.files, directory);
  try {
    await arrival(ports, wanted, file);
    const actual = file.digest();
    if (digest !== undefined && digest !== actual) {
      throw fetcherErrors.wrongDigest({ what: shown(url), expected: digest, actual });
    }
    await file.commit(`${directory}/${name}`);
    return { sizeBytes: file.sizeBytes, digest: actual };
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOSPC' || code === 'EDQUOT') throw fetcherErrors.diskFull({ directory, url: shown(url) }, error);
    throw error;
  } finally {
    await file.abort();
  }
}

/** How one request ended: with all of the file, or with what another one may mend. */
type Outcome = 'whole' | { readonly error: unknown; readonly wishedMs?: number | undefined };

/** Asks until all of it is there. */
async function arrival(ports: DownloadPorts, wanted: Download, file: ArrivingFile): Promise<void> {
  const { bounds, clock, random } = ports;
  const { requestAttempts: attempts } = bounds;
  const reached = { wasReached: false };
  let failures = 0;
  let farthestBytes = 0;
  for (let requests = 1; ; requests++) {
    const outcome = await transfer(ports, wanted, { file, requests, reached });
    if (outcome === 'whole') return;
    const { error, wishedMs } = outcome;
    if (file.sizeBytes > farthestBytes) failures = 0;
    farthestBytes = Math.max(farthestBytes, file.sizeBytes);
    // Each silence costs a minute.
    failures += isStalled(error) ? Math.ceil(attempts / 2) : 1;
    const isTooLong = (wishedMs ?? 0) > bounds.maxRetryDelayMs;
    if (failures >= attempts || requests > MAX_RESUMPTIONS || isTooLong) throw error;
    await clock.sleep(wishedMs ?? backOffMs(failures, bounds, random), wanted.signal);
  }
}

/** @throws what another request would not mend */
async function transfer(
  { web, clock }: DownloadPorts,
  { url, maxBytes, signal }: Download,
  how: { readonly file: ArrivingFile; readonly requests: number; readonly reached: { wasReached: boolean } },
): Promise<Outcome> {
  const { file, requests: attempts, reached } = how;
  let response: WebResponse | undefined;
  try {
    response = await web.get(url, signal, file.wishes());
    reached.wasReached = true;
    const { status } = response;
    // Of a file that is shorter now there is no rest.
    if (status === 200 || status === 206 || (status === 416 && file.sizeBytes > 0)) {
      if (await file.take(response, maxBytes)) return 'whole';
      return { error: fetcherErrors.answered({ url: shown(url), status, attempts }) };
    }
    const details = { url: shown(url), status, attempts };
    if (status === 404 || status === 410) throw fetcherErrors.missing(details);
    const error = fetcherErrors.answered(details);
    if (isRetryableStatus(status)) return { error, wishedMs: retryAfterMs(response.headers, clock.nowMs()) };
    throw error;
  } catch (error) {
    signal.throwIfAborted();
    if (!isMendable(error, reached.wasReached)) throw error;
    return { error };
  } finally {
    response?.discard();
  }
}

function isMendable(error: unknown, wasReached: boolean): boolean {
  if (!(error instanceof EngineError)) return false;
  if (error.code === 'web.unreachable') return isTransientCause(error.cause, wasReached);
  return error.code === 'web.cutShort' || isStalled(error);
}

function isStalled(error: unknown): boolean {
  return error instanceof EngineError && error.code === 'web.stalled';
}
