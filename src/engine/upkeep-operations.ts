import type { Removal } from '../image/collect/upkeep.ts';
import type { Images } from '../image/images.ts';
import type { EngineHost } from './host.ts';
import { containersOnDisk, volumesOnDisk } from './on-disk.ts';
import type { UpkeepOperations } from './upkeep-facade.ts';
import { verifyImages } from './verify-images.ts';
import { imagesInUse } from './volumes.ts';

/** @param operate counts an operation, so that idleness and closing know of it */
export function upkeepOperations(
  host: EngineHost,
  operate: <Result>(operation: () => Promise<Result>) => Promise<Result>,
): UpkeepOperations {
  const { upkeep } = host.images;
  return {
    diskUse: () =>
      operate(async () => ({
        images: await upkeep.diskUse(imagesInUse(host)),
        containers: await containersOnDisk(host),
        volumes: await volumesOnDisk(host),
      })),
    verifyImages: (request, signal) => operate(() => verifyImages(host, request, signal)),
    pruneImages: (policy) => operate(() => upkeep.prune(policy, removalOf(host))),
  };
}

/** `rmi`, as users of Docker know it. */
export function removeImage(
  host: EngineHost,
  text: string,
  { force = false }: { readonly force?: boolean } = {},
): ReturnType<Images['remove']> {
  const how = force ? ({ used: 'untag' } as const) : ({ severalNames: 'refuse' } as const);
  return host.images.remove(text, () => imagesInUse(host), how);
}

/** How pruning takes images away: as `rmi` does, so that events tell of it. */
export function removalOf(host: EngineHost): Removal {
  const inUse = () => imagesInUse(host);
  return { inUse, remove: (id) => host.images.remove(id, inUse) };
}
