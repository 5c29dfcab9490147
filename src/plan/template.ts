/**
 * Bytes that are used again and again and differ only in marks of fixed length: where those stand is looked up once, and
 * a use costs a copy.
 */
export class Template {
  readonly #bytes: Buffer;
  /** Of each mark, the offsets at which it stands. */
  readonly #places: readonly (readonly number[])[];

  /** @param marks what differs, as it stands in these bytes; must be there for no other reason */
  constructor(bytes: Uint8Array, marks: readonly Uint8Array[]) {
    this.#bytes = Buffer.from(bytes);
    this.#places = marks.map((mark) => placesOf(this.#bytes, mark));
  }

  get byteLength(): number {
    return this.#bytes.length;
  }

  /** @param values one for each mark, as long as that one */
  fill(values: readonly Uint8Array[]): Buffer {
    const filled = Buffer.from(this.#bytes);
    for (const [index, value] of values.entries()) {
      for (const place of this.#places[index] ?? []) filled.set(value, place);
    }
    return filled;
  }
}

function placesOf(bytes: Buffer, mark: Uint8Array): readonly number[] {
  const places: number[] = [];
  if (mark.length === 0) return places;
  for (let at = bytes.indexOf(mark); at >= 0; at = bytes.indexOf(mark, at + mark.length)) places.push(at);
  return places;
}
