import { constants } from 'node:os';
import { systemErrorCode } from '../model/error.ts';

/** Errno numbers of this architecture by name (errno(3)). */
export const ERRNO: Readonly<Record<string, number>> = constants.errno;

/** Of two names for one number the first: EAGAIN, not EWOULDBLOCK. */
const NAME_BY_NUMBER: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.errno)
    .reverse()
    .map(([name, number]) => [number, name]),
);

/** What the common ones mean to a person. */
const MEANING: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EBADMSG: 'bad message',
  EBUSY: 'device or resource busy',
  EEXIST: 'file exists',
  EFBIG: 'file too large',
  EINVAL: 'invalid argument',
  EIO: 'input/output error',
  EISDIR: 'is a directory',
  ELOOP: 'a symbolic link in the way',
  EMFILE: 'too many open files',
  ENOENT: 'no such file or directory',
  ENOEXEC: 'not an executable format',
  ENOMEM: 'out of memory',
  ENOSPC: 'no space left on device',
  ENOSYS: 'not implemented by this kernel',
  ENOTDIR: 'not a directory',
  EPERM: 'operation not permitted',
  EROFS: 'read-only file system',
  ESRCH: 'no such process',
  ETIMEDOUT: 'timed out',
};

/** What a system error of Node's means, as {@link errnoName}; `undefined` for any other error. */
export function systemReason(error: unknown): string | undefined {
  const number = ERRNO[systemErrorCode(error) ?? ''];
  return number === undefined ? undefined : errnoName(number);
}

/** `ENOENT`; the bare number for one that this system does not name. */
export function errnoShortName(errno: number): string {
  return NAME_BY_NUMBER.get(errno) ?? `errno ${errno}`;
}

/** `ENOENT (no such file or directory)`; the bare number for one that this system does not name. */
export function errnoName(errno: number): string {
  const name = NAME_BY_NUMBER.get(errno);
  if (name === undefined) return `errno ${errno}`;
  const meaning = MEANING[name];
  return meaning === undefined ? name : `${name} (${meaning})`;
}
