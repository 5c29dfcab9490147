import { dirname } from 'node:path';
import type { Files } from '../../base/effects.ts';
import { step } from '../../model/wire.ts';
import type { Backend, RunSteps } from '../backend.ts';

export interface CopyParts {
  readonly files: Pick<Files, 'exists' | 'rename' | 'syncDirectory'>;
  readonly run: RunSteps;
}

const BY = 'copy';
const MODE = 0o755;
/** Behind the name of a copy that is not whole. */
const UNFINISHED = '.part';

/** A tree of the container's own, with all that the layers show. It bears its name only once it is whole and on disk. */
export function copyBackend({ files, run }: CopyParts): Backend {
  return {
    name: 'copy',
    obstacle: async () => undefined,
    recipe: (layers, { treeDir }) => ({
      ...{ kind: 'copy', lowerDirs: layers.map(({ directory }) => directory), path: treeDir },
    }),
    async provide(recipe, signal) {
      if (recipe.kind !== 'copy' || (await files.exists(recipe.path))) return recipe;
      const { path, lowerDirs: lower } = recipe;
      const directory = dirname(path);
      const unfinished = `${path}${UNFINISHED}`;
      await run(
        [
          step(BY, 'remove-tree', { directory, name: unfinished.slice(directory.length + 1) }),
          step(BY, 'make-directory', { path: unfinished, mode: MODE, existingOk: 0 }),
          step(BY, 'copy-layers', { lower, path: unfinished }),
          step(BY, 'sync-filesystem', { path: unfinished }),
        ],
        signal,
      );
      await files.rename(unfinished, path);
      await files.syncDirectory(directory);
      return recipe;
    },
  };
}
