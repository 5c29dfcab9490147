import type { Files } from '../base/effects.ts';
import { systemErrorCode } from '../model/error.ts';
import { errnoShortName } from './errno.ts';

/** A file of cgroupfs or procfs, below a directory that many of them have in common. */
export interface KernelFile {
  readonly directory: string;
  /** Relative, through no symlink. */
  readonly name: string;
}

/** What a kernel file holds, empty for one that is not there; or why it could not be read, for example `EACCES`. */
export type FileText = string | { readonly errno: string };

/**
 * ENODEV: the group was removed between open and read (cgroupfs), ESRCH: the process ended (procfs). EOPNOTSUPP: a kernel
 * without swap, or PSI that is switched off.
 */
const NOTHING_THERE: ReadonlySet<string> = new Set(['ENOENT', 'ENODEV', 'EOPNOTSUPP', 'ESRCH']);

function isNothingThere(errno: string): boolean {
  return NOTHING_THERE.has(errno);
}

/** @returns an empty text for a file that is not there, or whose group or process is not. @throws any other error */
export async function readKernelFile(files: Files, path: string): Promise<string> {
  try {
    return await files.readText(path);
  } catch (error) {
    if (isNothingThere(systemErrorCode(error) ?? '')) return '';
    throw error;
  }
}

/** One after the other, in this process. */
export async function readEach(files: Files, wanted: readonly KernelFile[]): Promise<readonly FileText[]> {
  const texts: FileText[] = [];
  for (const { directory, name } of wanted) texts.push(await readOne(files, `${directory}/${name}`));
  return texts;
}

async function readOne(files: Files, path: string): Promise<FileText> {
  try {
    return await readKernelFile(files, path);
  } catch (error) {
    const errno = systemErrorCode(error);
    if (errno === undefined) throw error;
    return { errno };
  }
}

const HEADER_BYTES = 8;

/** The contents that the helper answers with: of as many files as fitted into its frame. */
export function decodeFileContents(bytes: Uint8Array): readonly FileText[] {
  const contents = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const texts: FileText[] = [];
  for (let offset = 0; offset < contents.length; ) {
    const errno = contents.readUInt32LE(offset);
    const start = offset + HEADER_BYTES;
    offset = start + contents.readUInt32LE(offset + 4);
    texts.push(errno === 0 ? contents.toString('latin1', start, offset) : refusal(errnoShortName(errno)));
  }
  return texts;
}

function refusal(errno: string): FileText {
  return isNothingThere(errno) ? '' : { errno };
}
