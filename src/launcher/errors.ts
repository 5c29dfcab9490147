import { defineErrors, EngineError } from '../model/error.ts';
import type { LaunchFailure } from './launcher.ts';

export const launcherErrors = defineErrors('launcher', {
  unavailable: {
    kind: 'unavailable',
    message: (d: { socketPath: string }) => `no fork server answers on ${d.socketPath}, and none could be started`,
    remedy: () => 'isopod doctor tells what the helper needs; its complaints are in helper.log of the state directory',
  },
  workerLate: {
    kind: 'deadline-exceeded',
    message: (d: { socketPath: string; ms: number }) => `no worker said hello on ${d.socketPath} within ${d.ms} ms`,
    remedy: () => 'the fork server hangs, or the host has no processor left for it',
  },
  launchFailed: {
    kind: 'internal',
    message: (d: { phase: string; stepIndex: number; errno: number; detail: string }) =>
      `launch failed in phase ${d.phase}, step ${d.stepIndex}, errno ${d.errno}: ${d.detail}`,
  },
  monitorGone: {
    kind: 'unavailable',
    message: (d: { uid: string; during: string }) => `the monitor of ${d.uid} ended during ${d.during}`,
  },
  monitorVersion: {
    kind: 'unimplemented',
    message: (d: { uid: string; theirs: number; oldest: number; newest: number }) =>
      `the monitor of ${d.uid} speaks protocol version ${d.theirs}, this agent ${d.oldest} to ${d.newest}: it takes signals and tells the end, but attaches nobody`,
    remedy: () => 'read the log instead, or attach while an agent of the version that started it runs',
  },
  processEnded: {
    kind: 'failed-precondition',
    message: (d: { uid: string }) => `the process of ${d.uid} has ended`,
  },
  stepsOverdue: {
    kind: 'deadline-exceeded',
    message: (d: { what: string; ms: number }) => `${d.what} were not done after ${d.ms} ms`,
    remedy: () => 'a file system or device of this host likely hangs',
  },
  unkillable: {
    kind: 'deadline-exceeded',
    message: (d: { uid: string; deadlineMs: number }) =>
      `processes of container ${d.uid} remain ${d.deadlineMs} ms after SIGKILL`,
    remedy: () => 'they are likely waiting for a device or a network file system; destroy is tried again on request',
  },
  unfreezable: {
    kind: 'deadline-exceeded',
    message: (d: { uid: string; deadlineMs: number; wanted: string }) =>
      `container ${d.uid} was not ${d.wanted} after ${d.deadlineMs} ms, and runs on`,
    remedy: () => 'a process likely waits for a device or a network file system; try again once it does not',
  },
  cannotFreeze: {
    kind: 'failed-precondition',
    message: (d: { uid: string }) => `container ${d.uid} has no group that could be frozen: its launcher is posix`,
    remedy: () => 'run the agent as root, with --launcher linux',
  },
  noPressure: {
    kind: 'failed-precondition',
    message: (d: { file: string; reason: string }) =>
      `this host tells no pressure of containers: ${d.file}: ${d.reason}`,
    remedy: () => 'it needs a mount of cgroup v2 and a kernel with PSI that is on (CONFIG_PSI, psi=1)',
  },
  pressureWindow: {
    kind: 'failed-precondition',
    message: (d: { windowUs: number }) =>
      `the kernel refused a window of ${d.windowUs} µs: from an engine without CAP_SYS_RESOURCE it takes whole multiples of 2 s`,
    remedy: () => 'ask for a window of 2s, or 4s, up to 10s',
  },
  watchRefused: {
    kind: 'failed-precondition',
    message: (d: { path: string; what: string; reason: string; errno: string }) =>
      `the kernel does not watch ${d.path}${d.what === '' ? '' : ` for ${JSON.stringify(d.what)}`}: ${d.reason}`,
  },
  watcherGone: {
    kind: 'unavailable',
    message: () => 'the helper that watches for pressure has ended',
    remedy: () => 'subscribe again',
  },
  watchOverdue: {
    kind: 'deadline-exceeded',
    message: (d: { path: string; ms: number }) => `the helper did not watch ${d.path} within ${d.ms} ms`,
  },
  portTriesGone: {
    kind: 'unavailable',
    message: () => 'the helper that connects to ports has ended',
    remedy: () => 'try again',
  },
  portTryOverdue: {
    kind: 'deadline-exceeded',
    message: (d: { port: number; ms: number }) => `the helper did not tell of port ${d.port} within ${d.ms} ms`,
  },
  noTracking: {
    kind: 'failed-precondition',
    message: () => 'this host mounts neither a cgroup v2 hierarchy nor a v1 freezer, so containers cannot be tracked',
    remedy: () => 'mount one, for example: mount -t cgroup2 none /sys/fs/cgroup/unified',
  },
  scopeRefused: {
    kind: 'failed-precondition',
    message: (d: { unit: string; doing: string; reason: string }) =>
      `systemd does not ${d.doing} ${d.unit}: ${d.reason}`,
    remedy: () => 'its reason may stand in the journal: journalctl -b _PID=1',
  },
  noServiceManager: {
    kind: 'unavailable',
    message: (d: { unit: string; doing: string; reason: string }) =>
      `systemd could not be asked to ${d.doing} ${d.unit}: ${d.reason}`,
    remedy: () => 'see that it answers: systemctl status',
  },
  scopeGroupMissing: {
    kind: 'failed-precondition',
    message: (d: { unit: string; group: string }) => `systemd has made ${d.unit} without the group ${d.group}`,
    remedy: () => 'this systemd does not manage that hierarchy: run the agent with --cgroup-driver cgroupfs',
  },
  controllerMissing: {
    kind: 'failed-precondition',
    message: (d: { controller: string }) => `the cgroup controller ${d.controller} is not mounted on this host`,
    remedy: (d: { controller: string }) => `mount it, or choose isolators without cgroups/${d.controller}`,
  },
});

/** What the helper said about a failed launch, if `error` is one. */
export function launchFailureOf(error: unknown): LaunchFailure | undefined {
  if (!(error instanceof EngineError) || error.code !== 'launcher.launchFailed') return undefined;
  const { phase, stepIndex, errno, detail } = error.details;
  return {
    phase: phase as LaunchFailure['phase'],
    stepIndex: Number(stepIndex),
    errno: Number(errno),
    detail: String(detail),
  };
}
