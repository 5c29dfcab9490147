import type { Files } from '../base/effects.ts';
import { listOrNothing } from '../linux/missing-files.ts';
import type { ContainerPaths } from './paths.ts';

/**
 * What lies in the directories of one container, listed once: a start that finds a thousand of them need not try to open
 * what is not there. One that goes after it was listed is found missing when it is opened.
 */
export class ListedFiles {
  readonly #names: ReadonlyMap<string, readonly string[]>;

  constructor(names: ReadonlyMap<string, readonly string[]>) {
    this.#names = names;
  }

  has(path: string): boolean {
    const slash = path.lastIndexOf('/');
    return this.namesIn(path.slice(0, slash)).includes(path.slice(slash + 1));
  }

  /** The names in one directory; none where it is not there. */
  namesIn(directory: string): readonly string[] {
    return this.#names.get(directory) ?? [];
  }

  /** Full paths of all files whose name begins so. */
  beginningWith(prefix: string): readonly string[] {
    return [...this.#names].flatMap(([directory, names]) =>
      names.filter((name) => name.startsWith(prefix)).map((name) => `${directory}/${name}`),
    );
  }
}

/** Lists the directories that hold records and files of a container; those that are not there hold nothing. */
export async function listContainer(
  files: Pick<Files, 'list'>,
  { rootDir, stateDir, runtimeDir }: Pick<ContainerPaths, 'rootDir' | 'stateDir' | 'runtimeDir'>,
): Promise<ListedFiles> {
  const names = new Map<string, readonly string[]>();
  for (const directory of [rootDir, stateDir]) names.set(directory, await listOrNothing(files, directory));
  if (new ListedFiles(names).has(runtimeDir)) names.set(runtimeDir, await listOrNothing(files, runtimeDir));
  return new ListedFiles(names);
}
