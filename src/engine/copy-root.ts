import type { CopyRoot } from '../linux/tree-copy.ts';
import type { Container } from './container.ts';
import { fileErrors } from './file-errors.ts';
import type { EngineHost } from './host.ts';
import type { MappedKind } from './mapping-probe.ts';
import { mayRestart } from './restart-status.ts';
import { rootfsRecipe } from './rootfs.ts';
import { filesOnDisk } from './user-ids.ts';

/** Where the files of a container are now, for a copy out of it or into it. @throws {EngineError} `files.*` (failed-precondition) */
export async function copyRoot(host: EngineHost, container: Container, isWritten: boolean): Promise<CopyRoot> {
  const { uid, state, process, termination } = container;
  if (termination !== undefined) return leftRoot(host, container, isWritten);
  if (process === undefined || (state !== 'running' && state !== 'paused' && state !== 'destroying')) {
    throw fileErrors.notStarted({ uid, state });
  }
  return { kind: 'process', ...process };
}

/**
 * What one that has ended has left. To be read, its own layer is one of the read-only ones: nothing of it changes, and several may read.
 */
async function leftRoot(host: EngineHost, container: Container, isWritten: boolean): Promise<CopyRoot> {
  const { uid, config, paths, imageId } = container;
  if (config.rootfs.kind === 'none') throw fileErrors.noRoot({ uid, why: "had the host's own files" });
  if (isWritten && config.readOnlyRootfs) throw fileErrors.readOnly({ uid, path: '/' });
  const { dueAtMs, isStopped } = container.restart;
  if (isWritten && (dueAtMs !== undefined || (mayRestart(container) && !isStopped))) throw fileErrors.mayStart({ uid });
  if (config.rootfs.kind === 'directory') return { kind: 'directory', path: config.rootfs.path };
  const image = imageId === undefined ? undefined : await host.images.find(imageId);
  const recipe = await rootfsRecipe(host, container, image);
  if (recipe === undefined || recipe.kind === 'directory') throw fileErrors.noRoot({ uid, why: 'its image is gone' });
  if (recipe.kind === 'bind') return { kind: 'directory', path: recipe.path };
  await checkOwners(host, container, recipe.kind === 'copy' ? 'tree' : 'overlay');
  if (!(await host.effects.files.exists(recipe.kind === 'copy' ? recipe.path : paths.upperDir))) {
    throw fileErrors.noRoot({ uid, why: 'what it wrote is gone, or on a disk of its own that is not there any more' });
  }
  if (recipe.kind === 'copy') return { kind: 'directory', path: recipe.path };
  // An image of a layer shows what the directory has that it was made from.
  const layers = recipe.kind === 'erofs' ? recipe.layers.map(({ directory }) => directory) : recipe.lowerDirs;
  const { upperDir: upper, workDir: work } = paths;
  if (!isWritten) return { kind: 'overlay', lower: [upper, ...layers] };
  return { kind: 'overlay', lower: layers, upper, work };
}

/** With users of its own, files on disk have the container's ids only where they were shown to it under others. */
async function checkOwners(host: EngineHost, container: Container, what: MappedKind): Promise<void> {
  if ((await filesOnDisk(host, container, what)) !== 'shifted') return;
  throw fileErrors.noRoot({ uid: container.uid, why: 'its files have owners that only its user namespace knew' });
}
