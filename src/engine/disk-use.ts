import { type DiskQuota, diskEnforcer } from '../model/disk-quota.ts';
import type { DiskBound, DiskStats } from './facade.ts';

/** The bound in force, as a container shows it. */
export function diskBoundOf(quota: DiskQuota | undefined): DiskBound | undefined {
  if (quota === undefined) return undefined;
  const { limitBytes } = quota;
  return { ...(limitBytes !== undefined && { limitBytes }), enforcedBy: diskEnforcer(quota) };
}

/** @param usage what the isolators say */
export function diskStatsOf(
  quota: DiskQuota | undefined,
  usage: Readonly<Record<string, number>>,
): DiskStats | undefined {
  const bound = diskBoundOf(quota);
  const { diskUsedBytes: usedBytes } = usage;
  return bound && { ...bound, ...(usedBytes !== undefined && { usedBytes }) };
}
