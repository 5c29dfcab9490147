import type { TreeChanges, WrittenTree } from '../../linux/tree-copy.ts';
import { defineErrors, EngineError } from '../../model/error.ts';
import type { Image } from '../../model/image-config.ts';
import type { LaunchPlan } from '../../model/launch-plan.ts';
import { idMaps } from '../../plan/encode-user.ts';
import type { Container } from '../container.ts';
import { fileErrors } from '../file-errors.ts';
import type { EngineHost } from '../host.ts';
import type { MappedKind } from '../mapping-probe.ts';
import type { TreeAccess } from '../tree-access.ts';
import { filesOnDisk } from '../user-ids.ts';
import { mountedPaths, withoutLinks } from './left-out.ts';

export const writtenErrors = defineErrors('written', {
  noChanges: {
    kind: 'failed-precondition',
    message: (d: { uid: string; why: string }) => `what container ${d.uid} has changed cannot be told: ${d.why}`,
    remedy: (d: { uid: string }) =>
      `take all of its root, and make an image of that: isopod export ${d.uid} | isopod import - NAME`,
  },
  removed: {
    kind: 'failed-precondition',
    message: (d: { uid: string }) => `container ${d.uid} was removed while its files were read`,
    remedy: () => 'commit it before it ends, where it is removed with its end (--rm)',
  },
  hostRoot: {
    kind: 'failed-precondition',
    message: (d: { uid: string; what: string }) => `container ${d.uid} has the host's own files, so ${d.what}`,
    remedy: () => 'copy single files or directories: isopod cp',
  },
});

/** Below the root of a disk in a file, as the step create-disk makes it. */
const UPPER_ON_DISK = 'upper';

/** What was written, and what of that is the engine's own. */
export interface WrittenView {
  readonly tree: TreeChanges;
  readonly leftOut: readonly string[];
}

/** What a container has written over its image, to be looked at. */
export function writtenAccess(host: EngineHost, container: Container): TreeAccess<WrittenView> {
  return {
    container,
    path: '/',
    find: async () => {
      const { chainIds } = await committedImage(host, container);
      const written = await reachWritten(host, container);
      const lower = chainIds.map((chainId) => host.images.layerDirectory(chainId)).reverse();
      const mounted = mountedPaths(await planOf(host, container), container.volumes);
      return async (worker) => {
        const tree = await worker.enterChanges({ ...written, lower });
        return { tree, leftOut: await withoutLinks(tree, mounted) };
      };
    },
  };
}

/** The image that a container was made from. @throws {EngineError} `written.*` (failed-precondition) when there is none */
export async function committedImage(host: EngineHost, { uid, config, imageId }: Container): Promise<Image> {
  if (config.rootfs.kind === 'none') throw writtenErrors.hostRoot({ uid, what: 'nothing tells what it has changed' });
  if (config.rootfs.kind === 'directory') {
    const { path } = config.rootfs;
    const why = `its root is ${path}, a directory of the host, and nobody has kept what was in there before`;
    throw writtenErrors.noChanges({ uid, why });
  }
  const image = imageId === undefined ? undefined : await host.images.find(imageId);
  if (image === undefined) throw writtenErrors.noChanges({ uid, why: 'its image is gone' });
  return image;
}

/**
 * Whether a container can have written nothing: its root is the layer of its image itself, which is only read.
 *
 * @throws {EngineError} as `committedImage`; `files.notStarted` (failed-precondition)
 */
export async function writesNothing(host: EngineHost, container: Container): Promise<boolean> {
  if (container.backend?.name !== 'bind') return false;
  await committedImage(host, container);
  checkStarted(container);
  return true;
}

function checkStarted({ uid, state, process, termination }: Container): void {
  if (termination === undefined && process === undefined) throw fileErrors.notStarted({ uid, state });
}

/** Where it is, and whose its files are on disk. @throws {EngineError} `written.noChanges`, `files.notStarted` (failed-precondition) */
async function reachWritten(host: EngineHost, container: Container): Promise<Omit<WrittenTree, 'lower'>> {
  checkStarted(container);
  const { uid, diskQuota, paths, backend } = container;
  const refuse = (why: string): never => {
    throw writtenErrors.noChanges({ uid, why });
  };
  const whole = backend?.name === 'copy';
  const maps = await ownersOnDisk(host, container, whole ? 'tree' : 'overlay');
  if (maps === 'unknown') refuse('its files have owners that only its user namespace knows');
  const disk = diskQuota?.way === 'image' ? { disk: diskQuota.file } : undefined;
  const upper = disk !== undefined ? UPPER_ON_DISK : whole ? paths.treeDir : paths.upperDir;
  if (!(await host.effects.files.exists(disk?.disk ?? upper))) {
    refuse('the directory for what it writes is gone');
  }
  return { upper, whole, ...disk, ...(maps !== 'theirs' && maps !== 'unknown' && { maps }) };
}

/** With users of its own, its files were given other owners where they cannot be shown under others. */
async function ownersOnDisk(
  host: EngineHost,
  container: Container,
  what: MappedKind,
): Promise<'theirs' | 'unknown' | NonNullable<WrittenTree['maps']>> {
  const files = await filesOnDisk(host, container, what);
  if (files !== 'shifted') return 'theirs';
  const ids = host.idRanges.of(container.uid);
  return ids === undefined ? 'unknown' : idMaps({ ...ids, files });
}

/** One that has ended has none any more, nor one of an earlier boot. */
async function planOf(host: EngineHost, { uid }: Container): Promise<LaunchPlan | undefined> {
  try {
    return await host.records.loadPlan(uid);
  } catch (error) {
    if (error instanceof EngineError && error.code === 'record.missing') return undefined;
    throw error;
  }
}
