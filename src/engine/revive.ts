import { isolatedGroups } from '../isolators/contribute.ts';
import type { BackendChoice } from '../model/backend.ts';
import { Container } from './container.ts';
import type { EngineHost } from './host.ts';
import { containerPaths } from './paths.ts';
import type { ContainerRecord } from './record-format.ts';
import type { LoadedContainer } from './records.ts';
import type { RequestMark } from './request-mark.ts';

/** A container of an earlier engine, as its records tell it. */
export function revive(host: EngineHost, loaded: LoadedContainer): Container {
  const record = presentRecord(loaded);
  const { uid, config, createdAtMs } = record;
  const parent = config.parent === undefined ? undefined : host.registry.find(config.parent);
  const created = { ...config, ...record.created };
  const container = new Container({
    uid,
    config,
    created,
    createdAtMs,
    paths: containerPaths(host.paths, uid),
    parent,
  });
  container.imageId = record.imageId;
  container.imageLabels = record.imageLabels ?? {};
  container.backend = record.backend ?? backendBefore(record);
  container.volumes = record.volumes ?? config.volumes;
  container.volumeImageIds = record.volumeImageIds ?? [];
  container.stopSignal = record.stopSignal;
  container.healthCheck = record.healthCheck;
  if (record.ids !== undefined) host.idRanges.hold(uid, record.ids);
  container.begunFor = begun(record, loaded.termination);
  container.updatedFor = record.updatedFor ?? [];
  container.command = record.command;
  container.isolatorNames = record.isolators;
  container.isolators = host.isolators.filter(({ name }) => record.isolators.includes(name));
  if (loaded.run.kind === 'present' && loaded.run.value.bootId === host.bootId) {
    container.groups = isolatedGroups(loaded.run.value.plan);
    container.diskQuota = loaded.run.value.plan.diskQuota;
    const { userNamespace } = loaded.run.value.plan;
    if (userNamespace !== undefined) host.idRanges.hold(uid, userNamespace);
  }
  return container;
}

/** An end that is older than the last mark is that of the life before: what the mark is of never began. */
function begun(
  { begunFor = [] }: ContainerRecord,
  termination: LoadedContainer['termination'],
): readonly RequestMark[] {
  if (termination.kind !== 'present' || termination.value.begunFor === begunFor.at(-1)?.id) return begunFor;
  return begunFor.slice(0, -1);
}

/** Versions that had only overlays wrote none. */
function backendBefore({ imageId }: ContainerRecord): BackendChoice | undefined {
  return imageId === undefined ? undefined : { name: 'overlay', because: 'there was no other when it was launched' };
}

function presentRecord(loaded: LoadedContainer): ContainerRecord {
  if (loaded.record.kind !== 'present') throw new Error('a container without a record is swept, not revived');
  return loaded.record.value;
}
