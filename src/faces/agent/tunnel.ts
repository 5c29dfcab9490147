import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { systemErrorCode } from '../../model/error.ts';
import { REQUEST_ID_HEADER } from './diagnostics/request-note.ts';
import { STREAM_PROTOCOL } from './doors.ts';
import { agentErrors } from './errors.ts';

const CONNECT_MS = 10_000;

/** @throws {EngineError} `agent.streamGone` (not-found) */
export function connectMonitor(socketPath: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const monitor = connect({ path: socketPath, allowHalfOpen: true });
    const timer = setTimeout(() => fail(new Error(`no answer within ${CONNECT_MS} ms`)), CONNECT_MS);
    const fail = (error: Error): void => {
      clearTimeout(timer);
      monitor.destroy();
      reject(agentErrors.streamGone({ reason: systemErrorCode(error) ?? error.message }, error));
    };
    monitor.once('error', fail);
    monitor.once('connect', () => {
      clearTimeout(timer);
      monitor.removeListener('error', fail);
      resolve(monitor);
    });
  });
}

/**
 * Joins a client's connection with that of a monitor, each as fast as the other takes it. An end of one direction is
 * handed on as such. Resolves once both are closed.
 */
export async function joinStreams(
  client: Duplex,
  monitor: Socket,
  { head, requestId, signal }: { readonly head: Buffer; readonly requestId: string; readonly signal: AbortSignal },
): Promise<void> {
  const cut = (): void => {
    client.destroy();
    monitor.destroy();
  };
  const closed = Promise.all(
    [client, monitor].map((end) => new Promise<void>((resolve) => end.once('close', resolve))),
  );
  client.on('error', cut);
  monitor.on('error', cut);
  client.once('close', () => monitor.destroy());
  signal.addEventListener('abort', cut, { once: true });
  const headers = ['Connection: Upgrade', `Upgrade: ${STREAM_PROTOCOL}`, `${REQUEST_ID_HEADER}: ${requestId}`];
  client.write(`HTTP/1.1 101 Switching Protocols\r\n${headers.join('\r\n')}\r\n\r\n`);
  monitor.write(head);
  client.pipe(monitor);
  monitor.pipe(client);
  // A monitor that has gone says nothing more, whatever the client still sends.
  monitor.once('close', () => client.end(() => client.destroy()));
  if (signal.aborted) cut();
  await closed;
  signal.removeEventListener('abort', cut);
}
