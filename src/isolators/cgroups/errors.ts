import { defineErrors } from '../../model/error.ts';

export const cgroupsErrors = defineErrors('cgroups', {
  controllerMissing: {
    kind: 'failed-precondition',
    message: (d: { isolator: string; controller: string }) =>
      `${d.isolator} needs the cgroup controller ${d.controller}, which this host mounts in neither version`,
    remedy: (d: { isolator: string }) =>
      `enable it in the kernel's command line, or choose isolators without ${d.isolator} and without its limit`,
  },
  knobMissing: {
    kind: 'failed-precondition',
    message: (d: { wanted: string; file: string }) =>
      `${d.wanted} was asked for, and this kernel's cgroups have no ${d.file}`,
    remedy: () => 'leave it out, or use a kernel that was built with it',
  },
  otherVersion: {
    kind: 'failed-precondition',
    message: (d: { wanted: string; controller: string; only: number; version: number }) =>
      `${d.wanted} exists in cgroup v${d.only} only, and this host serves ${d.controller} in v${d.version}`,
    remedy: () => 'leave it out',
  },
  tooManyCpus: {
    kind: 'invalid-argument',
    message: (d: { cpus: string; cpuCount: number }) =>
      `a limit of ${d.cpus} CPUs was asked for, and this host has ${d.cpuCount}`,
    remedy: (d: { cpuCount: number }) => `ask for at most ${d.cpuCount}`,
  },
  notThere: {
    kind: 'invalid-argument',
    message: (d: { what: string; asked: string; missing: string; available: string }) =>
      `${d.what} ${d.asked} were asked for, and this host has no ${d.missing}`,
    remedy: (d: { available: string }) => `it has ${d.available}`,
  },
  noBlockDevice: {
    kind: 'invalid-argument',
    message: (d: { device: string; found: string }) => `${d.device} is ${d.found}, not a block device`,
    remedy: () => 'name the device node of a disk, such as /dev/sda, or its numbers, such as 8:0',
  },
  partition: {
    kind: 'invalid-argument',
    message: (d: { device: string; disk: string }) =>
      `${d.device} is a partition of ${d.disk}, and the kernel limits whole disks only`,
    remedy: (d: { disk: string }) => `name /dev/${d.disk}`,
  },
  noWeights: {
    kind: 'failed-precondition',
    message: (d: { device: string; scheduler: string; file: string }) =>
      `a weight of ${d.device} was asked for, and its scheduler ${d.scheduler} divides by no weights (no ${d.file})`,
    remedy: (d: { device: string }) => `give ${d.device} the scheduler bfq: /sys/block/DISK/queue/scheduler`,
  },
  deviceTwice: {
    kind: 'invalid-argument',
    message: (d: { first: string; second: string; numbers: string }) =>
      `${d.first} and ${d.second} are the same block device, ${d.numbers}`,
  },
  unknownEvent: {
    kind: 'invalid-argument',
    message: (d: { event: string; known: readonly string[] }) =>
      `event ${JSON.stringify(d.event)} is not one of ${d.known.join(', ')}`,
  },
  tooManyEvents: {
    kind: 'invalid-argument',
    message: (d: { count: number; most: number }) => `${d.count} events are to be counted, and 1 to ${d.most} can be`,
  },
  noNetClasses: {
    kind: 'failed-precondition',
    message: () => 'a network class of the agent was asked for, and the agent has none to give out',
    remedy: () => 'start it with isopod agent --net-cls-handles MAJOR:FIRST-LAST, or name a class',
  },
  netClassesExhausted: {
    kind: 'resource-exhausted',
    message: (d: { size: number }) => `all ${d.size} network classes of the agent are in use`,
    remedy: () => 'remove containers that have one, or give the agent a larger --net-cls-handles',
  },
  deviceUnresolved: {
    kind: 'internal',
    message: (d: { device: string }) => `the numbers of ${d.device} were not looked up`,
  },
});
