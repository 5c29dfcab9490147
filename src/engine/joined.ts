import type { JoinedContainer } from '../isolators/isolator.ts';
import type { ContainerConfig } from '../model/container-config.ts';
import { engineErrors } from './errors.ts';
import type { EngineHost } from './host.ts';
import { checkTracers } from './tracers.ts';

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
  const container = host.registry.get(name);
  const plan = container.state === 'running' ? await host.records.loadPlan(container.uid) : undefined;
  const { process, state, uid, config, paths } = container;
  if (state === 'paused') throw engineErrors.joinedPaused({ container: name, kind });
  // It may have ended while its plan was read.
  if (plan === undefined || process === undefined || state !== 'running') {
    throw engineErrors.joinedEnded({ container: name, state, kind });
  }
  return {
    init: { container: uid, pid: process.pid, startTime: String(process.startTime) },
    config,
    namespaces: [...plan.namespaces, ...(plan.joins ?? [])].map((namespace) => namespace.kind),
    runtimeDir: paths.runtimeDir,
  };
}
