import type { Debugged } from '../isolators/isolator.ts';
import type { ContainerConfig, PlannedConfig } from '../model/container-config.ts';
import { addedSecurity } from '../model/debug-request.ts';
import { containerIdOf, type IdMapping } from '../model/id-mapping.ts';
import type { LaunchPlan, OwnedSettings } from '../model/launch-plan.ts';
import type { Container } from './container.ts';
import { engineErrors } from './errors.ts';
import type { EngineHost } from './host.ts';

/** Stands for ids that a user namespace does not have (user_namespaces(7)). */
const OVERFLOW_ID = 65_534;

/**
 * What a debug container has of its parent where the caller said nothing: processes, queues, groups, and what it may do.
 * Pure.
 *
 * @throws {EngineError} `engine.debugsLandlock` (failed-precondition)
 */
export function withDebugDefaults(config: ContainerConfig, parent: Pick<Container, 'uid' | 'config'>): ContainerConfig {
  if (config.debug !== true) return config;
  if (parent.config.landlock !== undefined) throw engineErrors.debugsLandlock({ container: parent.uid });
  return {
    ...config,
    shareCgroups: true,
    namespaces: { ...config.namespaces, pid: { kind: 'parent' }, ipc: { kind: 'parent' }, uts: { kind: 'parent' } },
    security: addedSecurity(parent.config.security, config.security),
  };
}

/**
 * The plan of a debug container with what its parent's says of rights and limits: the very same filter and sets, whatever
 * the agent grants by now. One that was given more keeps what came of that. Pure.
 */
export function confinedAsParent(plan: LaunchPlan, parent: LaunchPlan, hasMore: boolean): LaunchPlan {
  const { umask } = parent;
  const settings = sharedSettings(parent.settings);
  const { settings: _, ...others } = { ...plan, umask, ...(hasMore ? {} : rightsOf(parent)) };
  const whole = { ...others, ...(settings && { settings }) };
  if (hasMore) return whole;
  const { seccomp, noNewPrivileges, ...open } = whole;
  return {
    ...open,
    ...(parent.seccomp && { seccomp: parent.seccomp }),
    ...(parent.noNewPrivileges && { noNewPrivileges: parent.noNewPrivileges }),
  };
}

function rightsOf({ capabilities }: LaunchPlan): Pick<LaunchPlan, 'capabilities'> {
  return { capabilities };
}

/** Kernel parameters are those of the namespaces, which have them. */
function sharedSettings(settings: OwnedSettings | undefined): OwnedSettings | undefined {
  const { sysctls: _, ...others } = settings ?? {};
  return Object.keys(others).length === 0 ? undefined : others;
}

/** Whether the caller asked for more than its parent has. */
export function hasMoreThan(config: PlannedConfig, parent: PlannedConfig): boolean {
  return JSON.stringify(config.security) !== JSON.stringify(parent.security);
}

/**
 * Asks the kernel who the first process of a container is.
 *
 * @param pid as the host sees it
 * @throws {EngineError} `engine.parentNotRunning` (failed-precondition) when it has ended
 */
export async function lookInside(
  { effects }: EngineHost,
  { path }: Pick<Container, 'path'>,
  { pid, plan }: { readonly pid: number; readonly plan: LaunchPlan },
): Promise<Debugged> {
  const text = await effects.files.readText(`/proc/${pid}/status`).catch(() => '');
  const found = parseStatus(text);
  if (found === undefined) throw engineErrors.parentNotRunning({ parent: path, state: 'ending' });
  const { uid, gid } = idsInside(found, plan);
  return { pid: found.pid, user: `${uid}:${gid}` };
}

/** Ids of the host as the users of the container have them. */
export function idsInside(
  { uid, gid }: { readonly uid: number; readonly gid: number },
  { userNamespace }: Pick<LaunchPlan, 'userNamespace'>,
): { readonly uid: number; readonly gid: number } {
  return { uid: inside(userNamespace?.uids, uid), gid: inside(userNamespace?.gids, gid) };
}

/** As the kernel shows it there. */
function inside(map: readonly IdMapping[] | undefined, id: number): number {
  return map === undefined ? id : (containerIdOf(map, id) ?? OVERFLOW_ID);
}

/** The innermost of the numbers by which a process is known, and its real ids (proc_pid_status(5)). */
export function parseStatus(
  text: string,
): { readonly pid: number; readonly uid: number; readonly gid: number } | undefined {
  const numbers = (field: string): readonly string[] | undefined =>
    new RegExp(`^${field}:\\s+(.*)$`, 'm').exec(text)?.[1]?.split(/\s+/);
  const [pid, uid, gid] = [numbers('NSpid')?.at(-1), numbers('Uid')?.[0], numbers('Gid')?.[0]];
  if (pid === undefined || uid === undefined || gid === undefined) return undefined;
  return { pid: Number(pid), uid: Number(uid), gid: Number(gid) };
}
