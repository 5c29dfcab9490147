import { join } from 'node:path';
import type { Files } from '../../base/effects.ts';
import { listOrNothing } from '../../linux/missing-files.ts';
import { cgroupsErrors } from './errors.ts';

/**
 * Refuses names that no device of this host has: the kernel would only say "invalid".
 *
 * @throws {EngineError} `cgroups.notThere` (invalid-argument)
 */
export async function checkSystemDevices(
  files: Files,
  asked: { readonly what: string; readonly directory: string; readonly names: readonly string[] },
): Promise<void> {
  const { what, directory, names } = asked;
  const missing: string[] = [];
  for (const name of names) if (!(await files.exists(join(directory, name)))) missing.push(name);
  if (missing.length === 0) return;
  const available = (await listOrNothing(files, directory)).join(', ') || 'none at all';
  throw cgroupsErrors.notThere({ what, asked: names.join(', '), missing: missing.join(', '), available });
}
