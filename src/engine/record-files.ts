import type { Durability, Files } from '../base/effects.ts';
import { systemErrorCode } from '../model/error.ts';

/** What stood in the place of a record, and is no file. */
const ASIDE = '.aside';

export async function writeRecord(
  files: Files,
  file: string,
  { text, durability }: { readonly text: string; readonly durability: Durability },
): Promise<void> {
  const write = (): Promise<void> => files.writeAtomic(file, `${text}\n`, { durability });
  try {
    await write();
  } catch (error) {
    if (!isDirectory(error)) throw error;
    await setAside(files, file);
    await write();
  }
}

/** One that is not there is fine. */
export async function removeRecord(files: Files, file: string): Promise<void> {
  try {
    await files.removeFile(file);
  } catch (error) {
    if (isDirectory(error)) await setAside(files, file);
    else if (!isMissing(error)) throw error;
  }
}

/** A directory in the place of a record is none of ours: it is kept for a person to look at, beside, where it hinders nobody. */
async function setAside(files: Files, file: string): Promise<void> {
  await files.rename(file, `${file}${ASIDE}`);
}

/** As rename(2) and Linux's unlink(2) say it. */
function isDirectory(error: unknown): boolean {
  return systemErrorCode(error) === 'EISDIR';
}

/** ENOTDIR: something that is no directory has the container's name, so the file is not there either. */
export function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '');
}
