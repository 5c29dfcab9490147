import { formatBytes } from '../../model/byte-size.ts';
import type { DiskQuota } from '../../model/disk-quota.ts';
import { defineErrors } from '../../model/error.ts';

export const diskLimitErrors = defineErrors('disk-limit', {
  fixedSize: {
    kind: 'failed-precondition',
    message: (d: { sizeBytes: number; limitBytes: number }) =>
      `the disk limit was to be ${formatBytes(d.limitBytes)}, and the layer is on a file system of ${formatBytes(d.sizeBytes)} that was made for it and is in use`,
    remedy: () =>
      'launch the container anew with this limit; one that is to change is kept by a project quota or by --disk-enforcement accounting',
  },
  belowUse: {
    kind: 'failed-precondition',
    message: (d: { usedBytes: number; limitBytes: number }) =>
      `the disk limit was to be ${formatBytes(d.limitBytes)}, and ${formatBytes(d.usedBytes)} are in use`,
    remedy: (d: { usedBytes: number }) => `give it more than ${formatBytes(d.usedBytes)}, or remove some files first`,
  },
});

/**
 * The quota of a live container with another limit. One that nobody keeps may be below what is in use.
 *
 * @param usedBytes as it is known; undefined before the first count
 * @throws {EngineError} `disk-limit.*` (failed-precondition)
 */
export function changedQuota(quota: DiskQuota, limitBytes: number, usedBytes: number | undefined): DiskQuota {
  if (quota.limitBytes === limitBytes) return quota;
  if (quota.way === 'image') throw diskLimitErrors.fixedSize({ sizeBytes: quota.limitBytes, limitBytes });
  const isKept = quota.way === 'project' || quota.enforced;
  if (isKept && usedBytes !== undefined && usedBytes > limitBytes) {
    throw diskLimitErrors.belowUse({ usedBytes, limitBytes });
  }
  return { ...quota, limitBytes };
}
