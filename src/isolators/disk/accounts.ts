import type { Files } from '../../base/effects.ts';
import { formatBytes } from '../../model/byte-size.ts';
import type { DiskMeasurement, DiskQuota, DiskUse } from '../../model/disk-quota.ts';
import { isErrorOfKind } from '../../model/error.ts';
import type { Limitation } from '../../model/exit-status.ts';
import type { Step } from '../../model/wire.ts';
import type { IsolatedContainer, LimitWatch, UsageValues } from '../isolator.ts';

/** As Mesos looks (`--container_disk_watch_interval`). */
const DEFAULT_INTERVAL_MS = 15_000;

/** What the isolators of disks touch of the host. */
export interface DiskEffects {
  readonly files: Files;
  readonly runHostSteps: (steps: readonly Step[]) => Promise<void>;
  readonly measureDisk: (measurement: DiskMeasurement) => Promise<DiskUse>;
}

interface DiskAccountsOptions extends Pick<DiskEffects, 'measureDisk'> {
  /** The isolator that counts. */
  readonly name: string;
  readonly intervalMs: number | undefined;
}

/** Its directories are nested deeper than they are followed: that hides files, and nothing else needs it. */
const TOO_DEEP = 'too deep';

/** Held by who counts, too: a count that ends after its container was forgotten brings nothing back. */
interface LastCount {
  use?: DiskUse | typeof TOO_DEEP;
}

/** Which quotas are kept, or told, by counting. */
type CountedQuota = Extract<DiskQuota, { readonly counted: readonly string[] }>;

/**
 * What containers keep on disk by the last count of each. Counting walks trees, so it is done now and then, one after
 * the other; all questions are answered from here.
 */
export class DiskAccounts {
  readonly #options: DiskAccountsOptions;
  readonly #last = new Map<string, LastCount>();

  constructor(options: DiskAccountsOptions) {
    this.#options = options;
  }

  watch({ diskQuota }: IsolatedContainer): LimitWatch | undefined {
    if (countedQuota(diskQuota) === undefined) return undefined;
    return { kind: 'polled', everyMs: this.#options.intervalMs ?? DEFAULT_INTERVAL_MS };
  }

  async measure({ uid, diskQuota, pid, startTime }: IsolatedContainer): Promise<void> {
    const quota = countedQuota(diskQuota);
    if (quota === undefined) return;
    // The layer is not among the files of the host there, but below the root of the container.
    const rootOf =
      quota.way === 'image' && pid !== undefined && startTime !== undefined ? { pid, startTime } : undefined;
    const last = this.#last.get(uid) ?? {};
    this.#last.set(uid, last);
    try {
      last.use = await this.#options.measureDisk({ paths: quota.counted, ...(rootOf && { rootOf }) });
    } catch (error) {
      if (!isErrorOfKind(error, 'resource-exhausted')) throw error;
      last.use = TOO_DEEP;
    }
  }

  limitation({ uid, diskQuota }: IsolatedContainer): Limitation | undefined {
    const quota = countedQuota(diskQuota);
    const { use } = this.#last.get(uid) ?? {};
    if (quota?.limitBytes === undefined || use === undefined) return undefined;
    if (quota.way === 'accounting' && !quota.enforced) return undefined;
    const { limitBytes } = quota;
    const told = { isolator: this.#options.name, resource: 'disk', times: 1 } as const;
    if (use === TOO_DEEP) {
      const message = `the disk limit of ${formatBytes(limitBytes)} cannot be kept: its directories are nested deeper than files are counted`;
      return { ...told, message, statistics: { diskLimitBytes: limitBytes } };
    }
    if (use.bytes <= limitBytes) return undefined;
    return {
      ...told,
      message: `the disk limit of ${formatBytes(limitBytes)} was passed: ${formatBytes(use.bytes)} were in use by ${use.entries} files of its layer, its logs, its sandbox directory and its own volumes`,
      statistics: { diskUsedBytes: use.bytes, diskLimitBytes: limitBytes, diskEntries: use.entries },
    };
  }

  /** `diskLimitBytes`; once it was counted `diskUsedBytes`, and `diskUnread` where directories could not be looked into. */
  usage({ uid, diskQuota }: Pick<IsolatedContainer, 'uid' | 'diskQuota'>): UsageValues {
    const { limitBytes } = countedQuota(diskQuota) ?? {};
    const last = this.#last.get(uid)?.use;
    const use = last === TOO_DEEP ? undefined : last;
    return {
      ...(use && { diskUsedBytes: use.bytes }),
      ...(use !== undefined && use.unread > 0 && { diskUnread: use.unread }),
      ...(limitBytes !== undefined && { diskLimitBytes: limitBytes }),
    };
  }

  forget(uid: string): void {
    this.#last.delete(uid);
  }
}

function countedQuota(quota: DiskQuota | undefined): CountedQuota | undefined {
  return quota === undefined || quota.way === 'project' ? undefined : quota;
}
