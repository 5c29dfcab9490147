import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NO_CALLERS } from '../../base/callers.ts';
import { nodeEffects } from '../../base/effects/node-effects.ts';
import { MetricRegistry } from '../../base/metrics.ts';
import { openAccess } from './access/access.fixture.ts';
import { LoggingLevel } from './diagnostics/logging-level.ts';
import { OperatorApi } from './operator/api.ts';
import { testJournal } from './request-journal.fixture.ts';
import { AgentServer, type AgentServerOptions } from './server.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
  readonly trailers: Readonly<Record<string, string | undefined>>;
  readonly json: () => Record<string, unknown>;
}

export interface Sent {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An agent's face on a socket of its own, over whatever engine a test gives to `server.serve`. */
export class ServedAgent {
  readonly metricRegistry = new MetricRegistry();
  readonly server: AgentServer;
  readonly log = { level: 'info' };
  readonly #directory: string;

  private constructor(directory: string, options: Partial<AgentServerOptions>) {
    const { files, clock, helper } = nodeEffects();
    const logging = new LoggingLevel(clock, this.log);
    const { journal = testJournal() } = options;
    this.#directory = directory;
    this.server = new AgentServer({
      ...{ files, clock, probe: '/probe', metricRegistry: this.metricRegistry, callers: NO_CALLERS },
      logging,
      log: { info: () => {}, warn: () => {} },
      version: { version: '1', protocol: 1, node: '24', pid: 1, rootDir: '/r', stateDir: '/s' },
      journal,
      operator: new OperatorApi({
        helper,
        clock,
        about: { version: '1', launcher: 'linux', flags: {} },
        logging,
        journal,
      }),
      ...openAccess(directory),
      ...options,
    });
  }

  static async listen(options: Partial<AgentServerOptions> = {}): Promise<ServedAgent> {
    const agent = new ServedAgent(await mkdtemp(join(tmpdir(), 'isopod-agent-')), options);
    await agent.server.listen(agent.socketPath);
    return agent;
  }

  get socketPath(): string {
    return join(this.#directory, 'agent.sock');
  }

  send(method: string, path: string, { body, headers = {} }: Sent = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const options = { socketPath: this.socketPath, method, path, headers, agent: false };
      const sent = request(options, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('error', reject);
        const { statusCode = 0, headers: answered } = response;
        response.on('end', () => {
          const { trailers } = response;
          resolve({ status: statusCode, headers: answered, text, trailers, json: () => JSON.parse(text) });
        });
      });
      sent.on('error', reject);
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  /** A call of the operator API. */
  call(type: string, fields?: unknown): Promise<Answer> {
    const headers = { 'content-type': 'application/json' };
    return this.send('POST', '/api/v1', { headers, body: { type, [type.toLowerCase()]: fields } });
  }

  async close(): Promise<void> {
    await this.server.close(100);
    await rm(this.#directory, { recursive: true });
  }
}
