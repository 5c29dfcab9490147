import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { instanceName } from '../../src/launcher/placement.ts';

const REPOSITORY = join(import.meta.dirname, '..', '..');
const READY_DEADLINE_MS = 20_000;

/** One agent with a root and a state directory of its own, and a client that keeps its connection. */
export class BenchAgent {
  readonly directory = mkdtempSync(join(tmpdir(), 'isopod-bench-'));
  readonly root = join(this.directory, 'root');
  readonly state = join(this.directory, 'state');
  readonly #connections = new Agent({ keepAlive: true, maxSockets: 64 });
  #pid = 0;

  /** State on a tmpfs, as `/run` is on the hosts that people have. */
  constructor() {
    mkdirSync(this.state);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'mode=0711', 'isopod-bench', this.state]);
  }

  get pid(): number {
    return this.#pid;
  }

  /** The name of its groups. */
  get instance(): string {
    const { dev: device, ino: inode } = statSync(this.root, { bigint: true });
    return instanceName({ path: realpathSync(this.root), device, inode });
  }

  get cliArguments(): readonly string[] {
    return [join(REPOSITORY, 'isopod'), '--root', this.root, '--state', this.state];
  }

  async start(): Promise<void> {
    const [command, ...options] = this.cliArguments;
    const child = spawn(command ?? '', [...options, 'agent'], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    this.#pid = child.pid ?? 0;
    const deadline = performance.now() + READY_DEADLINE_MS;
    for (;;) {
      const ready = await this.call('GET', '/v1/containers').then(
        ({ status }) => status === 200,
        () => false,
      );
      if (ready) return;
      if (performance.now() > deadline) throw new Error('the agent did not get ready');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Of the agent, and of all processes that are or were in the groups of its instance; in v2 of none of those. */
  cpuMicroseconds(): number {
    const usage = `/sys/fs/cgroup/cpuacct/${this.instance}/cpuacct.usage`;
    return this.ownCpuMicroseconds() + (existsSync(usage) ? Number(readFileSync(usage, 'utf8')) / 1000 : 0);
  }

  /** Of the agent's own process. */
  ownCpuMicroseconds(): number {
    const stat = readFileSync(`/proc/${this.#pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10_000;
  }

  /** kill -9, as a crash would. */
  kill(): void {
    process.kill(this.#pid, 'SIGKILL');
    this.#connections.destroy();
  }

  async stop(): Promise<void> {
    process.kill(this.#pid, 'SIGTERM');
    this.#connections.destroy();
    for (let tries = 0; tries < 500; tries += 1) {
      try {
        process.kill(this.#pid, 0);
      } catch {
        break;
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    this.#remove();
  }

  /** For an agent that somebody else started and that ends by itself: waits for that, then removes its directory. */
  async discard(): Promise<void> {
    const deadline = performance.now() + READY_DEADLINE_MS;
    while (existsSync(join(this.state, 'agent.sock')) && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    this.#remove();
  }

  /** The answer's JSON; of a stream, its last line. */
  call(method: string, path: string, body?: unknown): Promise<{ readonly status: number; readonly body: unknown }> {
    return new Promise((resolve, reject) => {
      const payload = body === undefined ? undefined : JSON.stringify(body);
      const sent = request(
        {
          socketPath: join(this.state, 'agent.sock'),
          path,
          method,
          agent: this.#connections,
          headers:
            payload === undefined
              ? {}
              : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            const text = Buffer.concat(chunks).toString('utf8');
            resolve({
              status: response.statusCode ?? 0,
              body: text === '' ? undefined : JSON.parse(text.trimEnd().split('\n').at(-1) ?? ''),
            });
          });
        },
      );
      // The server may have closed an idle connection just as we took it.
      sent.on('error', (error) => (sent.reusedSocket ? resolve(this.call(method, path, body)) : reject(error)));
      sent.end(payload);
    });
  }

  /** A call that must succeed. */
  async expect(method: string, path: string, body?: unknown): Promise<unknown> {
    const answer = await this.call(method, path, body);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  #remove(): void {
    execFileSync('umount', ['-l', this.state]);
    rmSync(this.directory, { recursive: true, force: true });
  }
}
