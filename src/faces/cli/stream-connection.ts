import type { ClientRequest, IncomingMessage } from 'node:http';
import { createConnection, type Socket } from 'node:net';
import { systemErrorCode } from '../../model/error.ts';
import { cliErrors } from './errors.ts';

/** The socket is for root, or in a directory that is not ours to see. */
const NOT_ALLOWED = new Set(['EACCES', 'EPERM']);

/** @throws {EngineError} `cli.attachRefused` */
export function connectSocket(socketPath: string): Promise<Socket | 'not allowed'> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ path: socketPath });
    const failed = (error: NodeJS.ErrnoException): void => {
      const code = systemErrorCode(error) ?? error.message;
      if (NOT_ALLOWED.has(code)) resolve('not allowed');
      else reject(cliErrors.attachRefused({ reason: `${socketPath}: ${code}` }, error));
    };
    socket.once('error', failed);
    socket.once('connect', () => {
      socket.removeListener('error', failed);
      resolve(socket);
    });
  });
}

/** Sends a request for streams. @param refusalOf the error that an answer in place of them tells */
export function openTunnel(
  request: ClientRequest,
  refusalOf: (response: IncomingMessage) => Promise<Error>,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    request.once('error', (error) => {
      reject(cliErrors.attachRefused({ reason: systemErrorCode(error) ?? error.message }, error));
    });
    request.once('response', (response) => void refusalOf(response).then(reject, reject));
    request.once('upgrade', (_, socket: Socket, head: Buffer) => {
      // What has come already is read before what comes.
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    request.end();
  });
}
