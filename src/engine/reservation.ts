import type { ContainerConfig } from '../model/container-config.ts';
import { parseContainerName } from '../model/container-id.ts';
import type { Cleanups } from './cleanup.ts';
import { Container } from './container.ts';
import { engineErrors } from './errors.ts';
import { DEADLINES, type EngineHost } from './host.ts';
import { generateName, generateUid } from './names.ts';
import { containerPaths } from './paths.ts';
import { withUserDefault } from './user-ids.ts';

/**
 * Waits until a name is free whose holder is just being removed; any other holder is the caller's to judge.
 *
 * @throws {EngineError} `engine.nameTaken` (already-exists) when the removal takes too long
 */
export async function untilNameIsFree(host: EngineHost, cleanups: Cleanups, name: string): Promise<void> {
  for (;;) {
    const holder = name === '' ? undefined : host.registry.byName(name);
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
 * @throws {EngineError} `engine.nameTaken` (already-exists), `container-id.malformedName` (invalid-argument)
 */
export function reserve(host: EngineHost, config: ContainerConfig): Container {
  const { registry, effects } = host;
  const isTaken = (name: string): boolean => registry.byName(name) !== undefined;
  const name = config.name === '' ? generateName(effects.random, isTaken) : parseContainerName(config.name);
  const uid = generateUid(effects.random, (taken) => registry.hasUid(taken));
  const container = new Container({
    uid,
    config: { ...withUserDefault(host.namespacePolicy, config), name },
    createdAtMs: effects.clock.nowMs(),
    paths: containerPaths(host.paths, uid),
  });
  registry.add(container);
  return container;
}
