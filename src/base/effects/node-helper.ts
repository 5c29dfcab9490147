import { spawn } from 'node:child_process';
import { createConnection, type Socket } from 'node:net';
import type { ForkServerOptions, HelperConnection, HelperPort } from '../effects.ts';
import { endForkServer } from './end-fork-server.ts';
import { SocketFrames } from './socket-frames.ts';

const START_DEADLINE_MS = 20_000;
const START_POLL_MS = 5;

/** Connections to helper processes over unix sockets. */
export function nodeHelperPort(): HelperPort {
  return { connect, startForkServer, endForkServer };
}

function connect(socketPath: string, signal?: AbortSignal): Promise<HelperConnection> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ path: socketPath, allowHalfOpen: true });
    const abort = (): void => {
      socket.destroy();
      reject(signal?.reason);
    };
    socket.once('error', (error) => {
      signal?.removeEventListener('abort', abort);
      reject(error);
    });
    socket.once('connect', () => {
      signal?.removeEventListener('abort', abort);
      resolve(new SocketFrames(socket));
    });
    if (signal?.aborted) abort();
    else signal?.addEventListener('abort', abort, { once: true });
  });
}

function forkServerWords({ socketPath, logPath, instanceLock, cgroups }: ForkServerOptions): readonly string[] {
  const lock = instanceLock === undefined ? [] : ['--instance-lock', instanceLock];
  return ['fork-server', ...lock, socketPath, logPath, ...cgroups];
}

/** Spawned once in the agent's life, before it grows: a spawn from a large process stalls the event loop. */
async function startForkServer(options: ForkServerOptions): Promise<void> {
  const child = spawn(options.binary, forkServerWords(options), {
    detached: true,
    stdio: 'ignore',
    cwd: '/',
    env: {},
  });
  const failed = new Promise<never>((_resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      // Code 0: another fork server holds the socket, and it answers instead.
      if (code !== 0) reject(new Error(`${options.binary} fork-server ended with ${signal ?? `code ${code}`}`));
    });
  });
  child.unref();
  await Promise.race([failed, untilListening(options.socketPath)]);
  failed.catch(() => {});
}

async function untilListening(socketPath: string): Promise<void> {
  const deadline = performance.now() + START_DEADLINE_MS;
  for (;;) {
    const error = await probe(socketPath);
    if (error === undefined) return;
    if (performance.now() > deadline) throw error;
    await new Promise((resolve) => setTimeout(resolve, START_POLL_MS));
  }
}

function probe(socketPath: string): Promise<Error | undefined> {
  return new Promise((resolve) => {
    const socket: Socket = createConnection({ path: socketPath });
    socket.once('error', resolve);
    socket.once('connect', () => {
      socket.destroy();
      resolve(undefined);
    });
  });
}
