import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

/** 64 MiB of ext4 with project quotas, on a loop device that goes with its mount. @returns what unmounts it, if it is there */
export function mountWithQuotas(place: string, at: string): (() => void) | undefined {
  const file = join(place, 'image');
  execFileSync('truncate', ['-s', '64M', file]);
  execFileSync('mkfs.ext4', ['-q', '-O', 'quota,project', '-E', 'quotatype=prjquota', file]);
  mkdirSync(at, { recursive: true });
  try {
    execFileSync('mount', ['-o', 'loop,prjquota', file, at], { stdio: 'pipe' });
  } catch {
    return undefined; // a kernel without CONFIG_QFMT_V2
  }
  return () => execFileSync('umount', [at]);
}
