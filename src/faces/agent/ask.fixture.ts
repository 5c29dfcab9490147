import { request } from 'node:http';

/** What an agent answered. */
export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly json: () => Record<string, unknown>;
}

/** One request to an agent on a socket. */
export function ask(
  socketPath: string,
  {
    method,
    path,
    body,
    headers,
  }: {
    readonly method: string;
    readonly path: string;
    readonly body?: unknown;
    readonly headers: Record<string, string>;
  },
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, method, path, headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text, json: () => JSON.parse(text) }));
    });
    sent.on('error', reject);
    sent.end(body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body));
  });
}
