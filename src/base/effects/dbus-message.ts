import { DbusReader, type DbusValue, DbusWriter, type Variant } from './dbus-codec.ts';

export const MESSAGE_KIND = { call: 1, reply: 2, error: 3, signal: 4 } as const;

/** Codes of header fields (D-Bus specification, "Header Fields"). */
const FIELD = {
  path: 1,
  interface: 2,
  member: 3,
  errorName: 4,
  replySerial: 5,
  destination: 6,
  sender: 7,
  signature: 8,
} as const;

const FIXED_BYTES = 16;
const LITTLE_ENDIAN = 'l'.charCodeAt(0);
const PROTOCOL_VERSION = 1;
/** Nothing that we ask is answered by more; the specification allows 128 MiB. */
const MAX_MESSAGE_BYTES = 1 << 20;

export interface DbusMessage {
  readonly kind: number;
  readonly serial: number;
  readonly path?: string | undefined;
  readonly interface?: string | undefined;
  readonly member?: string | undefined;
  readonly errorName?: string | undefined;
  readonly replySerial?: number | undefined;
  readonly destination?: string | undefined;
  /** Set by a message bus. */
  readonly sender?: string | undefined;
  readonly signature?: string | undefined;
  readonly body: readonly DbusValue[];
}

export function encodeDbusMessage(message: DbusMessage): Buffer {
  const { kind, serial, signature = '' } = message;
  const body = new DbusWriter().write(signature, message.body).bytes;
  const given: readonly (readonly [code: number, type: string, value: string | number | undefined])[] = [
    [FIELD.path, 'o', message.path],
    [FIELD.interface, 's', message.interface],
    [FIELD.member, 's', message.member],
    [FIELD.errorName, 's', message.errorName],
    [FIELD.replySerial, 'u', message.replySerial],
    [FIELD.destination, 's', message.destination],
    [FIELD.signature, 'g', signature === '' ? undefined : signature],
  ];
  const fields = given.flatMap(([code, type, value]) =>
    value === undefined ? [] : [[code, { signature: type, value }] as const],
  );
  return new DbusWriter()
    .write('yyyyuua(yv)', [LITTLE_ENDIAN, kind, 0, PROTOCOL_VERSION, body.length, serial, fields])
    .align(8)
    .append(body).bytes;
}

/**
 * Takes the first message of what has arrived.
 *
 * @returns `undefined` while it is not whole
 * @throws {RangeError} for what is no message of ours to read: too long, or of the other byte order
 */
export function decodeDbusMessage(
  bytes: Buffer,
): { readonly message: DbusMessage; readonly byteLength: number } | undefined {
  if (bytes.length < FIXED_BYTES) return undefined;
  if (bytes[0] !== LITTLE_ENDIAN) throw new RangeError('a D-Bus message of the other byte order');
  const fieldBytes = bytes.readUInt32LE(12);
  const bodyAt = FIXED_BYTES + Math.ceil(fieldBytes / 8) * 8;
  const byteLength = bodyAt + bytes.readUInt32LE(4);
  if (byteLength > MAX_MESSAGE_BYTES) throw new RangeError(`a D-Bus message of ${byteLength} bytes`);
  if (bytes.length < byteLength) return undefined;
  const [, kind, , , , serial, fields] = new DbusReader(bytes.subarray(0, bodyAt)).read('yyyyuua(yv)');
  const header = new Map((fields as readonly (readonly [number, Variant])[]).map(([code, { value }]) => [code, value]));
  const text = (code: number): string | undefined => header.get(code) as string | undefined;
  const signature = text(FIELD.signature);
  // A copy: the body is aligned to its own beginning.
  const body = new DbusReader(Buffer.from(bytes.subarray(bodyAt, byteLength))).read(signature ?? '');
  const message = {
    ...{ kind: kind as number, serial: serial as number, signature, body },
    ...{ path: text(FIELD.path), interface: text(FIELD.interface), member: text(FIELD.member) },
    ...{ errorName: text(FIELD.errorName), destination: text(FIELD.destination) },
    sender: text(FIELD.sender),
    replySerial: header.get(FIELD.replySerial) as number | undefined,
  };
  return { message, byteLength };
}
