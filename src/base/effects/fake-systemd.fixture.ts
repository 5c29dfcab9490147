import { createConnection, createServer, type Server, type Socket } from 'node:net';
import type { DbusValue, Variant } from './dbus-codec.ts';
import { type DbusMessage, decodeDbusMessage, encodeDbusMessage, MESSAGE_KIND } from './dbus-message.ts';

const BUS = { destination: 'org.freedesktop.DBus', path: '/org/freedesktop/DBus', interface: 'org.freedesktop.DBus' };
const NAME = 'org.freedesktop.systemd1';
const MANAGER = { path: '/org/freedesktop/systemd1', interface: 'org.freedesktop.systemd1.Manager' };

export interface FakeUnit {
  readonly properties: Map<string, DbusValue>;
}

type Answer = { readonly signature?: string; readonly body?: readonly DbusValue[]; readonly job?: string };

/** As much of systemd's manager as an engine asks of it, straight on a socket or as a service of a message bus. */
export class FakeSystemd {
  readonly units = new Map<string, FakeUnit>();
  /** Members of calls, in order. */
  readonly calls: string[] = [];
  /** Of the jobs to come: `done`, `failed` and so on. */
  jobResult = 'done';
  /** As a manager that is reloaded in that moment. */
  isSilent = false;
  #server: Server | undefined;
  readonly #sockets = new Set<Socket>();
  #serial = 100;
  #job = 0;

  async listen(path: string): Promise<void> {
    const server = createServer((socket) => this.#serve(socket));
    await new Promise<void>((resolve) => server.listen(path, resolve));
    this.#server = server;
  }

  /** Takes systemd's name on a message bus. */
  async join(busSocket: string): Promise<void> {
    const socket = createConnection({ path: busSocket });
    const answered = new Promise<void>((resolve) => socket.once('data', () => resolve()));
    const uid = Buffer.from(String(process.getuid?.() ?? 0)).toString('hex');
    socket.write(`\0AUTH EXTERNAL ${uid}\r\n`);
    await answered;
    socket.write('BEGIN\r\n');
    this.#sockets.add(socket);
    const named = new Promise<void>((resolve) => this.#read(socket, { toldName: resolve }));
    this.#send(socket, { ...BUS, kind: MESSAGE_KIND.call, member: 'Hello', body: [] });
    this.#send(socket, { ...BUS, kind: MESSAGE_KIND.call, member: 'RequestName', signature: 'su', body: [NAME, 0] });
    await named;
  }

  /** Ends every connection. */
  dropAll(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  async close(): Promise<void> {
    this.dropAll();
    const server = this.#server;
    if (server !== undefined) await new Promise((resolve) => server.close(resolve));
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    let said = '';
    const greet = (chunk: Buffer): void => {
      const before = said;
      said += chunk.toString('latin1');
      if (!before.includes('\r\n') && said.includes('\r\n')) socket.write('OK 0123456789abcdef\r\n');
      const begun = said.indexOf('BEGIN\r\n');
      if (begun < 0) return;
      socket.off('data', greet);
      this.#read(socket, {}, Buffer.from(said.slice(begun + 'BEGIN\r\n'.length), 'latin1'));
    };
    socket.on('data', greet);
  }

  #read(socket: Socket, { toldName }: { readonly toldName?: () => void }, already = Buffer.alloc(0)): void {
    let received = Buffer.alloc(0);
    const take = (chunk: Buffer): void => {
      received = Buffer.concat([received, chunk]);
      for (;;) {
        const decoded = decodeDbusMessage(received);
        if (decoded === undefined) return;
        received = received.subarray(decoded.byteLength);
        const { message } = decoded;
        if (message.kind === MESSAGE_KIND.call) this.#answer(socket, message);
        else if (message.signature === 'u') toldName?.();
      }
    };
    socket.on('data', take);
    take(already);
  }

  #answer(socket: Socket, call: DbusMessage): void {
    this.calls.push(call.member ?? '');
    const back = { replySerial: call.serial, destination: call.sender };
    const { error, answer } = this.#handle(call);
    if (error !== undefined) {
      const text = { signature: 's', body: [`fake: ${error}`] };
      this.#send(socket, { ...back, ...text, kind: MESSAGE_KIND.error, errorName: `${NAME}.${error}` });
      return;
    }
    const { signature, body = [], job } = answer ?? {};
    this.#send(socket, { ...back, kind: MESSAGE_KIND.reply, signature, body });
    if (job === undefined || this.isSilent) return;
    const gone = [this.#job, body[0] as DbusValue, job, this.jobResult];
    const kind = MESSAGE_KIND.signal;
    this.#send(socket, { ...MANAGER, kind, member: 'JobRemoved', signature: 'uoss', body: gone });
  }

  #handle({ member, body }: DbusMessage): { readonly error?: string; readonly answer?: Answer } {
    const name = String(body[0]);
    const unit = this.units.get(name);
    switch (member) {
      case 'StartTransientUnit':
        if (unit !== undefined) return { error: 'UnitExists' };
        if (this.jobResult === 'done') this.units.set(name, { properties: new Map() });
        this.#set(name, body[2] as Properties);
        return { answer: this.#newJob(name) };
      case 'SetUnitProperties':
        if (unit === undefined) return { error: 'NoSuchUnit' };
        this.#set(name, body[2] as Properties);
        return {};
      case 'StopUnit':
        if (unit === undefined) return { error: 'NoSuchUnit' };
        this.units.delete(name);
        return { answer: this.#newJob(name) };
      case 'ResetFailedUnit':
        return unit === undefined ? { error: 'NoSuchUnit' } : {};
      case 'GetUnit':
        if (unit === undefined) return { error: 'NoSuchUnit' };
        return { answer: { signature: 'o', body: ['/org/freedesktop/systemd1/unit/x'] } };
      case 'Get':
        return { answer: { signature: 'v', body: [{ signature: 's', value: 'active' }] } };
      default:
        return {};
    }
  }

  #set(name: string, properties: Properties): void {
    for (const [property, { value }] of properties) this.units.get(name)?.properties.set(property, value);
  }

  #newJob(unit: string): Answer {
    this.#job += 1;
    return { signature: 'o', body: [`/org/freedesktop/systemd1/job/${this.#job}`], job: unit };
  }

  #send(socket: Socket, message: Omit<DbusMessage, 'serial'>): void {
    this.#serial += 1;
    socket.write(encodeDbusMessage({ ...message, serial: this.#serial }));
  }
}

type Properties = readonly (readonly [string, Variant])[];
