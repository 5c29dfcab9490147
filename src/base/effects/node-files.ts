import { randomUUID } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  type FSWatcher,
  constants as fsConstants,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  type Stats,
  statSync,
  unlinkSync,
  watch,
  writeSync,
} from 'node:fs';
import * as fs from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  type Durability,
  type FileAppender,
  type FileStatus,
  type Files,
  type FileWriter,
  TEMPORARY_PREFIX,
  type WriteOptions,
} from '../effects.ts';

const READ_CHUNK_BYTES = 64 * 1024;
const DEFAULT_FILE_MODE = 0o600;
const DEFAULT_DIRECTORY_MODE = 0o700;

/**
 * Files of this host.
 *
 * What is small and ours (records, directory entries, files of procfs and cgroupfs) is done at once, in a few
 * microseconds; by way of Node's threads each operation would cost fifty times as much, and a launch has thirty. What
 * may take long goes to the threads: whatever is synced or large, and every path that a caller may have named, which
 * only `status`, `realPath`, `readBytes` and `readStream` are given. See docs/adr/0030-small-files-at-once.md.
 */
export function nodeFiles(): Files {
  return {
    readText: async (path) => readFileSync(path, 'utf8'),
    readBytes: (path) => fs.readFile(path),
    readStream,
    writeAtomic,
    writeKernelFile,
    openWriter,
    openAppender,
    list: async (directory) => readdirSync(directory),
    status: async (path) => fileStatusOf(await fs.lstat(path)),
    exists: async (path) => lstatSync(path, { throwIfNoEntry: false }) !== undefined,
    space: async (path) => {
      const { bsize, blocks, bfree } = await fs.statfs(path);
      return { totalBytes: bsize * blocks, freeBytes: bsize * bfree };
    },
    realPath: (path) => fs.realpath(path),
    readLink: async (path) => readlinkSync(path),
    makeDirectory: async (path, options) => {
      const mode = options?.mode ?? DEFAULT_DIRECTORY_MODE;
      if (options?.parents === true) makeWithParents(path, mode);
      else mkdirSync(path, { mode });
    },
    rename: async (from, to) => renameSync(from, to),
    removeFile: (path) => fs.unlink(path),
    removeDirectory: async (path) => rmdirSync(path),
    syncDirectory,
    watch: watchPath,
  };
}

function temporaryPath(directory: string): string {
  return join(directory, `${TEMPORARY_PREFIX}${randomUUID()}`);
}

async function* readStream(
  path: string,
  range: { readonly start?: number; readonly end?: number } = {},
): AsyncIterable<Uint8Array> {
  const handle = await fs.open(path, 'r');
  try {
    let position = range.start ?? 0;
    const end = range.end ?? Number.MAX_SAFE_INTEGER;
    while (position < end) {
      const buffer = Buffer.allocUnsafe(Math.min(READ_CHUNK_BYTES, end - position));
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
      if (bytesRead === 0) return;
      position += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

async function writeAtomic(path: string, content: string | Uint8Array, options: WriteOptions = {}): Promise<void> {
  const temporary = temporaryPath(dirname(path));
  const mode = options.mode ?? DEFAULT_FILE_MODE;
  if (options.durability === 'synced') await writeSynced(temporary, content, mode);
  else writeAtOnce(temporary, content, mode);
  try {
    renameSync(temporary, path);
  } catch (error) {
    unlinkSync(temporary);
    throw error;
  }
}

async function writeSynced(temporary: string, content: string | Uint8Array, mode: number): Promise<void> {
  const handle = await fs.open(temporary, 'wx', mode);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } catch (error) {
    await handle.close();
    await fs.unlink(temporary);
    throw error;
  }
  await handle.close();
}

function writeAtOnce(temporary: string, content: string | Uint8Array, mode: number): void {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  const file = openSync(temporary, 'wx', mode);
  try {
    for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written);
  } catch (error) {
    closeSync(file);
    unlinkSync(temporary);
    throw error;
  }
  closeSync(file);
}

async function writeKernelFile(path: string, content: string): Promise<void> {
  const handle = await fs.open(path, fsConstants.O_WRONLY | fsConstants.O_NOFOLLOW);
  try {
    await handle.write(content);
  } finally {
    await handle.close();
  }
}

async function openWriter(directory: string, mode: number = DEFAULT_FILE_MODE): Promise<FileWriter> {
  const temporary = temporaryPath(directory);
  const handle = await fs.open(temporary, 'wx', mode);
  let open = true;
  const finish = async (): Promise<void> => {
    open = false;
    await handle.close();
  };
  return {
    write: async (bytes) => {
      await handle.writeFile(bytes);
    },
    commit: async (path: string, durability: Durability) => {
      if (durability === 'synced') await handle.sync();
      await finish();
      await fs.rename(temporary, path);
    },
    abort: async () => {
      if (!open) return;
      await finish();
      await fs.unlink(temporary);
    },
  };
}

async function openAppender(path: string, mode: number = DEFAULT_FILE_MODE): Promise<FileAppender> {
  const handle = await fs.open(path, 'a', mode);
  let open = true;
  return {
    write: async (bytes) => {
      await handle.writeFile(bytes);
    },
    close: async () => {
      if (!open) return;
      open = false;
      await handle.close();
    },
  };
}

/** Node's own recursion never ends where mkdir(2) says ENOENT of a parent that is there, as /proc does. */
function makeWithParents(path: string, mode: number): void {
  try {
    makeUnlessThere(path, mode);
  } catch (error) {
    const parent = dirname(path);
    if (codeOf(error) !== 'ENOENT' || parent === path) throw error;
    makeWithParents(parent, mode);
    makeUnlessThere(path, mode);
  }
}

function makeUnlessThere(path: string, mode: number): void {
  try {
    mkdirSync(path, { mode });
    // mkdir(2) takes the bits of our umask away.
    if (mode > DEFAULT_DIRECTORY_MODE) chmodSync(path, mode);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST' || !statSync(path).isDirectory()) throw error;
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

function fileStatusOf(stats: Stats): FileStatus {
  return {
    kind: kindOf(stats),
    sizeBytes: stats.size,
    mode: stats.mode & 0o7777,
    uid: stats.uid,
    gid: stats.gid,
    device: BigInt(stats.dev),
    ...nodeOf(stats),
    inode: BigInt(stats.ino),
    mtimeMs: stats.mtimeMs,
  };
}

/** The numbers as the C library packs them (sys/sysmacros.h). */
function nodeOf(stats: Stats): Pick<FileStatus, 'node'> {
  if (!stats.isBlockDevice() && !stats.isCharacterDevice()) return {};
  const packed = BigInt(stats.rdev);
  const major = Number(((packed >> 8n) & 0xfffn) | ((packed >> 32n) & 0xfffff000n));
  const minor = Number((packed & 0xffn) | ((packed >> 12n) & 0xffffff00n));
  return { node: { kind: stats.isBlockDevice() ? 'block' : 'character', major, minor } };
}

function kindOf(stats: Stats): FileStatus['kind'] {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  return stats.isSymbolicLink() ? 'symlink' : 'other';
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await fs.open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function watchPath(path: string, changed: () => void, signal: AbortSignal): void {
  const watcher: FSWatcher = watch(path, { signal, persistent: false }, () => changed());
  // A watched path that goes away ends the watch; whoever follows the file sees that by its own reads.
  watcher.on('error', () => watcher.close());
}
