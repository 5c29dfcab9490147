import { posix } from 'node:path';
import { defineErrors } from './error.ts';

export const textErrors = defineErrors('text', {
  nul: {
    kind: 'invalid-argument',
    message: (d: { field: string; text: string }) =>
      `${d.field} ${JSON.stringify(d.text)} holds a NUL character, which the kernel cannot take`,
  },
  tooLong: {
    kind: 'invalid-argument',
    message: (d: { field: string; bytes: number; most: number }) =>
      `${d.field} takes ${d.bytes} bytes, and at most ${d.most} are allowed`,
    remedy: () => 'hand large data over in a file, with a volume',
  },
  relativePath: {
    kind: 'invalid-argument',
    message: (d: { field: string; path: string }) => `${d.field} ${JSON.stringify(d.path)} is not an absolute path`,
    remedy: () => 'write the path from / on',
  },
});

/** Longest path that the kernel takes, without its NUL (PATH_MAX, linux/limits.h). */
const MAX_PATH_BYTES = 4095;
/** Longest single argument or variable that execve(2) takes: 32 pages, the NUL included (MAX_ARG_STRLEN). */
export const MAX_ARGUMENT_BYTES = 128 * 1024 - 1;

/**
 * A text that is handed to the kernel.
 *
 * @param limit longest that is allowed, in bytes of UTF-8
 * @throws {EngineError} `text.nul`, `text.tooLong` (invalid-argument)
 */
export function checkText(field: string, text: string, limit: number): string {
  const bytes = Buffer.byteLength(text);
  if (bytes > limit) throw textErrors.tooLong({ field, bytes, most: limit });
  if (text.includes('\0')) throw textErrors.nul({ field, text });
  return text;
}

/**
 * An absolute path without `.`, `..`, doubled or trailing slashes, so that equal paths are equal texts.
 *
 * @throws {EngineError} `text.relativePath`, `text.nul`, `text.tooLong` (invalid-argument)
 */
export function parseAbsolutePath(field: string, path: string): string {
  checkText(field, path, MAX_PATH_BYTES);
  if (!path.startsWith('/')) throw textErrors.relativePath({ field, path });
  const normal = posix.normalize(path);
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal;
}
