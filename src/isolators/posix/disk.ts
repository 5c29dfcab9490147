import { defineErrors } from '../../model/error.ts';
import { DiskAccounts, type DiskEffects } from '../disk/accounts.ts';
import { changedQuota } from '../disk/live-limit.ts';
import { ownDirectories } from '../disk/own-files.ts';
import type { Isolator } from '../isolator.ts';

const NAME = 'posix/disk';

export const posixDiskErrors = defineErrors(NAME, {
  onlyCounted: {
    kind: 'failed-precondition',
    message: (d: { asked: string }) => `a disk limit was to be kept by ${d.asked}, and the launcher posix only counts`,
    remedy: () => 'leave out --disk-enforcement, or start the agent with --launcher linux',
  },
});

/**
 * Isolator `posix/disk`: counts what is in the sandbox directory and the logs of a container without a file system of
 * its own. Its limit is looked after by polling: a container that is beyond it when somebody looks is killed.
 */
export function posixDisk(effects: Pick<DiskEffects, 'measureDisk'>, intervalMs?: number): Isolator {
  const accounts = new DiskAccounts({ name: NAME, measureDisk: effects.measureDisk, intervalMs });
  return {
    name: NAME,
    requires: [],
    launchers: ['posix'],
    plan: (input) => {
      const { diskLimitBytes: limitBytes, diskEnforcement: asked } = input.config;
      if (asked === 'project' || asked === 'image') throw posixDiskErrors.onlyCounted({ asked });
      const limit = limitBytes === undefined ? {} : { limitBytes };
      const enforced = limitBytes !== undefined && asked !== 'observe';
      return { diskQuota: { way: 'accounting', counted: ownDirectories(input), ...limit, enforced } };
    },
    watch: (container) => accounts.watch(container),
    measure: (container) => accounts.measure(container),
    limitation: async (container) => accounts.limitation(container),
    usage: async (container) => accounts.usage(container),
    update: ({ uid, config: { diskLimitBytes }, diskQuota }) => {
      if (diskQuota === undefined || diskLimitBytes === undefined) return {};
      return { diskQuota: changedQuota(diskQuota, diskLimitBytes, accounts.usage({ uid, diskQuota }).diskUsedBytes) };
    },
    cleanup: async ({ uid }) => accounts.forget(uid),
  };
}
