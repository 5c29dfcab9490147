import { createConnection, type Socket } from 'node:net';
import type { DbusValue } from './dbus-codec.ts';
import { type DbusMessage, decodeDbusMessage, encodeDbusMessage, MESSAGE_KIND } from './dbus-message.ts';

const BUS = { destination: 'org.freedesktop.DBus', path: '/org/freedesktop/DBus', interface: 'org.freedesktop.DBus' };

/** A call that was answered by an error; `code` is its name, `org.freedesktop.DBus.Error.NoReply` and the like. */
export class DbusError extends Error {
  override readonly name = 'DbusError';
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

export interface DbusCall {
  readonly destination?: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly signature?: string;
  readonly body?: readonly DbusValue[];
}

interface Pending {
  readonly resolve: (body: readonly DbusValue[]) => void;
  readonly reject: (error: Error) => void;
}

/** One authenticated connection, to a message bus or straight to a service. */
export class DbusConnection {
  readonly #socket: Socket;
  readonly #pending = new Map<number, Pending>();
  readonly #listeners = new Set<(signal: DbusMessage) => void>();
  #received = Buffer.alloc(0);
  #serial = 0;
  #failure: Error | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(gone()));
  }

  /**
   * Connects and proves by the socket's credentials who we are.
   *
   * @param isBus a message bus wants to be greeted; a service of its own does not
   * @throws the connect error; `DbusError` when we are not let in
   */
  static async open(socketPath: string, { isBus, deadlineMs }: { isBus: boolean; deadlineMs: number }) {
    const socket = createConnection({ path: socketPath });
    const overdue = setTimeout(() => socket.destroy(late(`a connection to ${socketPath}`, deadlineMs)), deadlineMs);
    try {
      await authenticate(socket);
      const connection = new DbusConnection(socket);
      socket.on('data', (chunk: Buffer) => connection.#take(chunk));
      if (isBus) await connection.call({ ...BUS, member: 'Hello' }, deadlineMs);
      return connection;
    } catch (error) {
      socket.destroy();
      throw error;
    } finally {
      clearTimeout(overdue);
    }
  }

  get isOpen(): boolean {
    return this.#failure === undefined;
  }

  /** @returns the values of the reply. @throws `DbusError`; the error that ended the connection */
  call({ body = [], ...call }: DbusCall, deadlineMs: number): Promise<readonly DbusValue[]> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    this.#serial += 1;
    const serial = this.#serial;
    return new Promise((resolve, reject) => {
      const overdue = setTimeout(() => {
        this.#pending.delete(serial);
        reject(late(`an answer to ${call.member}`, deadlineMs));
      }, deadlineMs);
      const settle =
        <Value>(how: (value: Value) => void) =>
        (value: Value): void => {
          clearTimeout(overdue);
          how(value);
        };
      this.#pending.set(serial, { resolve: settle(resolve), reject: settle(reject) });
      this.#socket.write(encodeDbusMessage({ ...call, kind: MESSAGE_KIND.call, serial, body }));
    });
  }

  /** Of a message bus: have signals delivered that fit. */
  async match(rule: string, deadlineMs: number): Promise<void> {
    await this.call({ ...BUS, member: 'AddMatch', signature: 's', body: [rule] }, deadlineMs);
  }

  /** Calls `listener` for each signal. @returns what ends that */
  onSignal(listener: (signal: DbusMessage) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    try {
      for (;;) {
        const decoded = decodeDbusMessage(this.#received);
        if (decoded === undefined) return;
        this.#received = this.#received.subarray(decoded.byteLength);
        this.#dispatch(decoded.message);
      }
    } catch (error) {
      this.#socket.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #dispatch(message: DbusMessage): void {
    if (message.kind === MESSAGE_KIND.signal) {
      for (const listener of this.#listeners) listener(message);
      return;
    }
    const pending = this.#pending.get(message.replySerial ?? 0);
    if (pending === undefined) return;
    this.#pending.delete(message.replySerial ?? 0);
    if (message.kind === MESSAGE_KIND.reply) pending.resolve(message.body);
    else pending.reject(new DbusError(message.errorName ?? 'unknown', String(message.body[0] ?? message.errorName)));
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#pending.values()) reject(this.#failure);
    this.#pending.clear();
  }
}

function late(what: string, deadlineMs: number): Error {
  return Object.assign(new Error(`${what} did not come within ${deadlineMs} ms`), { code: 'ETIMEDOUT' });
}

function gone(): Error {
  return Object.assign(new Error('the D-Bus connection has ended'), { code: 'ECONNRESET' });
}

/** D-Bus specification, "Authentication Protocol": EXTERNAL, with our user id as text in hexadecimal. */
async function authenticate(socket: Socket): Promise<void> {
  const uid = Buffer.from(String(process.getuid?.() ?? 0)).toString('hex');
  const answer = new Promise<string>((resolve, reject) => {
    let said = '';
    const hear = (chunk: Buffer): void => {
      said += chunk.toString('latin1');
      if (!said.includes('\r\n')) return;
      socket.off('data', hear);
      resolve(said);
    };
    socket.on('data', hear);
    socket.once('error', reject);
    socket.once('close', () => reject(gone()));
  });
  socket.write(`\0AUTH EXTERNAL ${uid}\r\n`);
  const said = await answer;
  if (!said.startsWith('OK ')) throw new DbusError('org.freedesktop.DBus.Error.AuthFailed', said.trim());
  socket.write('BEGIN\r\n');
}
