import type { Files } from '../../base/effects.ts';
import { treeUse } from '../../linux/process-tree.ts';
import type { Isolator } from '../isolator.ts';

/** A clock tick as user space sees it, USER_HZ: 1/100 s on every architecture that Node runs on. */
const NS_PER_TICK = 10_000_000;

/** Isolator `posix/cpu`: counts the processor time of a container without groups; it bounds nothing. */
export function posixCpu({ files }: { readonly files: Files }): Isolator {
  return {
    name: 'posix/cpu',
    requires: [],
    launchers: ['posix'],
    plan: () => ({}),
    /** `cpuUsageNs`; processes whose parent ignores their end are not counted once they have ended. */
    usage: async ({ pid, startTime }) => {
      if (pid === undefined || startTime === undefined) return {};
      const use = await treeUse(files, { pid, startTime });
      return use === undefined ? {} : { cpuUsageNs: use.ticks * NS_PER_TICK };
    },
  };
}
