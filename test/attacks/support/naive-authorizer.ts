import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';

/** What it looks at of a body. */
const LOOKED_AT_BYTES = 1 << 16;
const FIELD = '"volumes":';
const NOTHING = `${FIELD}[]`;

/**
 * Stands before an agent as plugins that authorise stand before an engine: it looks at what comes, and hands on what it
 * has no objection to. It sees the beginning of a body, and of one whose length is not said nothing.
 */
export class NaiveAuthorizer {
  readonly path: string;
  readonly #server: Server;
  readonly #agentSocket: string;

  private constructor(path: string, agentSocket: string) {
    this.path = path;
    this.#agentSocket = agentSocket;
    this.#server = createServer((asked, answer) => {
      this.#handle(asked, answer).catch((error: unknown) => answer.destroy(error as Error));
    });
  }

  static async listen(path: string, agentSocket: string): Promise<NaiveAuthorizer> {
    const authorizer = new NaiveAuthorizer(path, agentSocket);
    authorizer.#server.listen(path);
    await once(authorizer.#server, 'listening');
    return authorizer;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #handle(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of asked) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const seen = asked.headers['content-length'] === undefined ? '' : body.subarray(0, LOOKED_AT_BYTES).toString();
    if (wantsVolumes(seen)) {
      answer.writeHead(403).end('{}');
      return;
    }
    const headers = { 'content-type': 'application/json', 'content-length': body.length };
    const options = { socketPath: this.#agentSocket, method: asked.method, path: asked.url, headers, agent: false };
    const sent = request(options, (response) => {
      answer.writeHead(response.statusCode ?? 500);
      response.pipe(answer);
    });
    sent.on('error', (error) => answer.destroy(error));
    sent.end(body);
  }
}

/** Whether the first field of that name has anything in it. */
function wantsVolumes(text: string): boolean {
  const first = text.indexOf(FIELD);
  return first >= 0 && !text.startsWith(NOTHING, first);
}
