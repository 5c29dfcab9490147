import { randomBytes } from 'node:crypto';
import { type FSWatcher, type Stats, watch } from 'node:fs';
import * as fs from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  type Durability,
  type FileStatus,
  type Files,
  type FileWriter,
  TEMPORARY_PREFIX,
  type WriteOptions,
} from '../effects.ts';

const READ_CHUNK_BYTES = 64 * 1024;
const DEFAULT_FILE_MODE = 0o600;
const DEFAULT_DIRECTORY_MODE = 0o700;

/** Files of this host. */
export function nodeFiles(): Files {
  return {
    readText: (path) => fs.readFile(path, 'utf8'),
    readBytes: (path) => fs.readFile(path),
    readStream,
    writeAtomic,
    writeKernelFile,
    openWriter,
    list: (directory) => fs.readdir(directory),
    status: async (path) => fileStatusOf(await fs.lstat(path)),
    exists,
    realPath: (path) => fs.realpath(path),
    readLink: (path) => fs.readlink(path),
    makeDirectory: async (path, options) => {
      await fs.mkdir(path, { mode: options?.mode ?? DEFAULT_DIRECTORY_MODE, recursive: options?.parents ?? false });
    },
    rename: (from, to) => fs.rename(from, to),
    removeFile: (path) => fs.unlink(path),
    removeDirectory: (path) => fs.rmdir(path),
    syncDirectory,
    watch: watchPath,
  };
}

function temporaryPath(directory: string): string {
  return join(directory, `${TEMPORARY_PREFIX}${randomBytes(8).toString('hex')}`);
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
  const handle = await fs.open(temporary, 'wx', options.mode ?? DEFAULT_FILE_MODE);
  try {
    await handle.writeFile(content);
    if (options.durability === 'synced') await handle.sync();
  } catch (error) {
    await handle.close();
    await fs.unlink(temporary);
    throw error;
  }
  await handle.close();
  await fs.rename(temporary, path);
}

async function writeKernelFile(path: string, content: string): Promise<void> {
  const handle = await fs.open(path, fs.constants.O_WRONLY | fs.constants.O_NOFOLLOW);
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

function fileStatusOf(stats: Stats): FileStatus {
  return {
    kind: kindOf(stats),
    sizeBytes: stats.size,
    mode: stats.mode & 0o7777,
    uid: stats.uid,
    gid: stats.gid,
    device: BigInt(stats.dev),
    inode: BigInt(stats.ino),
    mtimeMs: stats.mtimeMs,
  };
}

function kindOf(stats: Stats): FileStatus['kind'] {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  return stats.isSymbolicLink() ? 'symlink' : 'other';
}

async function exists(path: string): Promise<boolean> {
  try {
    await fs.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
      return false;
    throw error;
  }
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
