import type { ServerResponse } from 'node:http';
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
