import { defineErrors } from '../model/error.ts';

/** What every error of a refused launch says: who wanted it, on what, and the kernel's answer. */
export interface FailureDetails {
  readonly by: string;
  readonly op: string;
  /** The path or value. */
  readonly subject: string;
  readonly errno: string;
}

const reason = ({ by, errno }: FailureDetails): string => `(${by}: ${errno})`;

/** `set-oom-score` as words. */
const spoken = (op: string): string => op.replaceAll('-', ' ');

/** What lets the kernel permit a setting, by the step that was refused. */
const SETTING_REMEDIES: Readonly<Record<string, string>> = {
  'set-rlimit': 'ask for no more than that, or run the agent with CAP_SYS_RESOURCE',
  'set-oom-score': 'ask for no less than the agent itself has, or run the agent with CAP_SYS_RESOURCE',
  'set-scheduler': 'run the agent with CAP_SYS_NICE; under cgroup v1 give its groups a share in cpu.rt_runtime_us, too',
  'set-io-priority': 'run the agent with CAP_SYS_NICE',
};

/** Errors of launches that the kernel refused; `describe-failure.ts` chooses among them. */
export const failureErrors = defineErrors('plan', {
  commandNotFound: {
    kind: 'not-found',
    message: (d: { command: string; detail: string }) =>
      `command ${JSON.stringify(d.command)} was not found in the container, or the interpreter that it names was not`,
    remedy: () => "check the spelling and the container's PATH",
  },
  commandNotExecutable: {
    kind: 'permission-denied',
    message: (d: { command: string; errno: string }) =>
      `command ${JSON.stringify(d.command)} cannot be executed: ${d.errno}`,
    remedy: () =>
      'name a program that the user of the container may execute; a directory or a data file is none, nor is a program for another processor (isopod images shows platforms)',
  },
  argumentsTooLong: {
    kind: 'invalid-argument',
    message: (d: { command: string }) =>
      `the arguments and environment of ${JSON.stringify(d.command)} are longer than the kernel takes`,
    remedy: () => 'hand large data over in a file, with --volume',
  },
  unknownUser: {
    kind: 'invalid-argument',
    message: (d: { user: string; missing: string }) =>
      `user ${JSON.stringify(d.user)} cannot be resolved in the container: ${d.missing} is not known there`,
    remedy: () => 'name a user of the container, or give numbers',
  },
  workdirRefused: {
    kind: 'invalid-argument',
    message: (d: FailureDetails) => `working directory ${d.subject} cannot be entered ${reason(d)}`,
    remedy: () => 'name a directory that exists in the container and that its user may enter',
  },
  bindSourceMissing: {
    kind: 'not-found',
    message: (d: FailureDetails) => `host path ${d.subject} that ${d.by} would show in the container does not exist`,
    remedy: () => 'make it first',
  },
  rootfsNotDirectory: {
    kind: 'invalid-argument',
    message: (d: FailureDetails) => `root file system ${d.subject} is not a directory ${reason(d)}`,
    remedy: () => 'give the directory itself, not a link to it',
  },
  rootfsMissing: {
    kind: 'not-found',
    message: (d: FailureDetails) => `root file system ${d.subject} does not exist`,
    remedy: () => 'check the spelling; a root file system is a directory of this host',
  },
  overlayMissing: {
    kind: 'failed-precondition',
    message: (d: FailureDetails) => `this kernel has no overlay file system ${reason(d)}`,
    remedy: () => 'load it with: modprobe overlay',
  },
  layerImageChanged: {
    kind: 'data-loss',
    message: (d: FailureDetails) =>
      `an image of a layer is not what was made of it, or nothing seals it any more: ${d.subject} ${reason(d)}`,
    remedy: () => 'remove that file; it is made again by the next launch',
  },
  loopDevicesMissing: {
    kind: 'failed-precondition',
    message: (d: FailureDetails) =>
      `this kernel mounts an image of a layer from a block device alone, and there is no loop device: ${d.subject} ${reason(d)}`,
    remedy: () => 'load them with: modprobe loop',
  },
  overlayRefused: {
    kind: 'failed-precondition',
    message: (d: FailureDetails) => `the kernel refused the overlay of the root file system: ${d.subject} ${reason(d)}`,
    remedy: () =>
      "the engine's root directory must be on a file system that can be an upper layer, such as ext4 or xfs",
  },
  layerMissing: {
    kind: 'data-loss',
    message: (d: FailureDetails) => `a layer or directory of the root file system is gone: ${d.subject} ${reason(d)}`,
    remedy: () => 'remove the image and pull it again',
  },
  tooManyLayers: {
    kind: 'invalid-argument',
    message: (d: FailureDetails) => `the image has more layers than can be mounted: ${d.subject} ${reason(d)}`,
    remedy: () => 'squash the image into fewer layers',
  },
  linkOnPath: {
    kind: 'permission-denied',
    message: (d: FailureDetails) => `${d.subject} leads over a symbolic link, and ${d.by} follows none there`,
    remedy: () => 'use an image whose /proc, /sys and /dev are directories',
  },
  mountTargetMissing: {
    kind: 'not-found',
    message: (d: FailureDetails) => `mount point ${d.subject} does not exist ${reason(d)}`,
    remedy: () => 'make it in the root file system beforehand',
  },
  mountTargetUnsuitable: {
    kind: 'invalid-argument',
    message: (d: FailureDetails) =>
      `${d.subject} cannot be a mount point: a directory goes on a directory, a file on a file ${reason(d)}`,
    remedy: () => 'choose another place in the container',
  },
  readOnly: {
    kind: 'failed-precondition',
    message: (d: FailureDetails) => `${d.subject} cannot be made on a read-only file system ${reason(d)}`,
    remedy: () => 'make it in the root file system beforehand',
  },
  subpathMissing: {
    kind: 'not-found',
    message: (d: FailureDetails) => `subpath ${d.subject} is not in the volume ${reason(d)}`,
    remedy: () => 'make it in the volume first, or leave the subpath out',
  },
  idMapRefused: {
    kind: 'failed-precondition',
    message: (d: FailureDetails) => `the kernel refused ${d.subject.trim()} of a mount ${reason(d)}`,
    remedy: () => 'id maps of mounts need Linux 5.12 and a file system that can have them, such as ext4, xfs or btrfs',
  },
  diskRefused: {
    kind: 'failed-precondition',
    message: (d: FailureDetails) => `the disk of bounded size cannot be made: ${d.subject} ${reason(d)}`,
    remedy: () =>
      "it needs mkfs.ext4 and a free loop device; or leave out --disk-enforcement, or put the engine's root on a file system with project quotas",
  },
  knobMissing: {
    kind: 'failed-precondition',
    message: (d: FailureDetails) => `the cgroup knob ${d.subject} is not there ${reason(d)}`,
    remedy: (d: FailureDetails) => `isopod doctor tells which controllers this host has; leave out ${d.by} otherwise`,
  },
  knobRefused: {
    kind: 'invalid-argument',
    message: (d: FailureDetails) => `the kernel refused the limit ${d.subject} ${reason(d)}`,
    remedy: () => 'choose a value within what the parent group and the host have',
  },
  countersRefused: {
    kind: 'failed-precondition',
    message: (d: FailureDetails) =>
      `the kernel cannot count ${d.subject} of the agent's list on this host ${reason(d)}`,
    remedy: () =>
      'a virtual machine often has no counters of hardware: isopod agent --perf-events task-clock,page-faults counts in the kernel',
  },
  knobInactive: {
    kind: 'failed-precondition',
    message: (d: FailureDetails) =>
      `the kernel does not obey the limit ${d.subject} as this host is set up ${reason(d)}`,
    remedy: () => 'a weight of one disk needs its scheduler bfq, or io.cost.qos switched on for it; else leave it out',
  },
  cgroupRefused: {
    kind: 'failed-precondition',
    message: (d: FailureDetails) => `the cgroup ${d.subject} cannot be made or joined ${reason(d)}`,
    remedy: () => 'isopod doctor tells which controllers this host has',
  },
  settingNotPermitted: {
    kind: 'permission-denied',
    message: (d: FailureDetails) => `the kernel does not let the agent ${spoken(d.op)} so: ${d.subject} ${reason(d)}`,
    remedy: (d: FailureDetails) => SETTING_REMEDIES[d.op] ?? 'run the agent as root with all capabilities',
  },
  needsNoNewPrivileges: {
    kind: 'permission-denied',
    message: (d: FailureDetails) => `without no_new_privs only root may ${spoken(d.op)} ${reason(d)}`,
    remedy: () => 'leave no_new_privs on, or run the agent as root',
  },
  settingRefused: {
    kind: 'invalid-argument',
    message: (d: FailureDetails) => `the kernel refused to ${spoken(d.op)}: ${d.subject} ${reason(d)}`,
    remedy: (d: FailureDetails) => `choose what this host has, or leave out what asks for ${d.by}`,
  },
  hookFailed: {
    kind: 'failed-precondition',
    message: (d: FailureDetails) => `${d.subject} ${reason(d)}`,
    remedy: () => 'a container starts only when every hook before its start has ended with exit code 0',
  },
  enteredProcessGone: {
    kind: 'failed-precondition',
    message: () => 'the container has ended',
  },
  idNotMapped: {
    kind: 'invalid-argument',
    message: (d: FailureDetails) =>
      `the user or a group of it is not among the ids of the user namespace: ${d.subject} ${reason(d)}`,
    remedy: () => 'run as another user, or give the user namespace more ids: --userns auto:size=COUNT',
  },
  notMappable: {
    kind: 'failed-precondition',
    message: (d: FailureDetails) =>
      `the files of ${d.subject} cannot be shown under other owners, or something below it cannot ${reason(d)}`,
    remedy: () => 'use --userns host, or put it on ext4, xfs, btrfs or tmpfs, where a kernel since 5.12 can',
  },
  mapRefused: {
    kind: 'invalid-argument',
    message: (d: FailureDetails) => `the kernel refused the id map ${d.subject} ${reason(d)}`,
  },
  clockRefused: {
    kind: 'invalid-argument',
    message: (d: FailureDetails) => `the kernel refused the ${d.subject} ${reason(d)}`,
    remedy: () => 'a clock of the container cannot be before zero: this host may not have been up for so long',
  },
  joinedGone: {
    kind: 'failed-precondition',
    message: (d: FailureDetails) => `a container whose namespaces were to be shared has ended ${reason(d)}`,
    remedy: () => 'start it again first; a pid namespace cannot outlive its init',
  },
  sharedMissing: {
    kind: 'failed-precondition',
    message: (d: FailureDetails) => `the other container has no shared memory at ${d.subject} to share ${reason(d)}`,
  },
  noNamespaces: {
    kind: 'resource-exhausted',
    message: (d: FailureDetails) => `the host has no more namespaces for a container ${reason(d)}`,
    remedy: () => 'raise user.max_user_namespaces and its like with sysctl(8)',
  },
  notPermitted: {
    kind: 'permission-denied',
    message: (d: FailureDetails) => `the engine may not ${d.op} ${d.subject} ${reason(d)}`,
    remedy: () => 'run the agent as root with all capabilities; isopod doctor tells what is missing',
  },
  exhausted: {
    kind: 'resource-exhausted',
    message: (d: FailureDetails) => `the host has run out of something: ${d.op} ${d.subject} ${reason(d)}`,
    remedy: () => 'free disk space, memory or processes, or raise the bound that was hit',
  },
  pathTooLong: {
    kind: 'invalid-argument',
    message: (d: FailureDetails) => `the path ${d.subject} is longer than the kernel takes ${reason(d)}`,
  },
  unsupported: {
    kind: 'failed-precondition',
    message: (d: FailureDetails) => `this kernel cannot ${d.op} ${d.subject} ${reason(d)}`,
    remedy: () => 'isopod doctor tells what the kernel lacks',
  },
  stepFailed: {
    kind: 'internal',
    message: (d: FailureDetails) => `step ${d.op} failed on ${d.subject} ${reason(d)}`,
  },
});
