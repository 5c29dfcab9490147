import { formatBytes } from '../model/byte-size.ts';
import { defineErrors } from '../model/error.ts';

/** Why an update was refused; whatever it was, nothing was changed. */
export const updateErrors = defineErrors('update', {
  nothing: {
    kind: 'invalid-argument',
    message: (d: { uid: string }) => `an update of container ${d.uid} changes nothing: it names no limit and no device`,
    remedy: () => 'name at least one; `isopod help update` lists them',
  },
  memoryInUse: {
    kind: 'failed-precondition',
    message: (d: { uid: string; limitBytes: number; usedBytes: number; what: string }) =>
      `container ${d.uid} uses ${formatBytes(d.usedBytes)} of ${d.what} that cannot be reclaimed, ` +
      `and the limit was to be ${formatBytes(d.limitBytes)}; no limit was changed`,
    remedy: (d: { usedBytes: number }) =>
      `give it more than ${formatBytes(d.usedBytes)}, or let it free some of its memory first`,
  },
  refused: {
    kind: 'failed-precondition',
    message: (d: { uid: string; by: string; file: string; value: string; errno: string }) =>
      `${d.by}: the kernel refused ${JSON.stringify(d.value)} for ${d.file} of container ${d.uid}: ${d.errno}; ` +
      'no limit was changed',
  },
  groupRefused: {
    kind: 'failed-precondition',
    message: (d: { uid: string; by: string; what: string; group: string; errno: string }) =>
      `${d.by}: the kernel refused ${d.what} container ${d.uid} (${d.group}): ${d.errno}; nothing was changed`,
    remedy: (d: { errno: string }) =>
      d.errno === 'ETIMEDOUT'
        ? 'its processes fork faster than they can be moved: limit them first (--pids-limit), or pause it'
        : 'launch the container anew with this limit',
  },
  groupsShared: {
    kind: 'failed-precondition',
    message: (d: { uid: string; children: number }) =>
      `container ${d.uid} has no group for a limit of this kind, and none can come while ${d.children} containers live in it; nothing was changed`,
    remedy: () => 'limit those in it one by one, or launch it anew with this limit',
  },
  noDiskLimit: {
    kind: 'failed-precondition',
    message: (d: { uid: string; limitBytes: number }) =>
      `the disk limit of container ${d.uid} was to be ${formatBytes(d.limitBytes)}, and it was launched without one, so nothing keeps it`,
    remedy: () => 'launch it anew with --disk',
  },
  diskRefused: {
    kind: 'failed-precondition',
    message: (d: { uid: string; by: string; limitBytes: number; errno: string }) =>
      `${d.by}: the kernel refused a disk limit of ${formatBytes(d.limitBytes)} for container ${d.uid}: ${d.errno}; nothing was changed`,
  },
  deviceInTheWay: {
    kind: 'failed-precondition',
    message: (d: { uid: string; path: string }) =>
      `container ${d.uid} has something else at ${d.path}, so the device cannot be there; nothing was changed`,
    remedy: () => 'name another path in the container, or let it remove what is there',
  },
  devicesRefused: {
    kind: 'failed-precondition',
    message: (d: { uid: string; by: string; what: string; errno: string }) =>
      `${d.by}: the kernel refused ${d.what} for container ${d.uid}: ${d.errno}; nothing was changed`,
  },
  noProcess: {
    kind: 'unavailable',
    message: (d: { uid: string }) =>
      `the first process of container ${d.uid} is not known, so its /dev cannot be found`,
  },
  unsettled: {
    kind: 'unavailable',
    message: (d: { uid: string }) =>
      `an earlier update of container ${d.uid} could be neither finished nor taken back so far`,
    remedy: () => 'it is tried again by itself; the log of the agent says why',
  },
});
