import type { Clock, HelperConnection, HelperPort } from '../../../base/effects.ts';
import type { Engine, StreamTicket } from '../../../engine/facade.ts';
import { ATTACH_ROLE, type MessageName, type MessageValues } from '../../../model/wire.ts';
import { decodeMessage, encodeMessage, MAX_STREAM_DATA_BYTES, messageName } from '../../../model/wire-codec.ts';
import type { InputRecord } from './call-schemas.ts';
import { operatorErrors } from './errors.ts';
import { encodeRecord } from './record-io.ts';

type ProcessIo = Extract<InputRecord, { type: 'PROCESS_IO' }>['process_io'];

const CONNECT_DEADLINE_MS = 10_000;
const HEARTBEAT_MS = 30_000;
const NS_PER_MS = 1_000_000;

export interface StreamPorts {
  readonly helper: HelperPort;
  readonly clock: Clock;
}

/** Attaches to a container as one more observer; the caller closes the connection. */
export async function attach(
  ports: StreamPorts,
  engine: Engine,
  { id, stdin }: { readonly id: string; readonly stdin: boolean },
): Promise<HelperConnection> {
  return connectStream(ports, await engine.attach(id), { id, role: 'observer', stdin });
}

/** Presents a ticket for the streams of a process; the caller closes the connection. */
export async function connectStream(
  { helper }: StreamPorts,
  { socketPath, ticket }: StreamTicket,
  { id, role, stdin }: { readonly id: string; readonly role: keyof typeof ATTACH_ROLE; readonly stdin: boolean },
): Promise<HelperConnection> {
  const signal = AbortSignal.timeout(CONNECT_DEADLINE_MS);
  const connection = await helper.connect(socketPath, signal);
  try {
    // What a process has printed that ended before its owner came is kept for the owner.
    const from = role === 'owner' ? 1 : 0;
    const values = { ticket: Buffer.from(ticket, 'hex'), role: ATTACH_ROLE[role], stdin: stdin ? 1 : 0, from };
    await send(connection, 'attach', values);
    for (;;) {
      const frame = await connection.receive(signal);
      const name = frame === undefined ? undefined : messageName(frame);
      if (name === 'attached') return connection;
      if (name !== 'hello') throw operatorErrors.attachRefused({ id, answer: name ?? 'the end of the connection' });
    }
  } catch (error) {
    connection.close();
    throw error;
  }
}

/**
 * Output of a container as records of ProcessIO, from now to its end, with a heartbeat where it is silent. What the original
 * does not tell comes as controls of our own: GAP, when we read too slowly, and last EXITED with the wait status.
 */
export async function* outputRecords(
  connection: HelperConnection,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const close = (): void => connection.close();
  signal.addEventListener('abort', close, { once: true });
  if (signal.aborted) close();
  try {
    let receiving = connection.receive();
    for (;;) {
      const frame = await orSilence(receiving, clock);
      if (frame === 'silence') {
        yield record(HEARTBEAT);
        continue;
      }
      if (frame === undefined) return;
      const io = ioOf(frame);
      if (io !== undefined) yield record(io);
      receiving = connection.receive();
    }
  } finally {
    signal.removeEventListener('abort', close);
    connection.close();
  }
}

const HEARTBEAT = {
  type: 'CONTROL',
  control: { type: 'HEARTBEAT', heartbeat: { interval: { nanoseconds: HEARTBEAT_MS * NS_PER_MS } } },
};

async function orSilence<Value>(receiving: Promise<Value>, clock: Clock): Promise<Value | 'silence'> {
  const silence = Promise.withResolvers<'silence'>();
  const cancel = clock.after(HEARTBEAT_MS, () => silence.resolve('silence'));
  try {
    return await Promise.race([receiving, silence.promise]);
  } finally {
    cancel();
  }
}

function ioOf(frame: Parameters<typeof messageName>[0]): unknown {
  const name = messageName(frame);
  if (name === 'stdout' || name === 'stderr') {
    const { data } = decodeMessage(name, frame);
    return { type: 'DATA', data: { type: name.toUpperCase(), data: Buffer.from(data).toString('base64') } };
  }
  if (name === 'gap') {
    const { stream, bytes } = decodeMessage('gap', frame);
    return control('GAP', { gap: { type: stream === 2 ? 'STDERR' : 'STDOUT', bytes: Number(bytes) } });
  }
  if (name === 'exited') {
    return control('EXITED', { exited: { exit_status: Number(decodeMessage('exited', frame).waitStatus) } });
  }
  return undefined;
}

function control(type: string, fields: object): object {
  return { type: 'CONTROL', control: { type, ...fields } };
}

function record(value: unknown): Uint8Array {
  return encodeRecord(Buffer.from(JSON.stringify(value)));
}

/** Hands one record of input on; no bytes are the end of stdin. */
export async function sendInput(connection: HelperConnection, io: ProcessIo): Promise<void> {
  if (io.type === 'CONTROL') {
    if (io.control.type === 'TTY_INFO') await send(connection, 'resize', io.control.tty_info.window_size);
    return;
  }
  const bytes = Buffer.from(io.data.data, 'base64');
  if (bytes.length === 0) await send(connection, 'stdinEnd', {});
  for (let start = 0; start < bytes.length; start += MAX_STREAM_DATA_BYTES) {
    await send(connection, 'stdin', { data: bytes.subarray(start, start + MAX_STREAM_DATA_BYTES) });
  }
}

/** What a container prints meanwhile is another attachment's; unread it would hold our input up. */
export async function discardOutput(connection: HelperConnection): Promise<void> {
  try {
    while ((await connection.receive()) !== undefined);
  } catch {
    // the connection is closed, by us or by the monitor
  }
}

async function send<Name extends MessageName>(
  connection: HelperConnection,
  name: Name,
  values: MessageValues<Name>,
): Promise<void> {
  const { type, payload } = encodeMessage(name, values);
  await connection.send(type, payload);
}
