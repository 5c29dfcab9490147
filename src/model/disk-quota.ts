/** What shall keep a disk limit, where the caller chooses: the first three rungs by name, or nobody. */
export const DISK_ENFORCEMENTS = ['project', 'image', 'accounting', 'observe'] as const;
export type DiskEnforcement = (typeof DISK_ENFORCEMENTS)[number];

/** The bound of what a container keeps on disk, and what keeps it. */
export type DiskQuota =
  /** A project quota of the file system: on its layer, logs, sandbox directory and own volumes together. */
  | { readonly way: 'project'; readonly project: number; readonly limitBytes: number }
  /** A file system of this size in a file, for its layer; the rest, in these directories, is counted with it. */
  | {
      readonly way: 'image';
      readonly file: string;
      readonly limitBytes: number;
      readonly counted: readonly string[];
    }
  /** All that is in these directories is counted now and then. */
  | {
      readonly way: 'accounting';
      readonly counted: readonly string[];
      /** Absent: it is counted only. */
      readonly limitBytes?: number;
      /** Whether a container that has passed the limit is ended. */
      readonly enforced: boolean;
      /** Why the kernel does not keep the limit, where nobody has said that it should not. */
      readonly because?: string;
    };

/** `image`: the kernel keeps it for the layer, accounting for all together. `nothing`: it is counted only. */
export type DiskEnforcer = 'project' | 'image' | 'accounting' | 'nothing';

/** What keeps the limit in force. */
export function diskEnforcer(quota: DiskQuota): DiskEnforcer {
  if (quota.way !== 'accounting') return quota.way;
  return quota.enforced && quota.limitBytes !== undefined ? 'accounting' : 'nothing';
}

/** What is to be measured. */
export interface DiskMeasurement {
  /** Files and directories of the host; a missing one is fine. */
  readonly paths: readonly string[];
  /** Also what the file system below this process's root holds. */
  readonly rootOf?: { readonly pid: number; readonly startTime: bigint };
}

/** What files take on disk: blocks, as du(1) counts them, and not the sizes that they tell. */
export interface DiskUse {
  readonly bytes: number;
  readonly entries: number;
  /** Directories that were not let in, or were moved elsewhere meanwhile: what is in them is not counted. */
  readonly unread: number;
}
