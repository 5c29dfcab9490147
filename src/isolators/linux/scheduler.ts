import { LAUNCHER_KINDS } from '../../model/launcher-kind.ts';
import type { Isolator } from '../isolator.ts';

/**
 * Isolator `linux/scheduler`: the policy under which the processes of the container get processor time (sched(7)).
 * Realtime policies need CAP_SYS_NICE and, with v1 cgroups and CONFIG_RT_GROUP_SCHED, a share of realtime in the group.
 */
export function scheduler(): Isolator {
  return {
    name: 'linux/scheduler',
    requires: [],
    launchers: LAUNCHER_KINDS,
    appliesTo: ({ process }) => process.scheduler !== undefined,
    plan: ({ config }) => (config.process.scheduler === undefined ? {} : { scheduler: config.process.scheduler }),
  };
}
