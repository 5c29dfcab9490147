import { defineErrors } from '../../model/error.ts';
import {
  isEndBlock,
  longName,
  memberPath,
  paddedBytes,
  parsePax,
  parseTarHeader,
  TAR_BLOCK_BYTES,
} from '../archive/tar-header.ts';

export const tarStreamErrors = defineErrors('tar-stream', {
  malformed: {
    kind: 'data-loss',
    message: (d: { what: string; reason: string }) => `${d.what} is not a tar stream: ${d.reason}`,
  },
});

/** A member as it passes; its content must be read before the next one is asked for, or it is passed over. */
export interface StreamedMember {
  /** The member's own header block. */
  readonly block: Uint8Array;
  /** What extended headers before it say, in the words of pax; names that GNU writes apart are among them. */
  readonly attributes: ReadonlyMap<string, string>;
  readonly path: string;
  readonly linkPath: string;
  /** `0` for a regular file. */
  readonly type: string;
  /** In chunks, with what fills the last block. */
  readonly padded: AsyncIterable<Uint8Array>;
  readonly sizeBytes: number;
}

/** Reads a tar stream (ustar, pax, GNU) member by member. @throws {EngineError} `tar-stream.malformed`, and what it throws */
export async function* tarMembers(
  source: AsyncIterable<Uint8Array>,
  context: { readonly what: string; readonly maxHeaderBytes: number },
): AsyncGenerator<StreamedMember, void, undefined> {
  const { what, maxHeaderBytes } = context;
  const refuse = (reason: string): never => {
    throw tarStreamErrors.malformed({ what, reason });
  };
  const bytes = new ByteReader(source, refuse);
  let attributes = new Map<string, string>();
  try {
    for (;;) {
      const block = await bytes.take(TAR_BLOCK_BYTES);
      if (block === undefined || isEndBlock(block)) break;
      const header = parseTarHeader(block, refuse);
      const sizeBytes =
        header.type === '0' && attributes.has('size') ? Number(attributes.get('size')) : header.sizeBytes;
      if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) refuse(`a member of ${sizeBytes} bytes`);
      const rest = { bytes: paddedBytes(sizeBytes) };
      if ('xgKL'.includes(header.type)) {
        if (sizeBytes > maxHeaderBytes) refuse(`an extended header of ${sizeBytes} bytes`);
        const content = (await bytes.take(rest.bytes))?.subarray(0, sizeBytes) ?? refuse('it ends within a header');
        if (header.type === 'x') for (const [key, value] of parsePax(content, refuse)) attributes.set(key, value);
        if (header.type === 'K') attributes.set('linkpath', longName(content));
        if (header.type === 'L') attributes.set('path', longName(content));
        continue;
      }
      const path = memberPath(attributes.get('path') ?? header.name);
      const linkPath = attributes.get('linkpath') ?? header.linkName;
      yield { block, attributes, path, linkPath, type: header.type, sizeBytes, padded: bytes.pass(rest) };
      for await (const _ of bytes.pass(rest));
      attributes = new Map();
    }
    // What follows the end counts for the digest of the whole.
    await bytes.exhaust();
  } finally {
    await bytes.close();
  }
}

/** A stream that is read in pieces of a wanted length. */
class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #refuse: (reason: string) => never;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(source: AsyncIterable<Uint8Array>, refuse: (reason: string) => never) {
    this.#chunks = source[Symbol.asyncIterator]();
    this.#refuse = refuse;
  }

  /** @returns `undefined` at the end of the stream */
  async take(count: number): Promise<Uint8Array | undefined> {
    const parts: Uint8Array[] = [];
    for await (const part of this.pass({ bytes: count }, 'end')) parts.push(part);
    const taken = Buffer.concat(parts);
    if (taken.length === 0 && count > 0) return undefined;
    if (taken.length < count) this.#refuse('it ends within a header');
    return taken;
  }

  /** Passes as many bytes as `left` has, which counts down. */
  async *pass(left: { bytes: number }, atEnd?: 'end'): AsyncGenerator<Uint8Array, void, undefined> {
    while (left.bytes > 0) {
      if (this.#rest.length === 0) {
        const next = await this.#chunks.next();
        if (next.done === true) {
          if (atEnd === 'end') return;
          this.#refuse('it ends within a member');
        } else this.#rest = next.value;
        continue;
      }
      const part = this.#rest.subarray(0, left.bytes);
      this.#rest = this.#rest.subarray(part.length);
      left.bytes -= part.length;
      yield part;
    }
  }

  async exhaust(): Promise<void> {
    while ((await this.#chunks.next()).done !== true);
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}
