import { constants } from 'node:os';
import type { Frame } from '../../src/base/effects.ts';
import { decodeMessage, messageName } from '../../src/model/wire-codec.ts';
import type { FakeConnection } from './fake-connection.ts';
import type { FakeKernel } from './fake-kernel.ts';

/** What listens at which port of every container: nobody does at others. */
export const PORTS = { well: 80, ill: 81, hangs: 82, tcp: 90, second: 91 } as const;

const ANSWERS: Readonly<Record<number, string>> = {
  [PORTS.well]: 'HTTP/1.1 204 No Content\r\n\r\n',
  [PORTS.ill]: 'HTTP/1.1 503 Service Unavailable\r\n\r\nnot yet',
  [PORTS.tcp]: '',
};

/** A worker that tries ports, as docs/protocol.md describes it. */
export function servePorts(kernel: FakeKernel, connection: FakeConnection): (frame: Frame) => void {
  return (frame) => {
    if (messageName(frame) !== 'tryPort') throw new Error(`a worker that tries ports is sent ${messageName(frame)}`);
    const { id, pid, startTime, address, port, timeoutMs } = decodeMessage('tryPort', frame);
    const tell = (errno: number, text = ''): void =>
      connection.sendMessage('portTried', { id, errno, answer: Buffer.from(text) });
    const process = kernel.processes.get(Number(pid));
    kernel.triedPorts += 1;
    kernel.scheduler.post(`port ${port} of ${pid}`, () => {
      if (process === undefined || process.startTime !== BigInt(startTime) || process.waitStatus !== undefined) {
        return tell(constants.errno.ESRCH);
      }
      if (Number(port) === PORTS.hangs) {
        kernel.scheduler.after(Number(timeoutMs), () => tell(constants.errno.ETIMEDOUT));
        return;
      }
      if (Number(port) === PORTS.second && address === '::1') return tell(0);
      const answer = address === '127.0.0.1' ? ANSWERS[Number(port)] : undefined;
      if (answer === undefined) tell(constants.errno.ECONNREFUSED);
      else tell(0, answer);
    });
  };
}
