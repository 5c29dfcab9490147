import type { EngineHost } from './host.ts';
import { containerPaths } from './paths.ts';
import type { ContainerOnDisk, DiskReport, KindOnDisk, VolumeOnDisk } from './upkeep-facade.ts';
import { volumeNames } from './volumes.ts';

/** What containers take, beside their images and volumes; those that have ended could go. */
export async function containersOnDisk(host: EngineHost): Promise<DiskReport['containers']> {
  const all = host.registry.all();
  const sizes = await measured(
    host,
    all.map(({ uid }) => containerPaths(host.paths, uid).rootDir),
  );
  const containers = all.map((container, index): ContainerOnDisk => {
    const { uid, path: name, state, config } = container;
    const image = config.rootfs.kind === 'image' ? { image: config.rootfs.reference } : {};
    return { uid, name, ...image, state, volumes: volumeNames(container), sizeBytes: sizes[index] ?? 0 };
  });
  const ended = new Set<string>(all.flatMap(({ uid, termination }) => (termination === undefined ? [] : [uid])));
  return { ...totals(containers, ({ uid }) => ended.has(uid)), containers };
}

/** What volumes take; those that no container has could go. */
export async function volumesOnDisk(host: EngineHost): Promise<DiskReport['volumes']> {
  const all = host.volumes.list();
  const users = new Map<string, VolumeOnDisk['users'][number][]>();
  for (const container of host.registry.all()) {
    for (const name of volumeNames(container)) users.set(name, [...(users.get(name) ?? []), container.uid]);
  }
  const sizes = await measured(
    host,
    all.map(({ mountPoint }) => mountPoint),
  );
  const volumes = all.map(({ name }, index) => ({ name, users: users.get(name) ?? [], sizeBytes: sizes[index] ?? 0 }));
  return { ...totals(volumes, (volume) => volume.users.length === 0), volumes };
}

function totals<Item extends { readonly sizeBytes: number }>(
  items: readonly Item[],
  mayGo: (item: Item) => boolean,
): KindOnDisk {
  const idle = items.filter(mayGo);
  return {
    total: items.length,
    active: items.length - idle.length,
    sizeBytes: sumOf(items),
    reclaimableBytes: sumOf(idle),
  };
}

function sumOf(items: readonly { readonly sizeBytes: number }[]): number {
  return items.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

/** Bytes below each path, walked one after the other by one worker, which gives way to everybody. */
async function measured(host: EngineHost, paths: readonly string[]): Promise<readonly number[]> {
  if (paths.length === 0) return [];
  const worker = await host.takeWorker();
  try {
    const sizes: number[] = [];
    for (const path of paths) sizes.push((await worker.measure({ paths: [path] })).bytes);
    return sizes;
  } finally {
    worker.close();
  }
}
