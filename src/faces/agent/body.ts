import type { IncomingMessage } from 'node:http';
import { withDeadline } from '../../base/deadline.ts';
import type { Clock } from '../../base/effects.ts';
import { agentErrors } from './errors.ts';

const MAX_BODY_BYTES = 1 << 20;
const BODY_DEADLINE_MS = 10_000;

/**
 * The request's JSON body, at most 1 MiB within 10 s.
 *
 * @returns `undefined` when there is none
 * @throws {EngineError} `agent.bodyTooLarge`, `agent.bodyLate`, `agent.notJson`
 */
export async function readBody(request: IncomingMessage, clock: Clock): Promise<unknown> {
  if (!hasBody(request)) {
    request.resume();
    return undefined;
  }
  const reading = new AbortController();
  try {
    return parse(
      await withDeadline(clock, readAll(request, reading.signal), {
        ms: BODY_DEADLINE_MS,
        expired: () => agentErrors.bodyLate({ deadlineMs: BODY_DEADLINE_MS }),
      }),
    );
  } finally {
    reading.abort();
  }
}

/** A request has a body when it says how long it is (RFC 9112 §6.3). */
export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || !['0', undefined].includes(headers['content-length']);
}

/** @param over nobody waits for it any more: what comes is kept no longer */
function readAll(request: IncomingMessage, over: AbortSignal): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const take = (chunk: Buffer): void => {
      size += chunk.length;
      chunks.push(chunk);
      if (size <= MAX_BODY_BYTES) return;
      stop();
      reject(agentErrors.bodyTooLarge({ limitBytes: MAX_BODY_BYTES }));
    };
    const stop = (): void => {
      request.off('data', take);
      if (!request.complete) request.pause();
    };
    request.on('data', take);
    request.once('end', () => resolve(Buffer.concat(chunks)));
    request.once('error', reject);
    over.addEventListener('abort', stop, { once: true });
  });
}

function parse(bytes: Buffer): unknown {
  if (bytes.length === 0) return undefined;
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw agentErrors.notJson({ reason: error instanceof Error ? error.message : String(error) });
  }
}
