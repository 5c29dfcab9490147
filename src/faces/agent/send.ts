import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../../base/effects.ts';
import type { Answer } from './router.ts';

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
  response.writeHead(200, { 'content-type': answer.contentType });
  response.flushHeaders();
  for await (const chunk of answer.chunks) {
    if (response.destroyed) return;
    if (!response.write(chunk)) await drained(response);
  }
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

/** What is still on its way is thrown away for so long. */
const UNREAD_MS = 5_000;

/**
 * Answers a request whose body is not read to its end. Who still writes may never come to read an answer of a connection
 * that was cut: it stays until he has gone, within a bound.
 */
export function sendWhileRead(
  request: IncomingMessage,
  response: ServerResponse,
  { status, body, clock }: { readonly status: number; readonly body: unknown; readonly clock: Clock },
): void {
  const bytes = Buffer.from(JSON.stringify(body));
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': bytes.length });
  response.write(bytes);
  const end = (): void => {
    cancel();
    response.end();
  };
  const cancel = clock.after(UNREAD_MS, end);
  request.once('end', end);
  request.once('close', end);
  request.on('error', () => {}); // it closes then
  request.resume();
}
