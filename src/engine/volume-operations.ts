import { hasLabels } from '../model/label-filter.ts';
import type { VolumeInfo } from '../volume/volumes.ts';
import type { EngineHost } from './host.ts';
import type { PruneRequest, VolumeOperations, VolumeStatus } from './volume-facade.ts';
import { usersOf } from './volumes.ts';

/** @param operate counts an operation, so that idleness and closing know of it */
export function volumeOperations(
  host: EngineHost,
  operate: <Result>(operation: () => Promise<Result>) => Promise<Result>,
): VolumeOperations {
  const status = (info: VolumeInfo): VolumeStatus => ({ ...info, containers: usersOf(host)(info.name) });
  return {
    create: (spec) => operate(async () => status(await host.volumes.create(spec))),
    list: () => operate(async () => host.volumes.list().map(status)),
    get: (name) => operate(async () => status(host.volumes.get(name))),
    remove: (name) => operate(() => host.volumes.remove(name, usersOf(host))),
    prune: (request) =>
      operate(async () => {
        const names = host.volumes
          .list()
          .map(status)
          .filter((volume) => isWanted(volume, request))
          .map(({ name }) => name);
        for (const name of names) await host.volumes.remove(name, usersOf(host));
        return names;
      }),
  };
}

function isWanted({ anonymous, labels, containers }: VolumeStatus, request: PruneRequest): boolean {
  if (containers.length > 0 || !(request.all || anonymous)) return false;
  return hasLabels(labels, request);
}
