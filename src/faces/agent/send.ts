import type { ServerResponse } from 'node:http';
import type { Answer } from './router.ts';

/** Answers with a JSON body. */
export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  const text = Buffer.from(JSON.stringify(body));
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': text.length });
  response.end(text);
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
