import type { Files } from '../../base/effects.ts';
import { NESTED_GROUPS } from '../../linux/cgroup-hierarchy.ts';
import { parseBound, parseFlatKeyed } from '../../linux/cgroup-values.ts';
import { type KernelFile, readKernelFile } from '../../linux/kernel-files.ts';
import type { IsolatedContainer } from '../isolator.ts';

/** Reads files of the groups of one container; a group or file that is not there reads as nothing. */
export interface GroupReader {
  text(file: string): Promise<string>;
  /** @returns `undefined` for `max` too */
  bound(file: string): Promise<number | undefined>;
  keyed(file: string): Promise<ReadonlyMap<string, number>>;
  /**
   * How often something has happened to the container itself. In v2 a group counts what happens below it, too, so what the
   * containers in this one had is taken off; in v1 each group counts for itself.
   */
  happened(file: string, event: string): Promise<number>;
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
  const keyed = async (file: string) => parseFlatKeyed(await text(file));
  return {
    ...group,
    read: {
      text,
      bound: async (file) => parseBound(await text(file)),
      keyed,
      happened: async (file, event) => {
        const all = (await keyed(file)).get(event) ?? 0;
        if (all === 0 || group.version === 1) return all;
        return all - ((await keyed(`${NESTED_GROUPS}/${file}`)).get(event) ?? 0);
      },
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
