import { PRIVATE_RECURSIVE } from '../linux/mount-attributes.ts';
import { namespaceFlags } from '../linux/namespace-flags.ts';
import type { LaunchPlan } from '../model/launch-plan.ts';
import type { SecretValues } from '../model/volume.ts';
import { LAUNCH_KIND, type MessageValues, type Step, step } from '../model/wire.ts';
import { BY_LAUNCHER } from './compose.ts';
import { confinementSteps } from './confinement.ts';
import { cgroupHostSteps, cgroupNamespace, encodeCgroupView, otherJoins, trackingJoin } from './encode-cgroups.ts';
import { deviceHostSteps } from './encode-devices.ts';
import { awaitHooks, hookHostSteps, hookSteps, notePidSteps } from './encode-hooks.ts';
import { encodeMounts } from './encode-mounts.ts';
import { encodeRoot, ownsRoot } from './encode-root.ts';
import { oomScoreSteps, sysctlSteps } from './encode-settings.ts';
import { stdioValues } from './encode-stdio.ts';
import { asContainerRoot, becomeRoot, mapSteps, reachable, stepsBeforeChild } from './encode-user.ts';
import { planErrors } from './errors.ts';
import { withSecrets } from './secrets.ts';
import { checkSlots, SlotAllocator } from './slots.ts';

/** What a monitor needs besides the plan; tickets are secrets and never part of a plan. */
export interface LaunchChannel {
  /** `<state>/c/<uid>`, where the monitor writes its status; empty for a session. */
  readonly stateDirectory: string;
  /** The socket that the monitor listens on, `<state>/s/<uid>`. */
  readonly socketPath: string;
  readonly controlTicket: Uint8Array;
  /** Empty when nobody will own stdio. */
  readonly ownerTicket: Uint8Array;
  /** Made by the monitor before its other steps; those above them exist. */
  readonly directories?: readonly string[];
  /** An empty directory of ours, for a plan without a root file system. */
  readonly mountPoint?: string;
  /** The values of the slots that secrets are. */
  readonly secrets?: SecretValues;
}

/** The values of a launch frame; steps keep `by`, so that a failed one names its isolator. */
export type EncodedLaunch = MessageValues<'launch'>;

/**
 * Turns a plan into the flat steps that the helper executes. Pure and deterministic.
 *
 * Child and monitor work side by side until `await-host`: the child makes all fresh mounts detached, the network and
 * the host name; the monitor makes directories, groups, knobs and the overlay. What remains is joining and attaching.
 *
 * @throws {EngineError} `plan.needsMountNamespace` (invalid-argument), `plan.tooManyMounts`, `plan.unboundSlot`,
 *   `plan.secretMissing` (invalid-argument)
 */
export function encodeLaunch(plan: LaunchPlan, channelAndMore: LaunchChannel): EncodedLaunch {
  const { directories = [], secrets = new Map(), mountPoint = '', ...channel } = channelAndMore;
  checkMountNamespace(plan);
  const slots = new SlotAllocator();
  const root = encodeRoot(plan, slots);
  const mounts = encodeMounts(plan, slots, {
    secrets,
    mountPoint: reachable(plan, plan.rootfs?.mountPoint ?? mountPoint),
  });
  const view = encodeCgroupView(plan, slots);
  const parts = { root, mounts, view };
  const hostSteps = monitorHalf(plan, parts, directories);
  const childSteps = childHalf(plan, parts, commandWithSecrets(plan, secrets));
  checkSlots(hostSteps, childSteps);
  return {
    kind: plan.tracking.version === 'none' ? LAUNCH_KIND.tree : LAUNCH_KIND.container,
    // The cgroup namespace is unshared by a step, once the child is in its groups; clocks are set before the child is born.
    cloneFlags: namespaceFlags(
      plan.namespaces.map(({ kind }) => kind).filter((kind) => kind !== 'cgroup' && kind !== 'time'),
    ),
    trackingCgroup: plan.tracking.path,
    trackingLevels: plan.tracking.version === 'none' ? 0 : (plan.tracking.levels ?? 0),
    ...channel,
    ...stdioValues(plan.stdio),
    ...{ enterPid: 0, enterStartTime: 0, enterNamespaces: 0 },
    reaper: plan.reaper ? 1 : 0,
    hostSteps,
    childSteps,
  };
}

/** What is encoded once and placed on both sides of `await-host`; they share slots. */
interface SharedParts {
  readonly root: ReturnType<typeof encodeRoot>;
  readonly mounts: ReturnType<typeof encodeMounts>;
  readonly view: ReturnType<typeof encodeCgroupView>;
}

