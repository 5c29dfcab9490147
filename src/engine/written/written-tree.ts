import type { TreeChanges } from '../../linux/tree-copy.ts';
import { defineErrors, isErrorOfKind } from '../../model/error.ts';
import type { Image } from '../../model/image-config.ts';
import type { LaunchPlan } from '../../model/launch-plan.ts';
import type { Container } from '../container.ts';
import { fileErrors } from '../file-errors.ts';
import type { EngineHost } from '../host.ts';
import type { TreeAccess } from '../tree-access.ts';
import { mountedPaths, withoutLinks } from './left-out.ts';

export const writtenErrors = defineErrors('written', {
  noChanges: {
    kind: 'failed-precondition',
    message: (d: { uid: string; why: string }) => `what container ${d.uid} has changed cannot be told: ${d.why}`,
    remedy: (d: { uid: string }) => `take all of its root: isopod export ${d.uid}`,
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
      await checkReach(host, container);
      const lower = chainIds.map((chainId) => host.images.layerDirectory(chainId)).reverse();
      const mounted = mountedPaths(await planOf(host, container), container.volumes);
      return async (worker) => {
        const tree = await worker.enterChanges({ upper: container.paths.upperDir, lower });
        return { tree, leftOut: await withoutLinks(tree, mounted) };
      };
    },
  };
}

/** The image that a container was made from. @throws {EngineError} `written.*` (failed-precondition) when there is none */
export async function committedImage(host: EngineHost, { uid, config, imageId }: Container): Promise<Image> {
  if (config.rootfs.kind === 'none') throw writtenErrors.hostRoot({ uid, what: 'nothing tells what it has changed' });
  if (config.rootfs.kind === 'directory') {
    const why = 'its root is a directory of the host, and nobody has kept what was in there before';
    throw writtenErrors.noChanges({ uid, why });
  }
  const image = imageId === undefined ? undefined : await host.images.find(imageId);
  if (image === undefined) throw writtenErrors.noChanges({ uid, why: 'its image is gone' });
  return image;
}

async function checkReach(host: EngineHost, container: Container): Promise<void> {
  const { uid, state, process, termination, config, diskQuota, paths } = container;
  if (termination === undefined && process === undefined) throw fileErrors.notStarted({ uid, state });
  const refuse = (why: string): never => {
    throw writtenErrors.noChanges({ uid, why });
  };
  if (diskQuota?.way === 'image') refuse('what it writes is on a disk of its own (--disk by an image file)');
  const { kind = 'host' } = config.namespaces?.user ?? {};
  if (kind !== 'host' && !(await host.mappingProbe.works())) {
    refuse('its files have owners that only its user namespace knows');
  }
  if (!(await host.effects.files.exists(paths.upperDir))) {
    refuse('it has no directory for what it writes: its root file system is no overlay, or that directory is gone');
  }
}

/** One of an earlier boot has none any more. */
async function planOf(host: EngineHost, { uid }: Container): Promise<LaunchPlan | undefined> {
  try {
    return await host.records.loadPlan(uid);
  } catch (error) {
    if (isErrorOfKind(error, 'not-found')) return undefined;
    throw error;
  }
}
