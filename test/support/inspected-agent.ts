import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { until } from '../e2e/support/installation.ts';
import type { IsopodHost } from './isopod-host.ts';

const BUNDLE = join(import.meta.dirname, '..', '..', '.build', 'isopod.cjs');

interface InspectorAnswer {
  readonly id?: number;
  readonly error?: { readonly message: string };
  readonly result?: { readonly usedSize?: number };
}

/** An agent in the foreground whose heap can be measured: V8's inspector listens on a free port of 127.0.0.1. */
export class InspectedAgent {
  readonly process: ChildProcess;
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (answer: InspectorAnswer) => void>();
  #serial = 0;

  private constructor(process: ChildProcess, socket: WebSocket) {
    this.process = process;
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => {
      const answer = JSON.parse(String(data)) as InspectorAnswer;
      if (answer.id !== undefined) this.#waiting.get(answer.id)?.(answer);
    });
  }

  static async start(isopod: IsopodHost): Promise<InspectedAgent> {
    const child = spawn(process.execPath, ['--inspect=127.0.0.1:0', BUNDLE, 'agent'], {
      env: isopod.env,
      stdio: ['ignore', 'inherit', 'pipe'],
    });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    const address = (): string | undefined => /ws:\/\/\S+/.exec(said)?.[0];
    await until('the inspector listens', () => address() !== undefined);
    const socket = new WebSocket(address() ?? '');
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve, { once: true });
      socket.addEventListener('error', reject, { once: true });
    });
    // Its end is told with its last words: every later call would only say that nobody listens.
    child.once('exit', (code, signal) => {
      if (signal !== 'SIGTERM' && code !== 0) process.stderr.write(`the agent ended with ${signal ?? code}: ${said}\n`);
    });
    const serves = (): Promise<boolean> =>
      isopod.api
        .call('GET', '/v1/version')
        .then(() => true)
        .catch(() => false);
    await until('the agent serves', async () => isopod.livingAgent() === child.pid && (await serves()));
    return new InspectedAgent(child, socket);
  }

  /** Bytes in use after everything that nobody holds was collected. */
  async heapBytes(): Promise<number> {
    // What a finalizer lets go is collected by the second.
    for (let round = 0; round < 2; round += 1) await this.#ask('HeapProfiler.collectGarbage');
    const { usedSize } = await this.#ask('Runtime.getHeapUsage');
    if (usedSize === undefined) throw new Error('the inspector tells no usedSize');
    return usedSize;
  }

  close(): void {
    this.#socket.close();
  }

  async #ask(method: string): Promise<NonNullable<InspectorAnswer['result']>> {
    this.#serial += 1;
    const id = this.#serial;
    const { promise, resolve } = Promise.withResolvers<InspectorAnswer>();
    this.#waiting.set(id, resolve);
    this.#socket.send(JSON.stringify({ id, method }));
    const { error, result } = await promise;
    this.#waiting.delete(id);
    if (error !== undefined) throw new Error(`${method}: ${error.message}`);
    return result ?? {};
  }
}
