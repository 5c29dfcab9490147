import type { JoinedContainer, ParentContainer } from '../isolators/isolator.ts';
import type { ContainerConfig } from '../model/container-config.ts';
import type { LaunchPlan } from '../model/launch-plan.ts';
import type { Container } from './container.ts';
import { lookInside } from './debugged.ts';
import { engineErrors } from './errors.ts';
import type { EngineHost } from './host.ts';
import { checkParentTracers, checkTracers } from './tracers.ts';

/**
 * Looks up the running containers whose namespaces a config wants to share.
 *
 * @returns `undefined` when it wants none
 * @throws {EngineError} `engine.unknownContainer` (not-found), `engine.joinedEnded`, `engine.joinedPaused`
 *   (failed-precondition), `engine.joinedMayTrace` (permission-denied)
 */
export async function findJoined(
  host: EngineHost,
  { namespaces = {} }: ContainerConfig,
): Promise<Readonly<Record<string, JoinedContainer>> | undefined> {
  const { pid, ipc, networkOf } = namespaces;
  const wanted: (readonly [kind: string, name: string | undefined])[] = [
    ['pid', pid?.kind === 'container' ? pid.container : undefined],
    ['ipc', ipc?.kind === 'container' ? ipc.container : undefined],
    ['net', networkOf],
  ];
  if (wanted.every(([, name]) => name === undefined)) return undefined;
  const joined: Record<string, JoinedContainer> = {};
  for (const [kind, name] of wanted) if (name !== undefined) joined[name] = await find(host, kind, name);
  if (pid?.kind === 'container') await checkTracers(host, host.registry.get(pid.container));
  return joined;
}

async function find(host: EngineHost, kind: string, name: string): Promise<JoinedContainer> {
  const found = await look(host, host.registry.get(name));
  if (!('state' in found)) return found.container;
  if (found.state === 'paused') throw engineErrors.joinedPaused({ container: name, kind });
  throw engineErrors.joinedEnded({ container: name, state: found.state, kind });
}

/** The container that another one is to live in. */
export interface FoundParent {
  readonly container: ParentContainer;
  readonly plan: LaunchPlan;
}

/**
 * Looks up the parent that a config names.
 *
 * @returns `undefined` for a container without one
 * @throws {EngineError} `engine.unknownContainer` (not-found), `engine.parentNotRunning` (failed-precondition),
 *   `engine.parentMayTrace` (permission-denied)
 */
export async function findParent(host: EngineHost, config: ContainerConfig): Promise<FoundParent | undefined> {
  if (config.parent === undefined) return undefined;
  const parent = host.registry.get(config.parent);
  const found = await look(host, parent);
  if ('state' in found) throw engineErrors.parentNotRunning({ parent: config.parent, state: found.state });
  await checkParentTracers(host, parent);
  if (config.debug !== true) return found;
  const debugged = await lookInside(host, parent, { pid: found.container.init.pid, plan: found.plan });
  return { ...found, container: { ...found.container, debugged } };
}

/** It may end while its plan is read. @returns its state when it does not run */
async function look(host: EngineHost, container: Container): Promise<FoundParent | Pick<Container, 'state'>> {
  while (container.regrouping !== undefined) await container.regrouping;
  const plan = container.state === 'running' ? await host.records.loadPlan(container.uid) : undefined;
  const { process, state, uid, config, paths } = container;
  if (plan === undefined || process === undefined || state !== 'running') return { state };
  return {
    plan,
    container: {
      init: { container: uid, pid: process.pid, startTime: String(process.startTime) },
      config,
      namespaces: [...plan.namespaces, ...(plan.joins ?? [])].map((namespace) => namespace.kind),
      runtimeDir: paths.runtimeDir,
      sandboxDir: paths.sandboxDir,
    },
  };
}