function monitorHalf(
  plan: LaunchPlan,
  { root, mounts, view }: SharedParts,
  directories: readonly string[],
): readonly Step[] {
  return [
    ...stepsBeforeChild(plan),
    ...mapSteps(plan),
    ...directories.map(makeDirectory),
    ...root.host,
    ...hostMounts(plan, [...mounts.host, ...view.host]),
    ...cgroupHostSteps(plan),
    ...deviceHostSteps(plan),
    ...oomScoreSteps(plan, 'host'),
    ...hookHostSteps(plan),
  ];
}

function childHalf(
  plan: LaunchPlan,
  { root, mounts, view }: SharedParts,
  command: LaunchPlan['command'],
): readonly Step[] {
  const early = [...root.early, ...mounts.early, ...view.early];
  return [
    ...trackingJoin(plan),
    ...notePidSteps(plan),
    ...propagation(plan),
    ...(plan.userNamespace === undefined ? early : []),
    ...identitySteps(plan),
    ...(plan.userNamespace === undefined ? sysctlSteps(plan) : []),
    ...enteringSteps(plan),
    // Files have no owner there before the maps are written, so all that is made or written waits for them.
    ...(plan.userNamespace === undefined ? [] : [...early, ...sysctlSteps(plan)]),
    ...root.attach,
    ...mounts.attach,
    ...view.attach,
    ...hidingSteps(plan),
    ...awaitHooks(plan),
    ...hookSteps(plan, 'createContainer'),
    ...root.pivot,
    ...confinementSteps(plan, {
      user: plan.credentials,
      command,
      own: mounts.own,
      createWorkdir: ownsRoot(plan),
      seal: root.seal,
      beforeExec: hookSteps(plan, 'startContainer'),
      isFilteredEarly: false,
    }),
  ];
}

/** Once the monitor's half is done: into the groups, and no longer root of the host. */
function enteringSteps(plan: LaunchPlan): readonly Step[] {
  return [step(BY_LAUNCHER, 'await-host', {}), ...otherJoins(plan), ...becomeRoot(plan), ...cgroupNamespace(plan)];
}

function hostMounts({ userNamespace }: LaunchPlan, steps: readonly Step[]): readonly Step[] {
  return userNamespace === undefined ? steps : asContainerRoot(userNamespace, steps);
}

function commandWithSecrets({ command }: LaunchPlan, secrets: SecretValues): LaunchPlan['command'] {
  if (command.secrets === undefined) return command;
  return { ...command, environment: withSecrets(command.environment, command.secrets, secrets) };
}

function makeDirectory(path: string): Step {
  return step(BY_LAUNCHER, 'make-directory', { path, mode: 0o700, existingOk: 1 });
}

function checkMountNamespace(plan: LaunchPlan): void {
  if (plan.namespaces.some(({ kind }) => kind === 'mount')) return;
  const refuse = (by: string, what: string): never => {
    throw planErrors.needsMountNamespace({ by, what });
  };
  if (plan.rootfs !== undefined) refuse(plan.rootfs.by, 'a root file system');
  for (const { mount, by } of plan.mounts) refuse(by, `a mount at ${mount.target}`);
  for (const { path, by } of [...plan.maskedPaths, ...plan.readOnlyPaths]) refuse(by, `${path} hidden or read-only`);
  if (plan.cgroupView !== undefined) refuse(plan.cgroupView.by, 'its own groups at /sys/fs/cgroup');
}

/** Mounts made from here on stay here, and those of the host no longer arrive. */
function propagation(plan: LaunchPlan): readonly Step[] {
  const namespace = plan.namespaces.find(({ kind }) => kind === 'mount');
  return namespace === undefined ? [] : [step(namespace.by, 'set-propagation', { flags: PRIVATE_RECURSIVE })];
}

function identitySteps(plan: LaunchPlan): readonly Step[] {
  return [
    ...(plan.loopback === undefined ? [] : [step(plan.loopback.by, 'loopback-up', {})]),
    ...(plan.hostname === undefined ? [] : [step(plan.hostname.by, 'set-hostname', { name: plan.hostname.name })]),
  ];
}

function hidingSteps(plan: LaunchPlan): readonly Step[] {
  return [
    ...plan.maskedPaths.map(({ path, by }) => step(by, 'mask-path', { path })),
    ...plan.readOnlyPaths.map(({ path, by }) => step(by, 'read-only-path', { path })),
  ];
}
