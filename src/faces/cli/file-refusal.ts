import { getSystemErrorMessage } from 'node:util';

/** What may be done about it, by the code of the system (errno(3)), where there is anything to say. */
const TO_READ: Readonly<Record<string, string>> = {
  ENOENT: 'check the spelling of its path',
  ENOTDIR: 'check the spelling of its path: a part of it is a file',
  EACCES: 'have it made readable for you, or run the command as a user who may read it',
  EISDIR: 'name a file; a directory goes through a pipe: tar -C DIRECTORY -cf - .',
  ELOOP: 'name the file itself: its links lead in a circle',
};

const TO_WRITE: Readonly<Record<string, string>> = {
  ENOENT: 'make the directory first, or check the spelling of its path',
  ENOTDIR: 'check the spelling of its path: a part of it is a file',
  EACCES: 'choose a directory that you may write to',
  EPERM: 'choose a directory that you may write to',
  EROFS: 'choose a directory on a file system that is not read-only',
  EISDIR: 'name a file: a directory has this name',
  ENOSPC: 'free space there, or choose another directory',
  EDQUOT: 'free space there, or choose another directory',
  EFBIG: 'choose a file system that takes larger files, or raise ulimit -f',
};

/** Why the system refused a file, in words, with its code. */
export interface FileRefusal {
  readonly code: string;
  /** `no such file or directory` */
  readonly cause: string;
}

/**
 * What the system says of a file. Pure.
 *
 * @returns undefined for an error of another kind
 */
export function fileRefusal(error: unknown): FileRefusal | undefined {
  if (!(error instanceof Error) || !('errno' in error) || typeof error.errno !== 'number') return undefined;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return { code, cause: getSystemErrorMessage(error.errno) };
}

export function remedyToRead(code: string): string {
  return TO_READ[code] ?? 'read it with another program (cat), and mend what that finds';
}

export function remedyToWrite(code: string): string {
  return TO_WRITE[code] ?? 'choose another file';
}
