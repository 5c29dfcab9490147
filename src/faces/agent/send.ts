import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../../base/effects.ts';
import { hasBody } from './body.ts';
import type { Answer } from './router.ts';
import type { ErrorBody } from './status.ts';

/** Header of a request whose sender reads the trailer `isopod-error`: a stream that fails ends with it, and is cut else. */
const TRAILER_WANTED = 'isopod-error-trailer';
/** Percent-encoded JSON: what is wrong with a stream that has begun. */
const ERROR_TRAILER = 'isopod-error';
/** Node takes 16 KiB of headers; of a character percent-encoding makes nine at most. */
const MOST_TRAILER_CHARACTERS = 800;

/** Answers with a JSON body. */
export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  sendText(response, { status, type: 'application/json', text: JSON.stringify(body) });
}

/** Answers with a text of a known length. */
export function sendText(
  response: ServerResponse,
  { status, type, text }: { readonly status: number; readonly type: string; readonly text: string },
): void {
  const bytes = Buffer.from(text);
  response.writeHead(status, { 'content-type': type, 'content-length': bytes.length });
  response.end(bytes);
}

/** Answers with chunks as they come; returns when all are sent, or the client has gone. */
export async function sendStream(response: ServerResponse, answer: Extract<Answer, { kind: 'stream' }>): Promise<void> {
  const trailer = response.req.headers[TRAILER_WANTED] === undefined ? {} : { trailer: ERROR_TRAILER };
  response.writeHead(200, { 'content-type': answer.contentType, ...trailer });
  response.flushHeaders();
  for await (const chunk of answer.chunks) {
    if (response.destroyed) return;
    if (!response.write(chunk)) await drained(response);
  }
  response.end();
}

/** Ends an answer that has begun and cannot be finished: who reads trailers is told why, for anybody else it is cut. */
export function sendCut(response: ServerResponse, { code, kind, message, remedy }: ErrorBody): void {
  if (response.destroyed || response.getHeader('trailer') !== ERROR_TRAILER) {
    response.destroy();
    return;
  }
  const bounded = (text: string | undefined): string | undefined =>
    text?.slice(0, MOST_TRAILER_CHARACTERS).toWellFormed();
  const told = JSON.stringify({ code, kind, message: bounded(message), remedy: bounded(remedy) });
  response.addTrailers({ [ERROR_TRAILER]: encodeURIComponent(told) });
  response.end();
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const over = (): void => {
      response.off('close', over);
      response.off('drain', over);
      resolve();
    };
    response.once('close', over);
    response.once('drain', over);
    if (response.destroyed) over();
  });
}

/** What is still on its way is thrown away for so long, and so much of it. */
const UNREAD_MS = 5_000;
const MOST_UNREAD_BYTES = 64 << 20;

/** What a request is refused with. */
export interface Refusal {
  readonly status: number;
  readonly type: string;
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/**
 * Answers a request whose body may not have been read to its end. Who still writes may never come to read an answer of
 * a connection that was cut: it stays until he has gone, within a bound.
 */
export function sendRefusal(
  request: IncomingMessage,
  response: ServerResponse,
  { status, type, text, headers, clock }: Refusal & { readonly clock: Clock },
): void {
  const bytes = Buffer.from(text);
  // An unread body (too large, or late) would be taken for the next request.
  const last = request.complete ? {} : { connection: 'close' };
  response.writeHead(status, { ...headers, ...last, 'content-type': type, 'content-length': bytes.length });
  if (request.complete || !hasBody(request)) response.end(bytes);
  else {
    response.write(bytes);
    throwAway(request, clock, () => response.end());
  }
}

/** @param done called once: at the end of the body, when its sender has gone, or when the bound is reached */
function throwAway(request: IncomingMessage, clock: Clock, done: () => void): void {
  let left = MOST_UNREAD_BYTES;
  const take = (chunk: Buffer): void => {
    left -= chunk.length;
    if (left < 0) end();
  };
  const end = (): void => {
    cancel();
    request.off('data', take).off('end', end).off('close', end);
    done();
  };
  const cancel = clock.after(UNREAD_MS, end);
  request.on('data', take).once('end', end).once('close', end);
  request.on('error', () => {}); // it closes then
  request.resume();
}
