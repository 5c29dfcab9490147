import type { Frame } from '../base/effects.ts';
import { defineErrors } from './error.ts';
import {
  MAX_PAYLOAD_BYTES,
  MAX_STREAM_BYTES,
  MESSAGES,
  type MessageName,
  type MessageValues,
  STEPS,
  type Step,
  type StepName,
  type ValueKind,
} from './wire.ts';

export const wireErrors = defineErrors('wire', {
  nulInString: {
    kind: 'invalid-argument',
    message: (d: { field: string }) => `value ${d.field} holds a NUL character, which the kernel cannot take`,
    remedy: () => 'remove the NUL character from the command, environment or path',
  },
  tooLarge: {
    kind: 'resource-exhausted',
    message: (d: { message: string; bytes: number }) =>
      `message ${d.message} takes ${d.bytes} bytes, more than the ${MAX_PAYLOAD_BYTES} that a frame may hold`,
    remedy: () => 'shorten the command, its environment or the list of volumes',
  },
  malformed: {
    kind: 'internal',
    message: (d: { message: string; reason: string }) => `frame ${d.message} from the helper is malformed: ${d.reason}`,
  },
});

type Value = number | bigint | string | Uint8Array | readonly string[] | readonly Step[];

interface FieldSpec {
  readonly name: string;
  readonly kind: ValueKind;
}

/** Encodes one message. @throws {EngineError} `wire.nulInString`, `wire.tooLarge` */
export function encodeMessage<Name extends MessageName>(name: Name, values: MessageValues<Name>): Frame {
  const parts: Uint8Array[] = [];
  encodeFields(parts, MESSAGES[name].fields, values as Readonly<Record<string, Value>>);
  const payload = Buffer.concat(parts);
  if (payload.length > MAX_PAYLOAD_BYTES) throw wireErrors.tooLarge({ message: name, bytes: payload.length });
  return { type: MESSAGES[name].code, payload };
}

const FRAME_HEADER_BYTES = 8;
/** Most bytes of a stream in one frame: its payload begins with their count. */
export const MAX_STREAM_DATA_BYTES = MAX_STREAM_BYTES - 4;

/** One message as it goes over the wire, header and all. @throws {EngineError} as `encodeMessage` */
export function frameBytes<Name extends MessageName>(name: Name, values: MessageValues<Name>): Buffer {
  const { type, payload } = encodeMessage(name, values);
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header.writeUInt32LE(payload.length, 0);
  header.writeUInt8(type, 4);
  return Buffer.concat([header, payload]);
}

/** The name of a frame's message; `undefined` for one that this version does not know. */
export function messageName(frame: Frame): MessageName | undefined {
  return NAME_BY_CODE.get(frame.type);
}

/** Decodes the payload of a frame that is known to be of this message. @throws {EngineError} `wire.malformed` */
export function decodeMessage<Name extends MessageName>(name: Name, frame: Frame): MessageValues<Name> {
  const reader = new Reader(name, frame.payload);
  const values = decodeFields(reader, MESSAGES[name].fields);
  reader.expectEnd();
  return values as MessageValues<Name>;
}

const NAME_BY_CODE: ReadonlyMap<number, MessageName> = new Map(
  Object.entries(MESSAGES).map(([name, spec]) => [spec.code, name as MessageName]),
);
const STEP_BY_CODE: ReadonlyMap<number, StepName> = new Map(
  Object.entries(STEPS).map(([name, spec]) => [spec.code, name as StepName]),
);

function encodeFields(
  parts: Uint8Array[],
  fields: readonly FieldSpec[],
  values: Readonly<Record<string, Value | undefined>>,
): void {
  for (const { name, kind } of fields) encodeValue(parts, name, kind, values[name]);
}

