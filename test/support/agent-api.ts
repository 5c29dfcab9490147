import { Agent, request } from 'node:http';

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

const RECOVERY_MS = 45_000;

/** The agent's HTTP API on its socket, over connections that are kept until `close`. */
export class AgentApi {
  readonly #socketPath: string;
  readonly #connections = new Agent({ keepAlive: true, maxSockets: 64 });

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  /** The answer's JSON, whatever its status. Rejects with Node's error when nobody answers. */
  call(method: string, path: string, body?: unknown, { key }: { readonly key?: string } = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const payload = body === undefined ? undefined : JSON.stringify(body);
      const headers = {
        ...(key !== undefined && { 'idempotency-key': key }),
        ...(payload !== undefined && {
          ...{ 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) },
        }),
      };
      const options = { socketPath: this.#socketPath, path, method, agent: this.#connections, headers };
      const sent = request(options, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          resolve({ status: response.statusCode ?? 0, body: text === '' ? undefined : JSON.parse(text) });
        });
      });
      // The agent may have closed an idle connection just as we took it.
      sent.on('error', (error) =>
        sent.reusedSocket
          ? resolve(this.call(method, path, body, { ...(key !== undefined && { key }) }))
          : reject(error),
      );
      sent.end(payload);
    });
  }

  /** A call that must succeed; an agent that is still recovering is asked again. @returns the body */
  async expect<Body>(method: string, path: string, body?: unknown): Promise<Body> {
    const answer = await this.callRecovered(method, path, body);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body as Body;
  }

  /** As `call`; an agent that is still recovering is asked again. */
  async callRecovered(...words: Parameters<AgentApi['call']>): Promise<Answer> {
    let answer = await this.call(...words);
    const deadline = performance.now() + RECOVERY_MS;
    while (answer.status === 503 && isRecovering(answer.body) && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      answer = await this.call(...words);
    }
    return answer;
  }

  close(): void {
    this.#connections.destroy();
  }
}

function isRecovering(body: unknown): boolean {
  return typeof body === 'object' && body !== null && 'code' in body && body.code === 'agent.recovering';
}
