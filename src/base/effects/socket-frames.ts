import type { Socket } from 'node:net';
import type { Frame, HelperConnection } from '../effects.ts';

const HEADER_BYTES = 8;
/** Twice the largest legal payload: anything longer is not our protocol. */
const MAX_FRAME_BYTES = 2 << 20;
/** Reading stops while so many frames wait for `receive`. */
const MAX_WAITING_FRAMES = 256;

interface Waiter {
  readonly resolve: (frame: Frame | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** Frames over a stream socket; see docs/protocol.md. Also used for what the agent's own clients send. */
export class SocketFrames implements HelperConnection {
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  #chunks: Buffer[] = [];
  #buffered = 0;
  readonly #frames: Frame[] = [];
  readonly #waiters: Waiter[] = [];
  #ended = false;
  #failure: Error | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('end', () => {
      this.#finish();
      // All that the other side said was read, and it hears nothing more: `closed` must not wait for our next write.
      socket.destroy();
    });
    socket.on('error', (error) => {
      this.#failure = error;
    });
    socket.on('close', () => this.#finish());
  }

  send(type: number, payload: Uint8Array = new Uint8Array(0)): Promise<void> {
    const header = Buffer.alloc(HEADER_BYTES);
    header.writeUInt32LE(payload.length, 0);
    header.writeUInt8(type, 4);
    return this.sendRaw(payload.length === 0 ? header : Buffer.concat([header, payload]));
  }

  sendRaw(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
  }

  end(): void {
    this.#socket.end();
  }

  receive(signal?: AbortSignal): Promise<Frame | undefined> {
    const frame = this.#frames.shift();
    if (frame !== undefined) {
      if (this.#frames.length < MAX_WAITING_FRAMES) this.#socket.resume();
      return Promise.resolve(frame);
    }
    if (this.#ended) return Promise.resolve(undefined);
    return new Promise((resolve, reject) => this.#wait({ resolve, reject }, signal));
  }

  close(): void {
    this.#socket.destroy();
  }

  #wait(waiter: Waiter, signal: AbortSignal | undefined): void {
    if (signal === undefined) {
      this.#waiters.push(waiter);
      return;
    }
    if (signal.aborted) {
      waiter.reject(signal.reason);
      return;
    }
    const onAbort = (): void => {
      const index = this.#waiters.indexOf(guarded);
      if (index >= 0) this.#waiters.splice(index, 1);
      waiter.reject(signal.reason);
    };
    const guarded: Waiter = {
      resolve: (frame) => {
        signal.removeEventListener('abort', onAbort);
        waiter.resolve(frame);
      },
      reject: waiter.reject,
    };
    signal.addEventListener('abort', onAbort, { once: true });
    this.#waiters.push(guarded);
  }

  #take(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
    if (this.#buffered < HEADER_BYTES) return;
    let buffer = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks);
    for (;;) {
      const length = buffer.length >= HEADER_BYTES ? buffer.readUInt32LE(0) : 0;
      if (length > MAX_FRAME_BYTES) {
        this.#socket.destroy(new Error(`frame of ${length} bytes, more than ${MAX_FRAME_BYTES}`));
        return;
      }
      if (buffer.length < HEADER_BYTES + length) break;
      this.#deliver({ type: buffer.readUInt8(4), payload: buffer.subarray(HEADER_BYTES, HEADER_BYTES + length) });
      buffer = buffer.subarray(HEADER_BYTES + length);
    }
    this.#chunks = buffer.length === 0 ? [] : [buffer];
    this.#buffered = buffer.length;
  }

  #deliver(frame: Frame): void {
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) {
      waiter.resolve(frame);
      return;
    }
    this.#frames.push(frame);
    if (this.#frames.length >= MAX_WAITING_FRAMES) this.#socket.pause();
  }

  #finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const waiter of this.#waiters.splice(0)) {
      if (this.#failure !== undefined) waiter.reject(this.#failure);
      else waiter.resolve(undefined);
    }
  }
}
