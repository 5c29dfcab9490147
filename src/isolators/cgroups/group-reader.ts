import type { Files } from '../../base/effects.ts';
import { parseBound, parseFlatKeyed } from '../../linux/cgroup-values.ts';
import { type KernelFile, readKernelFile } from '../../linux/kernel-files.ts';
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
  const text = (file: string): Promise<string> => readKernelFile(files, `${group.path}/${file}`);
  return {
    ...group,
    read: {
      text,
      bound: async (file) => parseBound(await text(file)),
      keyed: async (file) => parseFlatKeyed(await text(file)),
    },
  };
}

/**
 * Files of the container's group for a controller, to be read with those of many others: below the directory that has the
 * groups of all. None where it has no such group.
 */
export function groupFiles(
  { groups }: IsolatedContainer,
  controller: string,
  names: readonly string[],
): readonly KernelFile[] {
  const path = groups[controller]?.path;
  if (path === undefined) return [];
  const slash = path.lastIndexOf('/');
  const directory = path.slice(0, slash);
  return names.map((name) => ({ directory, name: `${path.slice(slash + 1)}/${name}` }));
}

/** The values that are there, without the names of those that are not. */
export function presentValues(values: Readonly<Record<string, number | undefined>>): Readonly<Record<string, number>> {
  const present: Record<string, number> = {};
  for (const [name, value] of Object.entries(values)) if (value !== undefined) present[name] = value;
  return present;
}
