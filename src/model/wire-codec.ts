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
} from './wire.ts';
import type { ValueKind } from './wire-fields.ts';

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
  const writer = new Writer();
  encodeFields(writer, MESSAGES[name].fields, values as Readonly<Record<string, Value>>);
  const payload = writer.taken();
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
  writer: Writer,
  fields: readonly FieldSpec[],
  values: Readonly<Record<string, Value | undefined>>,
): void {
  for (const { name, kind } of fields) encodeValue(writer, { name, kind }, values[name]);
}

function encodeValue(writer: Writer, { name, kind }: FieldSpec, value: Value | undefined): void {
  switch (kind) {
    case 'u':
      writer.uint64(value as number | bigint);
      return;
    case 's':
      writer.string(name, value as string);
      return;
    case 'b':
      writer.bytes(value as Uint8Array);
      return;
    case 'S':
      writer.uint32((value as readonly string[]).length);
      for (const text of value as readonly string[]) writer.string(name, text);
      return;
    case 'L':
      encodeSteps(writer, value as readonly Step[]);
      return;
  }
}

function encodeSteps(writer: Writer, steps: readonly Step[]): void {
  writer.uint32(steps.length);
  for (const { op, values } of steps) {
    const { code, fields } = STEPS[op];
    // Two bytes of code, two of nothing.
    writer.uint32(code);
    writer.measured(() => encodeFields(writer, fields, values));
  }
}

/** Most messages are small, and so short a buffer is a piece of one that Node has at hand; a launch grows it a few times. */
const FIRST_BYTES = 256;

/** Bytes in the order of writing; one buffer that doubles as it fills. */
class Writer {
  #buffer = Buffer.allocUnsafe(FIRST_BYTES);
  #length = 0;

  uint32(value: number): void {
    this.#length = this.#room(4).writeUInt32LE(value, this.#length);
  }

  uint64(value: number | bigint): void {
    const isShort = typeof value === 'number' && value >= 0 && value <= 0xffff_ffff;
    const buffer = this.#room(8);
    if (!isShort) {
      this.#length = buffer.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)), this.#length);
      return;
    }
    this.#length = buffer.writeUInt32LE(0, buffer.writeUInt32LE(value, this.#length));
  }

  bytes(value: Uint8Array): void {
    this.uint32(value.length);
    this.#room(value.length).set(value, this.#length);
    this.#length += value.length;
  }

  /** Length, UTF-8, NUL. @throws {EngineError} `wire.nulInString` */
  string(field: string, text: string): void {
    if (text.includes('\0')) throw wireErrors.nulInString({ field });
    this.measured(() => {
      // At most three bytes of UTF-8 for each unit of UTF-16.
      this.#length += this.#room(text.length * 3).write(text, this.#length);
    });
    this.#length = this.#room(1).writeUInt8(0, this.#length);
  }

  /** Writes the number of bytes that `write` adds, before them. */
  measured(write: () => void): void {
    const at = this.#length;
    this.uint32(0);
    write();
    this.#buffer.writeUInt32LE(this.#length - at - 4, at);
  }

  taken(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  #room(bytes: number): Buffer {
    if (this.#length + bytes > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + bytes));
      this.#buffer.copy(larger, 0, 0, this.#length);
      this.#buffer = larger;
    }
    return this.#buffer;
  }
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
