import { damaged } from '../errors.ts';

const FIRST_BYTES = 1 << 16;

/** The last bytes of the output, which matches copy from: a ring that grows up to its size as output comes. */
export class Dictionary {
  readonly #sizeBytes: number;
  #ring: Uint8Array;
  /** Where the next byte goes. */
  #at = 0;
  /** Bytes since the last reset, up to the size: what a distance may reach. */
  #reach = 0;
  /** Where output begins that was not taken yet; never beyond `#at`. */
  #taken = 0;

  constructor(sizeBytes: number) {
    this.#sizeBytes = Math.max(sizeBytes, 4096);
    this.#ring = new Uint8Array(Math.min(this.#sizeBytes, FIRST_BYTES));
  }

  /** Forgets what came before: no distance reaches there any more. */
  reset(): void {
    this.#reach = 0;
  }

  get isEmpty(): boolean {
    return this.#reach === 0;
  }

  /** How many bytes fit before {@link take} must be called; at least one after it was. */
  room(): number {
    if (this.#at === this.#ring.length) this.#makeRoom();
    return this.#ring.length - this.#at;
  }

  put(byte: number): void {
    this.#ring[this.#at++] = byte;
    if (this.#reach < this.#sizeBytes) this.#reach++;
  }

  /** The byte that lies `distance` back; 0 is the last one. Before the first it is 0, as the coder has it. */
  back(distance: number): number {
    if (distance >= this.#reach) return 0;
    const at = this.#at - distance - 1;
    return this.#ring[at < 0 ? at + this.#ring.length : at] as number;
  }

  /** Copies `length` bytes, which fit, from `distance` back. @throws {DecodeError} when nothing is there */
  copy(distance: number, length: number): void {
    if (distance >= this.#reach) throw damaged('a match reaches back before the beginning');
    const ring = this.#ring;
    let to = this.#at;
    let from = to - distance - 1;
    if (from < 0) from += ring.length;
    for (let left = length; left > 0; left--) {
      ring[to++] = ring[from++] as number;
      if (from === ring.length) from = 0;
    }
    this.#at = to;
    this.#reach = Math.min(this.#sizeBytes, this.#reach + length);
  }

  /** Bytes as they are; they fit. */
  append(bytes: Uint8Array): void {
    this.#ring.set(bytes, this.#at);
    this.#at += bytes.length;
    this.#reach = Math.min(this.#sizeBytes, this.#reach + bytes.length);
  }

  /** What was put since the last call, copied. */
  take(): Uint8Array {
    const output = this.#ring.slice(this.#taken, this.#at);
    this.#taken = this.#at;
    return output;
  }

  #makeRoom(): void {
    if (this.#ring.length < this.#sizeBytes) {
      const larger = new Uint8Array(Math.min(this.#sizeBytes, this.#ring.length * 2));
      larger.set(this.#ring);
      this.#ring = larger;
    } else {
      this.#at = this.#taken = 0;
    }
  }
}
