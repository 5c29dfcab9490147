import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Debian's docker-registry on a free port of this machine, with storage that is gone after `stop`. */
export interface RegistryProgram {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  stop(): Promise<void>;
}

const DEADLINE_MS = 45_000;

/** Names of the given programs that are not installed. */
export function missingPrograms(names: readonly string[]): readonly string[] {
  return names.filter((name) => spawnSync('sh', ['-c', 'command -v "$1"', 'sh', name]).status !== 0);
}

export async function startRegistry(): Promise<RegistryProgram> {
  const directory = mkdtempSync(join(tmpdir(), 'isopod-registry-'));
  const host = `127.0.0.1:${await freePort()}`;
  const config = join(directory, 'config.yml');
  writeFileSync(
    config,
    JSON.stringify({
      version: '0.1',
      log: { level: 'error', accesslog: { disabled: true } },
      storage: { filesystem: { rootdirectory: join(directory, 'data') }, delete: { enabled: true } },
      http: { addr: host },
    }),
  );
  // It ends with the process that runs the tests, also when that is killed before it calls `stop`.
  const command = ['--pdeathsig', 'KILL', 'docker-registry', 'serve', config];
  const program = spawn('setpriv', command, { stdio: 'ignore', cwd: directory });
  const ended = once(program, 'exit');
  const stop = async (): Promise<void> => {
    program.kill('SIGTERM');
    await ended;
    rmSync(directory, { recursive: true });
  };
  try {
    await Promise.race([
      answering(host),
      ended.then(([code, signal]) => {
        throw new Error(`docker-registry ended with ${signal ?? `code ${code}`}`);
      }),
    ]);
  } catch (error) {
    await stop();
    throw error;
  }
  return { host, stop };
}

async function answering(host: string): Promise<void> {
  for (const deadline = performance.now() + DEADLINE_MS; performance.now() < deadline; await sleep(50)) {
    const response = await fetch(`http://${host}/v2/`).catch(() => undefined);
    if (response?.ok === true) return;
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
