import type { UnitValue } from '../effects.ts';

/** What a variant holds, with its types. */
export interface Variant {
  readonly signature: string;
  readonly value: DbusValue;
}

/** Integers of 64 bits are `bigint`, all others numbers; arrays and structs are lists. */
export type DbusValue = string | number | bigint | boolean | Variant | readonly DbusValue[] | UnitValue;

/** D-Bus specification, "Marshaling": each type stands at a multiple of this. */
const ALIGNMENT: Readonly<Record<string, number>> = {
  ...{ y: 1, g: 1, v: 1, n: 2, q: 2, b: 4, i: 4, u: 4, s: 4, o: 4, a: 4, x: 8, t: 8, d: 8, '(': 8, '{': 8 },
};

const CLOSING: Readonly<Record<string, string>> = { '(': ')', '{': '}' };

/**
 * The complete types that a signature lists: `sa(sv)` is `s` and `a(sv)`.
 *
 * @throws {RangeError} for what is no signature
 */
export function completeTypes(signature: string): readonly string[] {
  const types: string[] = [];
  for (let start = 0; start < signature.length; ) {
    const end = endOfType(signature, start);
    types.push(signature.slice(start, end));
    start = end;
  }
  return types;
}

function endOfType(signature: string, start: number): number {
  const first = signature[start] ?? '';
  if (ALIGNMENT[first] === undefined) throw new RangeError(`no D-Bus type at ${start} of signature ${signature}`);
  if (first === 'a') return endOfType(signature, start + 1);
  const closing = CLOSING[first];
  if (closing === undefined) return start + 1;
  let at = start + 1;
  while (signature[at] !== closing) at = endOfType(signature, at);
  return at + 1;
}

/** Little-endian D-Bus data, from its beginning. */
export class DbusWriter {
  #bytes = Buffer.alloc(256);
  #length = 0;

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  get length(): number {
    return this.#length;
  }

  /** @throws {RangeError} for what is no signature, {TypeError} for a value of another type */
  write(signature: string, values: readonly DbusValue[]): this {
    const types = completeTypes(signature);
    if (types.length !== values.length) throw new TypeError(`${values.length} values for signature ${signature}`);
    types.forEach((type, index) => {
      this.#write(type, values[index] as DbusValue);
    });
    return this;
  }

  align(multiple: number): this {
    this.#room((multiple - (this.#length % multiple)) % multiple);
    return this;
  }

  append(bytes: Uint8Array): this {
    const at = this.#room(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  #write(type: string, value: DbusValue): void {
    const kind = type[0] ?? '';
    this.align(ALIGNMENT[kind] ?? 1);
    switch (kind) {
      case 'y':
        this.#number(1, (bytes, at) => bytes.writeUInt8(Number(value), at));
        return;
      case 'b':
        this.#number(4, (bytes, at) => bytes.writeUInt32LE(value === true ? 1 : 0, at));
        return;
      case 'u':
        this.#number(4, (bytes, at) => bytes.writeUInt32LE(Number(value), at));
        return;
      case 'i':
        this.#number(4, (bytes, at) => bytes.writeInt32LE(Number(value), at));
        return;
      case 't':
        this.#number(8, (bytes, at) => bytes.writeBigUInt64LE(BigInt(value as number | bigint), at));
        return;
      case 's':
      case 'o':
        this.#writeText(String(value), 4);
        return;
      case 'g':
        this.#writeText(String(value), 1);
        return;
      case 'v': {
        const variant = value as Variant;
        this.write('g', [variant.signature]).write(variant.signature, [variant.value]);
        return;
      }
      case 'a':
        this.#writeArray(type.slice(1), value as readonly DbusValue[]);
        return;
      case '(':
      case '{':
        this.write(type.slice(1, -1), value as readonly DbusValue[]);
        return;
      default:
        throw new RangeError(`values of D-Bus type ${type} are not written here`);
    }
  }

  #writeText(text: string, lengthBytes: 1 | 4): void {
    const bytes = Buffer.from(text, 'utf8');
    if (bytes.includes(0)) throw new TypeError('a D-Bus string may hold no NUL');
    this.#number(lengthBytes, (all, at) => all.writeUIntLE(bytes.length, at, lengthBytes));
    this.append(bytes);
    this.#room(1);
  }

  /** The length counts the elements alone, not what aligns the first of them. */
  #writeArray(type: string, values: readonly DbusValue[]): void {
    const lengthAt = this.#room(4);
    this.align(ALIGNMENT[type[0] ?? ''] ?? 1);
    const start = this.#length;
    for (const value of values) this.#write(type, value);
    this.#bytes.writeUInt32LE(this.#length - start, lengthAt);
  }

  /** The bytes are asked for after the room, for which they may have been moved. */
  #number(count: number, put: (bytes: Buffer, at: number) => void): void {
    const at = this.#room(count);
    put(this.#bytes, at);
  }

  /** @returns where so many zero bytes were appended */
  #room(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(this.#length, this.#bytes.length * 2));
      this.#bytes.copy(larger);
      this.#bytes = larger;
    }
    return at;
  }
}

/** Reads what a {@link DbusWriter} of anybody's has written; a read beyond the end is a `RangeError`. */
export class DbusReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get position(): number {
    return this.#at;
  }

  read(signature: string): readonly DbusValue[] {
    return completeTypes(signature).map((type) => this.#read(type));
  }

  align(multiple: number): this {
    this.#at += (multiple - (this.#at % multiple)) % multiple;
    return this;
  }

  #read(type: string): DbusValue {
    const kind = type[0] ?? '';
    this.align(ALIGNMENT[kind] ?? 1);
    switch (kind) {
      case 'y':
        return this.#bytes.readUInt8(this.#take(1));
      case 'n':
        return this.#bytes.readInt16LE(this.#take(2));
      case 'q':
        return this.#bytes.readUInt16LE(this.#take(2));
      case 'b':
        return this.#bytes.readUInt32LE(this.#take(4)) === 1;
      case 'u':
        return this.#bytes.readUInt32LE(this.#take(4));
      case 'i':
        return this.#bytes.readInt32LE(this.#take(4));
      case 'x':
        return this.#bytes.readBigInt64LE(this.#take(8));
      case 't':
        return this.#bytes.readBigUInt64LE(this.#take(8));
      case 'd':
        return this.#bytes.readDoubleLE(this.#take(8));
      case 's':
      case 'o':
        return this.#readText(this.#bytes.readUInt32LE(this.#take(4)));
      case 'g':
        return this.#readText(this.#bytes.readUInt8(this.#take(1)));
      case 'v': {
        const signature = this.#readText(this.#bytes.readUInt8(this.#take(1)));
        return { signature, value: this.read(signature)[0] as DbusValue };
      }
      case 'a':
        return this.#readArray(type.slice(1));
      default:
        return this.read(type.slice(1, -1));
    }
  }

  #readText(length: number): string {
    const start = this.#take(length + 1);
    if (start + length >= this.#bytes.length) throw new RangeError('a D-Bus string goes beyond the end of its message');
    return this.#bytes.toString('utf8', start, start + length);
  }

  #readArray(type: string): readonly DbusValue[] {
    const length = this.#bytes.readUInt32LE(this.#take(4));
    this.align(ALIGNMENT[type[0] ?? ''] ?? 1);
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new RangeError('a D-Bus array goes beyond the end of its message');
    const values: DbusValue[] = [];
    while (this.#at < end) values.push(this.#read(type));
    return values;
  }

  #take(count: number): number {
    const at = this.#at;
    this.#at += count;
    return at;
  }
}
