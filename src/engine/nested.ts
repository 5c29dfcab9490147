import type { ContainerConfig } from '../model/container-config.ts';
import type { LaunchPlan } from '../model/launch-plan.ts';
import { type NamespaceConfig, namespaceErrors } from '../model/namespace-config.ts';
import { MAX_DEPTH } from '../model/nesting.ts';
import type { Container } from './container.ts';
import { withDebugDefaults } from './debugged.ts';
import { engineErrors } from './errors.ts';
import type { EngineHost } from './host.ts';
import type { FoundParent } from './joined.ts';
import { withUserDefault } from './user-ids.ts';

/** A config with all that the engine says where the caller said nothing, and the container that it is to live in. */
export interface CompletedConfig {
  readonly config: ContainerConfig;
  readonly parent: Container | undefined;
}

/**
 * @throws {EngineError} `engine.unknownContainer` (not-found) for a parent that is none, `namespaces.noRootfs`
 */
export function completed(host: EngineHost, asked: ContainerConfig): CompletedConfig {
  const config = withUserDefault(host.namespacePolicy, asked);
  if (config.parent === undefined) return { config, parent: undefined };
  const parent = host.registry.get(config.parent);
  const nested = withParentDefaults(withDebugDefaults(config, parent), parent, host.permittedIsolators);
  if (nested.namespaces?.user !== undefined && nested.rootfs.kind === 'none') throw namespaceErrors.noRootfs();
  return { config: nested, parent };
}

/**
 * What a nested container shares with its parent unless it says otherwise: network, host name, clocks, and users always.
 * Pure.
 *
 * @param permitted the isolators that there are: what none of them could do is not asked for
 */
export function withParentDefaults(
  config: ContainerConfig,
  parent: Pick<Container, 'uid' | 'config'>,
  permitted: readonly string[],
): ContainerConfig {
  const has = (name: string): boolean => permitted.includes(name) && (config.isolation?.includes(name) ?? true);
  const said = config.namespaces ?? {};
  const { user, time } = parent.config.namespaces ?? {};
  const isNetworkOpen = config.network === undefined && has('network/container');
  const isNameOpen = said.uts === undefined && config.hostname === undefined;
  const namespaces: NamespaceConfig = {
    ...said,
    ...(isNetworkOpen && { networkOf: parent.uid }),
    ...(isNameOpen && { uts: { kind: 'parent' } }),
    ...(said.time === undefined && time !== undefined && has('namespaces/time') && { time }),
    ...(user !== undefined && user.kind !== 'host' && { user: { kind: 'parent' } }),
  };
  return { ...config, parent: parent.uid, namespaces, ...(isNetworkOpen && { network: 'container' }) };
}

/**
 * Whether a container takes another one in, now.
 *
 * @param name of the one that is to live in it
 * @throws {EngineError} `engine.parentLauncher`, `engine.parentNotRunning` (failed-precondition), `engine.tooDeep`
 */
export function checkParent({ hostFacts: { launcher } }: EngineHost, parent: Container, name: string): void {
  if (launcher !== 'linux') throw engineErrors.parentLauncher({ parent: parent.path, launcher });
  const state = stateOfParent(parent);
  if (state !== 'running') throw engineErrors.parentNotRunning({ parent: parent.path, state });
  const depth = parent.depth + 1;
  if (depth > MAX_DEPTH) throw engineErrors.tooDeep({ path: `${parent.path}/${name}`, depth, most: MAX_DEPTH });
}

function stateOfParent(parent: Container): string {
  for (let at: Container | undefined = parent; at !== undefined; at = at.parent) {
    if (at.isPausing) return 'about to be paused';
  }
  return parent.state;
}

/**
 * What keeps a nested container from outliving its parent, and from having more rights than that, is where it lives.
 *
 * @throws {EngineError} `engine.outsideParent` (invalid-argument)
 */
export function checkInside({ joins = [], uid }: LaunchPlan, parent: FoundParent | undefined): void {
  for (const kind of ['pid', 'user'] as const) {
    if (parent?.container.namespaces.includes(kind) !== true || joins.some((join) => join.kind === kind)) continue;
    throw engineErrors.outsideParent({ uid, kind, parent: parent.container.init.container });
  }
}

/** @throws {EngineError} `engine.parentPaused` (failed-precondition): nothing reaches what stands still with its parent */
export function checkReachable({ uid, parent }: Container, wanted: string): void {
  for (let at = parent; at !== undefined; at = at.parent) {
    if (at.isPausedItself) throw engineErrors.parentPaused({ uid, parent: at.path, wanted });
  }
}
