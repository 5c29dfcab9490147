import type { Files } from '../../base/effects.ts';
import { parseBound, parseFlatKeyed } from '../../linux/cgroup-values.ts';
import { systemErrorCode } from '../../model/error.ts';
import type { IsolatedContainer } from '../isolator.ts';

/** Reads files of the groups of one container; a group or file that is not there reads as nothing. */
export interface GroupReader {
  text(file: string): Promise<string>;
  /** @returns `undefined` for `max` too */
  bound(file: string): Promise<number | undefined>;
  keyed(file: string): Promise<ReadonlyMap<string, number>>;
}

/** A reader of the container's group for a controller; `undefined` when it has none. */
export function groupReader(
  files: Files,
  container: IsolatedContainer,
  controller: string,
): { readonly version: 1 | 2; readonly path: string; readonly read: GroupReader } | undefined {
  const group = container.groups[controller];
  if (group === undefined) return undefined;
  const text = (file: string): Promise<string> => readOrEmpty(files, `${group.path}/${file}`);
  return {
    ...group,
    read: {
      text,
      bound: async (file) => parseBound(await text(file)),
      keyed: async (file) => parseFlatKeyed(await text(file)),
    },
  };
}

/** The values that are there, without the names of those that are not. */
export function presentValues(values: Readonly<Record<string, number | undefined>>): Readonly<Record<string, number>> {
  const present: Record<string, number> = {};
  for (const [name, value] of Object.entries(values)) if (value !== undefined) present[name] = value;
  return present;
}

/** ENODEV: the group was removed between open and read (cgroupfs). EOPNOTSUPP: a kernel without swap (v2). */
async function readOrEmpty(files: Files, path: string): Promise<string> {
  try {
    return await files.readText(path);
  } catch (error) {
    if (['ENOENT', 'ENODEV', 'EOPNOTSUPP'].includes(systemErrorCode(error) ?? '')) return '';
    throw error;
  }
}
