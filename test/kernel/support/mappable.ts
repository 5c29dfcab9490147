import { statfsSync } from 'node:fs';
import { release } from 'node:os';

/** TMPFS_MAGIC of linux/magic.h. */
const TMPFS = 0x01021994;

/** Whether a container in a user namespace can have a directory of /tmp for its root: files of a tmpfs are shown under other owners since Linux 6.3. */
export function isTemporaryMappable(): boolean {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  return statfsSync('/tmp').type !== TMPFS || major > 6 || (major === 6 && minor >= 3);
}
