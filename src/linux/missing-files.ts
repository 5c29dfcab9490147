import type { Files } from '../base/effects.ts';
import { systemErrorCode } from '../model/error.ts';

/** Names in a directory; none when it is not there. */
export function listOrNothing(files: Pick<Files, 'list'>, directory: string): Promise<readonly string[]> {
  return unlessMissing(files.list(directory), []);
}

/** What a file holds; empty when it is not there. */
export function readOrEmpty(files: Files, path: string): Promise<string> {
  return unlessMissing(files.readText(path), '');
}

async function unlessMissing<Value>(found: Promise<Value>, otherwise: Value): Promise<Value> {
  try {
    return await found;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return otherwise;
    throw error;
  }
}
