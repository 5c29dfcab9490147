import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { FrameParser } from '../../../src/faces/cli/frame-parser.ts';
import { ATTACH_ROLE } from '../../../src/model/wire.ts';
import { decodeMessage, encodeMessage, messageName } from '../../../src/model/wire-codec.ts';

const HEADER_BYTES = 8;

export interface Seen {
  readonly bytes: number;
  readonly gapBytes: number;
  readonly gaps: number;
  readonly exited: boolean;
}

/** Watches a container by a ticket of its own, and reads nothing until `readAll`. */
export class StallingObserver {
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  static async attach({ socketPath, ticket }: { readonly socketPath: string; readonly ticket: string }) {
    const socket = createConnection(socketPath).pause();
    await once(socket, 'connect');
    const values = { ticket: Buffer.from(ticket, 'hex'), role: ATTACH_ROLE.observer, stdin: 0, from: 0 };
    const { type, payload } = encodeMessage('attach', values);
    const header = Buffer.alloc(HEADER_BYTES);
    header.writeUInt32LE(payload.length, 0);
    header.writeUInt8(type, 4);
    socket.write(Buffer.concat([header, payload]));
    return new StallingObserver(socket);
  }

  /** Everything to the end of the connection. */
  async readAll(): Promise<Seen> {
    const parser = new FrameParser();
    let [bytes, gapBytes, gaps, exited] = [0, 0, 0, false];
    for await (const chunk of this.#socket) {
      for (const frame of parser.push(chunk as Buffer)) {
        const name = messageName(frame);
        if (name === 'stdout') bytes += decodeMessage('stdout', frame).data.length;
        if (name === 'exited') exited = true;
        if (name !== 'gap') continue;
        gapBytes += Number(decodeMessage('gap', frame).bytes);
        gaps += 1;
      }
    }
    return { bytes, gapBytes, gaps, exited };
  }

  close(): void {
    this.#socket.destroy();
  }
}
