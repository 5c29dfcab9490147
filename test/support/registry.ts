import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Debian's docker-registry on a free port of this machine, with storage that is gone after `stop`. */
export interface RegistryProgram {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** Sends it a signal: STOP and CONT pause it. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void;
  /** Ends it without warning and starts it again, with the same storage at the same place. */
  killAndRestart(): Promise<void>;
  /** Bytes that it has on disk of blobs whose upload is not over. */
  arrivedBytes(): number;
  stop(): Promise<void>;
}

export interface RegistryOptions {
  /** A line of htpasswd(1) for the one user who may use it. */
  readonly user?: string;
  readonly tls?: {
    readonly certificate: string;
    readonly key: string;
    /** Only clients with a certificate of this authority are let in. */
    readonly clientAuthority?: string;
  };
}

const DEADLINE_MS = 45_000;

/** Names of the given programs that are not installed. */
export function missingPrograms(names: readonly string[]): readonly string[] {
  return names.filter((name) => spawnSync('sh', ['-c', 'command -v "$1"', 'sh', name]).status !== 0);
}

export async function startRegistry(options: RegistryOptions = {}): Promise<RegistryProgram> {
  const directory = mkdtempSync(join(tmpdir(), 'isopod-registry-'));
  const host = `127.0.0.1:${await freePort()}`;
  const config = join(directory, 'config.yml');
  writeFileSync(
    config,
    JSON.stringify({
      version: '0.1',
      log: { level: 'error', accesslog: { disabled: true } },
      storage: { filesystem: { rootdirectory: join(directory, 'data') }, delete: { enabled: true } },
      http: { addr: host, ...(options.tls && { tls: tlsOf(options.tls) }) },
      ...(options.user && { auth: { htpasswd: { realm: 'test', path: join(directory, 'htpasswd') } } }),
    }),
  );
  if (options.user !== undefined) writeFileSync(join(directory, 'htpasswd'), `${options.user}\n`);
  let run = await serve(directory, host);
  return {
    host,
    signal: (name) => void run.program.kill(name),
    killAndRestart: async () => {
      run.program.kill('SIGKILL');
      await run.ended;
      run = await serve(directory, host);
    },
    arrivedBytes: () => arrivedBytes(join(directory, 'data')),
    stop: async () => {
      run.program.kill('SIGCONT');
      run.program.kill('SIGTERM');
      await run.ended;
      rmSync(directory, { recursive: true });
    },
  };
}

function arrivedBytes(storage: string): number {
  const paths = existsSync(storage) ? readdirSync(storage, { recursive: true, encoding: 'utf8' }) : [];
  return paths
    .filter((path) => /\/_uploads\/[^/]+\/data$/.test(path))
    .reduce((sum, path) => sum + (statSync(join(storage, path), { throwIfNoEntry: false })?.size ?? 0), 0);
}

function tlsOf({ certificate, key, clientAuthority }: NonNullable<RegistryOptions['tls']>): object {
  return { certificate, key, ...(clientAuthority && { clientcas: [clientAuthority] }) };
}

/** Starts the program and waits until it listens. */
async function serve(
  directory: string,
  host: string,
): Promise<{ readonly program: ChildProcess; readonly ended: Promise<unknown[]> }> {
  // It ends with the process that runs the tests, also when that is killed before it calls `stop`.
  const command = ['--pdeathsig', 'KILL', 'docker-registry', 'serve', join(directory, 'config.yml')];
  const program = spawn('setpriv', command, { stdio: 'ignore', cwd: directory });
  const ended = once(program, 'exit');
  try {
    await Promise.race([
      listening(host),
      ended.then(([code, signal]) => {
        throw new Error(`docker-registry ended with ${signal ?? `code ${code}`}`);
      }),
    ]);
  } catch (error) {
    program.kill('SIGKILL');
    await ended;
    rmSync(directory, { recursive: true });
    throw error;
  }
  return { program, ended };
}

async function listening(host: string): Promise<void> {
  const [address = '', port] = host.split(':');
  for (const deadline = performance.now() + DEADLINE_MS; performance.now() < deadline; await sleep(50)) {
    const socket = createConnection({ host: address, port: Number(port) });
    const isThere = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isThere) return;
  }
  throw new Error(`docker-registry does not answer at ${host}`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return address.port;
}
