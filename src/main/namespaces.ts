import type { Files } from '../base/effects.ts';
import { mainErrors } from './errors.ts';

/** Those in which an agent of another namespace would do its work in the wrong place. */
const CHECKED = ['mnt', 'net', 'pid'] as const;

/**
 * Refuses to serve in other namespaces than process 1's: containers would outlive, or not see, what they are made of.
 *
 * @returns the kinds that could not be compared, because this process may not look at process 1
 * @throws {EngineError} `main.foreignNamespace`
 */
export async function checkNamespaces(files: Files): Promise<readonly string[]> {
  const foreign: string[] = [];
  const unknown: string[] = [];
  for (const kind of CHECKED) {
    try {
      const first = await files.readLink(`/proc/1/ns/${kind}`);
      if ((await files.readLink(`/proc/self/ns/${kind}`)) !== first) foreign.push(kind);
    } catch {
      unknown.push(kind);
    }
  }
  if (foreign.length > 0) throw mainErrors.foreignNamespace({ namespaces: foreign });
  return unknown;
}
