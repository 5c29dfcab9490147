import { checkWindow, damaged, unsupported } from './errors.ts';

/** RFC 8878 §3.1.1. */
const MAGIC = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd);
const MAX_BLOCK_BYTES = 128 * 1024;
const BLOCK_RLE = 1;
const BLOCK_RESERVED = 3;

type Field = 'magic' | 'skippable' | 'descriptor' | 'header' | 'block' | 'checksum';
const FIELD_BYTES = { magic: 4, skippable: 4, descriptor: 1, block: 3, checksum: 4 };

interface Descriptor {
  readonly isSingleSegment: boolean;
  readonly hasChecksum: boolean;
  readonly dictionaryIdBytes: number;
  readonly contentSizeBytes: number;
}

/**
 * Cuts a zstd stream at its frames' borders and leaves skippable ones out: Node's decoder loses what follows a frame in
 * the same write. On the way it checks what a frame asks for, and that none is cut short.
 */
export class ZstdFrames {
  readonly #maxWindowBytes: number;
  #field: Field = 'magic';
  /** The field that is being read, and how much of it is there. */
  readonly #bytes = new Uint8Array(14);
  #have = 0;
  #need = FIELD_BYTES.magic;
  /** Bytes to pass over, of a block or a skippable frame. */
  #passing = 0;
  #isLastBlock = false;
  #isSkipping = false;
  #descriptor: Descriptor = { isSingleSegment: false, hasChecksum: false, dictionaryIdBytes: 0, contentSizeBytes: 0 };

  constructor(maxWindowBytes: number) {
    this.#maxWindowBytes = maxWindowBytes;
  }

  /**
   * Takes the next bytes of the stream.
   *
   * @returns pieces for the decoder, none of which has bytes of two frames
   * @throws {DecodeError} for what is no zstd, and for a window over the bound
   */
  push(chunk: Uint8Array): readonly Uint8Array[] {
    const pieces: Uint8Array[] = [];
    let from = this.#isInside() ? 0 : -1;
    let at = 0;
    while (at < chunk.length) {
      const before = this.#isInside();
      at += this.#step(chunk, at);
      if (!before && this.#isInside()) {
        pieces.push(MAGIC);
        from = at;
      } else if (before && !this.#isInside()) {
        pieces.push(chunk.subarray(from, at));
        from = -1;
      }
    }
    if (from >= 0 && from < at) pieces.push(chunk.subarray(from, at));
    return pieces;
  }

  /** @throws {DecodeError} when the stream ends inside a frame */
  finish(): void {
    if (this.#field !== 'magic' || this.#have > 0 || this.#passing > 0) throw damaged('it ends inside a frame');
  }

  #isInside(): boolean {
    return !this.#isSkipping && this.#field !== 'magic' && this.#field !== 'skippable';
  }

  /** Reads on from `at`. @returns how many bytes it took */
  #step(chunk: Uint8Array, at: number): number {
    const there = chunk.length - at;
    if (this.#passing > 0) {
      const passed = Math.min(this.#passing, there);
      this.#passing -= passed;
      if (this.#passing === 0) this.#passedOver();
      return passed;
    }
    const taken = Math.min(this.#need - this.#have, there);
    this.#bytes.set(chunk.subarray(at, at + taken), this.#have);
    this.#have += taken;
    if (this.#have === this.#need) this.#fieldRead();
    return taken;
  }

  #passedOver(): void {
    if (this.#isSkipping || (this.#isLastBlock && !this.#descriptor.hasChecksum)) this.#expect('magic');
    else this.#expect(this.#isLastBlock ? 'checksum' : 'block');
  }

  #expect(field: Exclude<Field, 'header'>): void {
    this.#field = field;
    this.#have = 0;
    this.#need = FIELD_BYTES[field];
    if (field === 'magic') this.#isSkipping = false;
  }

  #fieldRead(): void {
    switch (this.#field) {
      case 'magic':
        this.#magicRead();
        break;
      case 'skippable':
        this.#isSkipping = true;
        this.#passing = this.#number(0, 4);
        if (this.#passing === 0) this.#expect('magic');
        break;
      case 'descriptor':
        this.#descriptorRead();
        break;
      case 'header':
        this.#headerRead();
        this.#expect('block');
        break;
      case 'block':
        this.#blockRead();
        break;
      case 'checksum':
        this.#expect('magic');
    }
  }

  #magicRead(): void {
    const magic = this.#number(0, 4);
    if (MAGIC.every((byte, at) => this.#bytes[at] === byte)) this.#expect('descriptor');
    // RFC 8878 §3.1.2: sixteen magic numbers of frames that are for somebody else.
    else if (magic >= 0x184d2a50 && magic <= 0x184d2a5f) this.#expect('skippable');
    else throw damaged(`a frame begins with 0x${magic.toString(16)}`);
  }

  #descriptorRead(): void {
    const byte = this.#number(0, 1);
    if ((byte & 8) !== 0) throw damaged('a frame has the reserved bit set');
    const isSingleSegment = (byte & 32) !== 0;
    const sizeFlag = byte >> 6;
    this.#descriptor = {
      isSingleSegment,
      hasChecksum: (byte & 4) !== 0,
      dictionaryIdBytes: [0, 1, 2, 4][byte & 3] as number,
      contentSizeBytes: sizeFlag === 0 ? (isSingleSegment ? 1 : 0) : 1 << sizeFlag,
    };
    const { dictionaryIdBytes, contentSizeBytes } = this.#descriptor;
    this.#field = 'header';
    this.#have = 0;
    // Never zero: what is not a single segment has a window byte, what is one has a content size.
    this.#need = (isSingleSegment ? 0 : 1) + dictionaryIdBytes + contentSizeBytes;
  }

  #headerRead(): void {
    const { isSingleSegment, dictionaryIdBytes, contentSizeBytes } = this.#descriptor;
    const windowBytes = isSingleSegment ? 0 : 1;
    if (this.#number(windowBytes, dictionaryIdBytes) !== 0) throw unsupported('a dictionary of its own');
    const size = this.#number(windowBytes + dictionaryIdBytes, contentSizeBytes) + (contentSizeBytes === 2 ? 256 : 0);
    checkWindow(isSingleSegment ? size : this.#window(), this.#maxWindowBytes);
  }

  /** RFC 8878 §3.1.1.1.2. */
  #window(): number {
    const byte = this.#number(0, 1);
    const base = 2 ** (10 + (byte >> 3));
    return base + (base / 8) * (byte & 7);
  }

  #blockRead(): void {
    const header = this.#number(0, 3);
    const type = (header >> 1) & 3;
    const size = header >> 3;
    if (type === BLOCK_RESERVED) throw damaged('a block has the reserved type');
    if (size > MAX_BLOCK_BYTES) throw damaged(`a block has ${size} bytes`);
    this.#isLastBlock = (header & 1) !== 0;
    this.#passing = type === BLOCK_RLE ? 1 : size;
    if (this.#passing === 0) this.#passedOver();
  }

  #number(at: number, bytes: number): number {
    let number = 0;
    for (let index = bytes - 1; index >= 0; index--) number = number * 256 + (this.#bytes[at + index] ?? 0);
    return number;
  }
}
