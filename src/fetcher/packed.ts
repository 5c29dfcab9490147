const BLOCK = 512;
const USTAR_PATH_BYTES = 100;
/** Beyond what the octal digits of a plain header hold. */
const USTAR_SIZE = 0o77777777777;

/** What ends a stream. */
export const END_OF_TAR: Uint8Array = Buffer.alloc(2 * BLOCK);

/** One regular file at this path, with the directories above it made as they are needed. */
export async function* packedFile(
  file: { readonly path: string; readonly mode: number; readonly sizeBytes: number; readonly mtimeSeconds: number },
  content: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield* packedEntry({ ...file, type: '0' }, content);
  yield END_OF_TAR;
}

/** One entry of an archive, which {@link END_OF_TAR} ends. */
export async function* packedEntry(
  entry: PackedEntry,
  content: AsyncIterable<Uint8Array> = nothing(),
): AsyncGenerator<Uint8Array, void, undefined> {
  yield header(entry);
  yield* content;
  yield Buffer.alloc((BLOCK - (entry.sizeBytes % BLOCK)) % BLOCK);
}

/** A directory at this path, and those above it. */
export async function* packedDirectory(
  path: string,
  mtimeSeconds: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const parts = path.split('/');
  for (const [index] of parts.entries()) {
    const upTo = `${parts.slice(0, index + 1).join('/')}/`;
    yield header({ path: upTo, mode: 0o755, sizeBytes: 0, mtimeSeconds, type: '5' });
  }
  yield END_OF_TAR;
}

export interface PackedEntry {
  readonly path: string;
  readonly mode: number;
  readonly sizeBytes: number;
  readonly mtimeSeconds: number;
  /** A file, a symbolic link, a directory. */
  readonly type: '0' | '2' | '5';
  /** Of a symbolic link. */
  readonly linkTarget?: string;
}

async function* nothing(): AsyncGenerator<Uint8Array, void, undefined> {}

/** What does not fit into a plain header goes before it, in one of POSIX pax. */
function header(entry: PackedEntry): Uint8Array {
  const records: string[] = [];
  if (Buffer.byteLength(entry.path) > USTAR_PATH_BYTES) records.push(record('path', entry.path));
  if (entry.sizeBytes > USTAR_SIZE) records.push(record('size', String(entry.sizeBytes)));
  const { linkTarget = '' } = entry;
  if (Buffer.byteLength(linkTarget) > USTAR_PATH_BYTES) records.push(record('linkpath', linkTarget));
  const plain = block(entry);
  if (records.length === 0) return plain;
  const extended = Buffer.from(records.join(''));
  const padding = Buffer.alloc((BLOCK - (extended.length % BLOCK)) % BLOCK);
  const before = block({ ...entry, path: 'extended', linkTarget: '', type: 'x', sizeBytes: extended.length });
  return Buffer.concat([before, extended, padding, plain]);
}

/** `LENGTH key=value\n`, where the length counts itself. */
function record(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const bytes = Buffer.byteLength(rest);
  let length = bytes + String(bytes).length;
  if (String(length).length + bytes > length) length = String(length).length + bytes;
  return `${length}${rest}`;
}

function block(entry: Omit<PackedEntry, 'type'> & { readonly type: PackedEntry['type'] | 'x' }): Buffer {
  const bytes = Buffer.alloc(BLOCK);
  const octal = (value: number, offset: number, digits: number): void => {
    bytes.write(`${value.toString(8).padStart(digits, '0')}\0`, offset, 'ascii');
  };
  Buffer.from(entry.path).copy(bytes, 0, 0, USTAR_PATH_BYTES);
  octal(entry.mode, 100, 7);
  octal(0, 108, 7);
  octal(0, 116, 7);
  octal(Math.min(entry.sizeBytes, USTAR_SIZE), 124, 11);
  octal(entry.mtimeSeconds, 136, 11);
  bytes.write('        ', 148, 'ascii');
  bytes.write(entry.type, 156, 'ascii');
  Buffer.from(entry.linkTarget ?? '').copy(bytes, 157, 0, USTAR_PATH_BYTES);
  bytes.write('ustar\x0000', 257, 'ascii');
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'ascii');
  return bytes;
}
