import { basename, dirname } from 'node:path';
import type { MonitorLink } from '../launcher/launcher.ts';
import { systemErrorCode } from '../model/error.ts';
import { type Step, step } from '../model/wire.ts';
import { BY, type EngineHost } from './host.ts';
import { configFile, containerPaths, type EnginePaths } from './paths.ts';

/**
 * Removes all directories of a container; missing ones are fine. The helper does it by descriptor, for the trees hold
 * what the container made.
 */
export async function removeContainerTrees(
  host: Pick<EngineHost, 'runHostSteps' | 'paths'>,
  uid: string,
): Promise<void> {
  await host.runHostSteps(treeSteps(host.paths, uid));
}

/** Steps that make a container not exist that is removed with its end: first its record, then its directories. */
export function forgetSteps(paths: EnginePaths, uid: string): readonly Step[] {
  const record = configFile(containerPaths(paths, uid), true);
  return [step(BY, 'remove-tree', { directory: dirname(record), name: basename(record) }), ...treeSteps(paths, uid)];
}

function treeSteps(paths: EnginePaths, uid: string): readonly Step[] {
  return [paths.containers, paths.runs].map((directory) => step(BY, 'remove-tree', { directory, name: uid }));
}

/** Removes what is of this boot only; the record, the logs and the written files stay until the container goes. */
export async function removeStateTree(host: Pick<EngineHost, 'runHostSteps' | 'paths'>, uid: string): Promise<void> {
  await host.runHostSteps([step(BY, 'remove-tree', { directory: host.paths.runs, name: uid })]);
}

/** A monitor removes its own socket when it leaves; one that was killed could not. */
export async function removeSocketOnceGone(
  host: Pick<EngineHost, 'effects' | 'report'>,
  link: MonitorLink,
  socketPath: string,
): Promise<void> {
  await link.gone;
  if (!(await host.effects.files.exists(socketPath))) return;
  try {
    await host.effects.files.removeFile(socketPath);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') host.report({ what: 'socket of a monitor', uid: link.uid, error });
  }
}
