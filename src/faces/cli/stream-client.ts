import type { Socket } from 'node:net';
import type { Frame } from '../../base/effects.ts';
import { type ExitStatus, exitStatusOf } from '../../model/exit-status.ts';
import { ATTACH_ROLE, MESSAGES, type MessageName, type MessageValues, REFUSAL } from '../../model/wire.ts';
import { decodeMessage, frameBytes, messageName } from '../../model/wire-codec.ts';
import { cliErrors } from './errors.ts';
import { FrameParser } from './frame-parser.ts';

/** A ticket as the agent gives it. */
export interface StreamTicket {
  readonly socketPath: string;
  readonly ticket: string;
}

/** What a monitor tells its client; `write` answers whether more may come before `resume`. */
export interface StreamSink {
  output(stream: 'stdout' | 'stderr', data: Uint8Array): boolean;
  gap(stream: 'stdout' | 'stderr', bytes: number): void;
}

const REASON: Readonly<Record<number, string>> = {
  [REFUSAL.badTicket]: 'the ticket is used up or unknown',
  [REFUSAL.ownerTaken]: 'another client owns the streams',
  [REFUSAL.ended]: 'the command has ended',
  [REFUSAL.protocol]: 'it speaks another version of the protocol',
};

/** A connection to the monitor of a container or session: input goes in, output and the end come out. */
export class StreamClient {
  /** The end of the process; `undefined` when the monitor went without telling one. Rejects when it refuses us. */
  readonly ended: Promise<ExitStatus | undefined>;
  readonly #socket: Socket;
  readonly #parser = new FrameParser();
  readonly #sink: StreamSink;
  #end: (status: ExitStatus | undefined) => void = () => {};
  #fail: (error: unknown) => void = () => {};

  constructor(socket: Socket, sink: StreamSink) {
    this.#socket = socket;
    this.#sink = sink;
    this.ended = new Promise((resolve, reject) => {
      this.#end = resolve;
      this.#fail = reject;
    });
    // Whoever waits sees the rejection; one that comes before anybody waits is not unhandled.
    this.ended.catch(() => {});
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.once('error', (error: NodeJS.ErrnoException) => {
      // The monitor may be gone before our last bytes of input are: its end was told already, or is lost.
      if (error.code === 'ECONNRESET' || error.code === 'EPIPE') this.#end(undefined);
      else this.#fail(error);
    });
    socket.once('close', () => this.#end(undefined));
  }

  /** @returns whether more input may follow at once; else wait for `drained` */
  input(data: Uint8Array): boolean {
    return this.#send('stdin', { data });
  }

  /** Calls back once what was written has left. */
  drained(callback: () => void): void {
    this.#socket.once('drain', callback);
  }

  endInput(): void {
    this.#send('stdinEnd', {});
  }

  resize(rows: number, columns: number): void {
    this.#send('resize', { rows, columns });
  }

  /** Goes on reading after `output` said false. */
  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#socket.destroy();
  }

  #send<Name extends MessageName>(name: Name, values: MessageValues<Name>): boolean {
    if (this.#socket.destroyed || !this.#socket.writable) return true;
    return this.#socket.write(frameBytes(name, values));
  }

  #take(chunk: Buffer): void {
    try {
      for (const frame of this.#parser.push(chunk)) this.#handle(frame);
    } catch (error) {
      this.#fail(error);
      this.#socket.destroy();
    }
  }

  #handle(frame: Frame): void {
    const name = messageName(frame);
    if (name === 'stdout' || name === 'stderr') {
      if (!this.#sink.output(name, decodeMessage(name, frame).data)) this.#socket.pause();
    } else if (name === 'gap') {
      const { stream, bytes } = decodeMessage('gap', frame);
      this.#sink.gap(stream === 2 ? 'stderr' : 'stdout', Number(bytes));
    } else if (name === 'exited') {
      this.#end(exitStatusOf(Number(decodeMessage('exited', frame).waitStatus)));
    } else if (name === 'refused') {
      const reason = Number(decodeMessage('refused', frame).reason);
      this.#fail(cliErrors.attachRefused({ reason: REASON[reason] ?? `reason ${reason}` }));
    }
  }
}

/** Presents the ticket on a connection to a monitor. */
export function attachTo(
  socket: Socket,
  options: { readonly ticket: StreamTicket; readonly role: 'owner' | 'observer'; readonly stdin: boolean },
  sink: StreamSink,
): StreamClient {
  const client = new StreamClient(socket, sink);
  const isOwner = options.role === 'owner';
  const values: MessageValues<'attach'> = {
    ticket: Buffer.from(options.ticket.ticket, 'hex'),
    role: isOwner ? ATTACH_ROLE.owner : ATTACH_ROLE.observer,
    stdin: options.stdin ? 1 : 0,
    from: isOwner ? 1 : 0,
  };
  socket.write(frameBytes('attach', values));
  return client;
}

/** Codes of stream frames, for answers that carry frames without a monitor (logs). */
export function outputOf(
  frame: Frame,
): { readonly stream: 'stdout' | 'stderr'; readonly data: Uint8Array } | undefined {
  const stream =
    frame.type === MESSAGES.stdout.code ? 'stdout' : frame.type === MESSAGES.stderr.code ? 'stderr' : undefined;
  return stream === undefined ? undefined : { stream, data: decodeMessage(stream, frame).data };
}
