import { namespaceFlags } from '../linux/namespace-flags.ts';
import type { ExecConfig } from '../model/container-config.ts';
import type { CommandPlan, LaunchPlan, Owned, UserRequest } from '../model/launch-plan.ts';
import { parseUser } from '../model/user.ts';
import { LAUNCH_KIND, type Step, step } from '../model/wire.ts';
import { BY_CALLER, BY_LAUNCHER } from './compose.ts';
import { confinementSteps } from './confinement.ts';
import type { EncodedLaunch, LaunchChannel } from './encode.ts';
import { otherJoins } from './encode-cgroups.ts';
import { isLostByFork, oomScoreSteps } from './encode-settings.ts';
import { stdioValues } from './encode-stdio.ts';
import { becomeRoot, streamSteps } from './encode-user.ts';
import { baseEnvironment, overlayEnvironment } from './environment.ts';
import { sessionAppearance } from './session-appearance.ts';
import { checkSlots } from './slots.ts';

export interface SessionInput {
  /** The container's plan, as it was launched. */
  readonly plan: LaunchPlan;
  readonly exec: ExecConfig;
  /** The container's init; another process with its pid is refused by the helper. */
  readonly init: { readonly pid: number; readonly startTime: bigint };
  readonly channel: LaunchChannel;
}

/**
 * A further process of a running container: join its groups by host path, enter its namespaces at once, and then the
 * very same confinement as init. The helper forks it into the pid namespace before the first barrier, which comes as late as it may
 * ({@link sessionAppearance}). It is tracked by the container's own group, so the session names none to kill.
 *
 * @throws {EngineError} `user.malformed` (invalid-argument)
 */
export function encodeSession({ plan, exec, init, channel }: SessionInput): EncodedLaunch {
  const isTree = plan.tracking.version === 'none';
  const { kind: appearance } = sessionAppearance(plan);
  const isLate = appearance === 'confined';
  const confined = confinementSteps(plan, {
    user: sessionUser(plan, exec),
    command: sessionCommand(plan, exec),
    own: [],
    createWorkdir: false,
    seal: [],
    beforeExec: [],
    isFilteredEarly: isLate,
  });
  const byMonitor = isLate ? confined.filter(isLostByFork) : [];
  const childSteps = [
    ...trackingJoins(plan),
    ...otherJoins(plan),
    ...(appearance === 'unconfined' || plan.userNamespace !== undefined ? [step(BY_LAUNCHER, 'await-host', {})] : []),
    ...becomeRoot(plan),
    ...confined.filter((each) => !byMonitor.includes(each)),
  ];
  const hostSteps = [...streamSteps(plan), ...oomScoreSteps(plan, 'host'), ...byMonitor];
  checkSlots(hostSteps, childSteps);
  return {
    kind: isTree ? LAUNCH_KIND.tree : LAUNCH_KIND.session,
    cloneFlags: 0,
    trackingCgroup: '',
    trackingLevels: 0,
    ...channel,
    ...stdioValues(exec),
    enterPid: isTree ? 0 : init.pid,
    enterStartTime: isTree ? 0 : init.startTime,
    enterNamespaces: namespaceFlags([...plan.namespaces, ...(plan.joins ?? [])].map(({ kind }) => kind)),
    reaper: 0,
    hostSteps,
    childSteps,
  };
}

/** A session that no group tracks is a tree of its own, which the engine ends with the container. */
function trackingJoins({ tracking: { path, version } }: LaunchPlan): readonly Step[] {
  return version === 'none' ? [] : [step(BY_LAUNCHER, 'join-cgroup', { path, version })];
}

function sessionUser(plan: LaunchPlan, exec: ExecConfig): Owned<{ readonly user: UserRequest }> {
  return exec.user === undefined ? plan.credentials : { user: parseUser(exec.user), by: BY_CALLER };
}

/** The container's environment, then the session's own; a terminal names itself unless the container did. */
function sessionCommand(plan: LaunchPlan, exec: ExecConfig): Owned<CommandPlan> {
  return {
    arguments: exec.command,
    environment: overlayEnvironment(baseEnvironment(exec), plan.command.environment, exec.env),
    workdir: exec.workdir ?? plan.command.workdir,
    by: BY_CALLER,
  };
}
