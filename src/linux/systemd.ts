import { type CgroupHierarchy, V1_SYSTEMD_HIERARCHY } from './cgroup-hierarchy.ts';

/** Present when systemd is the first process (sd_booted(3)). */
export const SYSTEMD_BOOTED = '/run/systemd/system';
/** Where systemd can be asked: by way of the message bus, or straight. */
export const SYSTEMD_SOCKETS = ['/run/dbus/system_bus_socket', '/run/systemd/private'] as const;

/** v1 controllers that systemd makes groups in and moves processes between (systemd, CGROUP_MASK_V1). */
const V1_MANAGED: readonly string[] = ['cpu', 'cpuacct', 'blkio', 'memory', 'devices', 'pids', V1_SYSTEMD_HIERARCHY];

/** Whether a unit of systemd has a group in this hierarchy. All others systemd leaves alone. */
export function isManagedBySystemd({ version, controllers }: CgroupHierarchy): boolean {
  return version === 2 || controllers.some((name) => V1_MANAGED.includes(name));
}

/** Of which version the controllers are that systemd sets limits with; on a hybrid host its v2 hierarchy has none. */
export function systemdLimitsVersion(hierarchies: readonly CgroupHierarchy[]): 1 | 2 {
  const isV1 = ({ version, controllers }: CgroupHierarchy): boolean =>
    version === 1 && controllers.some((name) => name !== V1_SYSTEMD_HIERARCHY && V1_MANAGED.includes(name));
  return hierarchies.some(isV1) ? 1 : 2;
}

/**
 * The slices that lead to one, topmost first: `a-b.slice` is in `a.slice` (systemd.slice(5)).
 *
 * @param slice as `parseCgroupDriver` takes it
 */
export function slicePath(slice: string): readonly string[] {
  const words = slice.slice(0, -'.slice'.length).split('-');
  return words.map((_, index) => `${words.slice(0, index + 1).join('-')}.slice`);
}
