import type { Removal } from '../image/collect/upkeep.ts';
import type { Images } from '../image/images.ts';
import type { EngineHost } from './host.ts';
import { containerPaths } from './paths.ts';
import type { KindOnDisk, UpkeepOperations } from './upkeep-facade.ts';
import { verifyImages } from './verify-images.ts';
import { imagesInUse, usersOf } from './volumes.ts';

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

async function containersOnDisk(host: EngineHost): Promise<KindOnDisk> {
  const all = host.registry.all();
  const ended = all.filter(({ termination }) => termination !== undefined);
  const directories = (containers: typeof all) => containers.map(({ uid }) => containerPaths(host.paths, uid).rootDir);
  const reclaimableBytes = await measuredBytes(host, directories(ended));
  const liveBytes = await measuredBytes(host, directories(all.filter((container) => !ended.includes(container))));
  return {
    total: all.length,
    active: all.length - ended.length,
    sizeBytes: reclaimableBytes + liveBytes,
    reclaimableBytes,
  };
}

async function volumesOnDisk(host: EngineHost): Promise<KindOnDisk> {
  const all = host.volumes.list();
  const users = usersOf(host);
  const unused = all.filter(({ name }) => users(name).length === 0);
  const directories = (volumes: typeof all) => volumes.map(({ mountPoint }) => mountPoint);
  const reclaimableBytes = await measuredBytes(host, directories(unused));
  const usedBytes = await measuredBytes(host, directories(all.filter((volume) => !unused.includes(volume))));
  return {
    total: all.length,
    active: all.length - unused.length,
    sizeBytes: reclaimableBytes + usedBytes,
    reclaimableBytes,
  };
}

/** As many paths as surely fit one request to a worker. */
const PATHS_PER_REQUEST = 512;

async function measuredBytes(host: EngineHost, paths: readonly string[]): Promise<number> {
  let bytes = 0;
  for (let start = 0; start < paths.length; start += PATHS_PER_REQUEST) {
    const worker = await host.takeWorker();
    try {
      bytes += (await worker.measure({ paths: paths.slice(start, start + PATHS_PER_REQUEST) })).bytes;
    } finally {
      worker.close();
    }
  }
  return bytes;
}
