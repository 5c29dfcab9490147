import type { ContainerConfig } from '../model/container-config.ts';
import { parseContainerName } from '../model/container-id.ts';
import type { Cleanups } from './cleanup.ts';
import { differingFields } from './config-difference.ts';
import { Container } from './container.ts';
import { engineErrors } from './errors.ts';
import { DEADLINES, type EngineHost } from './host.ts';
import { generateName, generateUid } from './names.ts';
import { checkParent, completed } from './nested.ts';
import { containerPaths } from './paths.ts';
import { uidOfKey } from './repeated-request.ts';

/**
 * Waits until a name is free whose holder is just being removed; any other holder is the caller's to judge.
 *
 * @throws {EngineError} `engine.nameTaken` (already-exists) when the removal takes too long
 */
export async function untilNameIsFree(
  host: EngineHost,
  cleanups: Cleanups,
  { name, parent }: Pick<ContainerConfig, 'name' | 'parent'>,
): Promise<void> {
  for (;;) {
    const scope = parent === undefined ? undefined : host.registry.get(parent);
    const holder = name === '' ? undefined : host.registry.byName(name, scope);
    if (holder === undefined || !cleanups.isRemoving(holder)) return;
    const step = {
      ...{ what: `the name ${name}, whose container is being removed`, uid: holder.uid, ms: DEADLINES.nameMs },
      expired: () =>
        engineErrors.nameTaken({ name, uid: holder.uid, state: `${holder.state}, its removal is not done` }),
    };
    await host.operations.within(step, holder.gone);
  }
}

/**
 * Gives a container its uid and reserves its name; an empty name is replaced by a generated one. Nothing is awaited,
 * so of two callers one wins.
 *
 * @param key of the request, by which an engine after this one would find the container
 * @throws {EngineError} `engine.nameTaken` (already-exists), `container-id.malformedName` (invalid-argument),
 *   `engine.unknownContainer` (not-found) and `engine.parentNotRunning` (failed-precondition) for its parent, `engine.tooDeep`
 */
export function reserve(host: EngineHost, asked: ContainerConfig, key?: string): Container {
  const { registry, effects } = host;
  const { config, parent } = completed(host, asked);
  const isTaken = (name: string): boolean => registry.byName(name, parent) !== undefined;
  const name = config.name === '' ? generateName(effects.random, isTaken) : parseContainerName(config.name);
  const wanted = key === undefined ? undefined : uidOfKey(key);
  const isUsed = (one: string): boolean => registry.hasUid(one);
  const uid = wanted === undefined || isUsed(wanted) ? generateUid(effects.random, isUsed) : wanted;
  const container = new Container({
    uid,
    config: { ...config, name },
    createdAtMs: effects.clock.nowMs(),
    paths: containerPaths(host.paths, uid),
    parent,
  });
  if (parent !== undefined) checkParent(host, parent, name);
  registry.add(container);
  if (parent !== undefined) host.launcher.nest(uid, parent.uid);
  return container;
}

/**
 * The container of this name, which was asked for in the same words.
 *
 * @returns `undefined` where the name is free
 * @throws {EngineError} `engine.nameMissing` (invalid-argument), `engine.configDiffers` (already-exists)
 */
export function sameContainer(host: EngineHost, config: ContainerConfig): Container | undefined {
  if (config.name === '') throw engineErrors.nameMissing();
  const { config: wanted, parent } = completed(host, config);
  const holder = host.registry.byName(config.name, parent);
  if (holder === undefined) return undefined;
  const fields = differingFields(holder.created, wanted);
  if (fields.length > 0) throw engineErrors.configDiffers({ name: config.name, uid: holder.uid, fields });
  return holder;
}