function encodeValue(parts: Uint8Array[], name: string, kind: ValueKind, value: Value | undefined): void {
  switch (kind) {
    case 'u':
      parts.push(uint64(BigInt(value as number | bigint)));
      return;
    case 's':
      parts.push(...stringParts(name, value as string));
      return;
    case 'b':
      parts.push(uint32((value as Uint8Array).length), value as Uint8Array);
      return;
    case 'S':
      parts.push(uint32((value as readonly string[]).length));
      for (const text of value as readonly string[]) parts.push(...stringParts(name, text));
      return;
    case 'L':
      encodeSteps(parts, value as readonly Step[]);
      return;
  }
}

function encodeSteps(parts: Uint8Array[], steps: readonly Step[]): void {
  parts.push(uint32(steps.length));
  for (const { op, values } of steps) {
    const body: Uint8Array[] = [];
    encodeFields(body, STEPS[op].fields, values);
    const bytes = Buffer.concat(body);
    const header = Buffer.alloc(8);
    header.writeUInt16LE(STEPS[op].code, 0);
    header.writeUInt32LE(bytes.length, 4);
    parts.push(header, bytes);
  }
}

function stringParts(field: string, text: string): Uint8Array[] {
  if (text.includes('\0')) throw wireErrors.nulInString({ field });
  const bytes = Buffer.from(`${text}\0`, 'utf8');
  return [uint32(bytes.length - 1), bytes];
}

function uint32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function uint64(value: bigint): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
  return bytes;
}

function decodeFields(reader: Reader, fields: readonly FieldSpec[]): Record<string, Value> {
  const values: Record<string, Value> = {};
  for (const { name, kind } of fields) values[name] = decodeValue(reader, kind);
  return values;
}

function decodeValue(reader: Reader, kind: ValueKind): Value {
  switch (kind) {
    case 'u':
      return reader.uint64();
    case 's':
      return reader.string();
    case 'b':
      return reader.bytes(reader.uint32());
    case 'S':
      return Array.from({ length: reader.count() }, () => reader.string());
    case 'L':
      return Array.from({ length: reader.count() }, () => decodeStep(reader));
  }
}

function decodeStep(reader: Reader): Step {
  const code = reader.uint16();
  reader.uint16();
  const end = reader.uint32() + reader.offset;
  const op = STEP_BY_CODE.get(code);
  if (op === undefined) throw reader.malformed(`unknown step ${code}`);
  const values = decodeFields(reader, STEPS[op].fields) as Step['values'];
  if (reader.offset !== end) throw reader.malformed(`step ${op} has a wrong length`);
  return { op, by: '', values };
}

/** Reads values off a payload; every read checks its bounds. */
class Reader {
  offset = 0;
  readonly #message: string;
  readonly #payload: Buffer;

  constructor(message: string, payload: Uint8Array) {
    this.#message = message;
    this.#payload = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  }

  uint16(): number {
    return this.#payload.readUInt16LE(this.#advance(2));
  }

  uint32(): number {
    return this.#payload.readUInt32LE(this.#advance(4));
  }

  /** A number where it is exact, else a bigint. */
  uint64(): number | bigint {
    const value = this.#payload.readBigUInt64LE(this.#advance(8));
    return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
  }

  /** A list's length, at least four bytes an item. */
  count(): number {
    const count = this.uint32();
    if (count * 4 > this.#payload.length - this.offset) throw this.malformed(`a list of ${count} items`);
    return count;
  }

  bytes(length: number): Uint8Array {
    const start = this.#advance(length);
    return this.#payload.subarray(start, start + length);
  }

  string(): string {
    const text = Buffer.from(this.bytes(this.uint32())).toString('utf8');
    this.#advance(1);
    return text;
  }

  expectEnd(): void {
    const left = this.#payload.length - this.offset;
    if (left !== 0) throw this.malformed(`${left} bytes too many`);
  }

  malformed(reason: string): Error {
    return wireErrors.malformed({ message: this.#message, reason });
  }

  #advance(length: number): number {
    const start = this.offset;
    if (length > this.#payload.length - start) throw this.malformed(`${length} bytes wanted at offset ${start}`);
    this.offset = start + length;
    return start;
  }
}
