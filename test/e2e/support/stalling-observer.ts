import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { FrameParser } from '../../../src/faces/cli/frame-parser.ts';
import { ATTACH_ROLE } from '../../../src/model/wire.ts';
import { decodeMessage, frameBytes, messageName } from '../../../src/model/wire-codec.ts';

export interface Seen {
  readonly bytes: number;
  readonly gapBytes: number;
  readonly gaps: number;
  readonly exited: boolean;
}

/** Watches a container by a ticket of its own; once it is let in it reads nothing until `readAll`. */
export class StallingObserver {
  readonly #socket: Socket;
  readonly #parser = new FrameParser();
  #isAttached = false;
  #seen: Seen = { bytes: 0, gapBytes: 0, gaps: 0, exited: false };

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  static async attach(place: { readonly socketPath: string; readonly ticket: string }): Promise<StallingObserver> {
    const socket = createConnection(place.socketPath);
    const observer = new StallingObserver(socket);
    const ticket = Buffer.from(place.ticket, 'hex');
    socket.write(frameBytes('attach', { ticket, role: ATTACH_ROLE.observer, stdin: 0, from: 0 }));
    while (!observer.#isAttached) {
      await once(socket, 'readable');
      observer.#take(socket.read() as Buffer | null);
      if (socket.readableEnded) throw new Error('the monitor did not let the observer in');
    }
    return observer;
  }

  /** Everything to the end of the connection. */
  async readAll(): Promise<Seen> {
    for await (const chunk of this.#socket) this.#take(chunk as Buffer);
    return this.#seen;
  }

  #take(chunk: Buffer | null): void {
    for (const frame of this.#parser.push(chunk ?? Buffer.alloc(0))) {
      const { bytes, gapBytes, gaps } = this.#seen;
      const name = messageName(frame);
      if (name === 'attached') this.#isAttached = true;
      if (name === 'exited') this.#seen = { ...this.#seen, exited: true };
      if (name === 'stdout') this.#seen = { ...this.#seen, bytes: bytes + decodeMessage('stdout', frame).data.length };
      if (name !== 'gap') continue;
      const missed = Number(decodeMessage('gap', frame).bytes);
      this.#seen = { ...this.#seen, gapBytes: gapBytes + missed, gaps: gaps + 1 };
    }
  }
}
