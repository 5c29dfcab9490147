import type { LaunchPlan } from '../model/launch-plan.ts';

/** Names in order of their numbers (linux/capability.h, Linux 6.18), without the `CAP_`. */
export const CAPABILITY_NAMES = [
  'CHOWN',
  'DAC_OVERRIDE',
  'DAC_READ_SEARCH',
  'FOWNER',
  'FSETID',
  'KILL',
  'SETGID',
  'SETUID',
  'SETPCAP',
  'LINUX_IMMUTABLE',
  'NET_BIND_SERVICE',
  'NET_BROADCAST',
  'NET_ADMIN',
  'NET_RAW',
  'IPC_LOCK',
  'IPC_OWNER',
  'SYS_MODULE',
  'SYS_RAWIO',
  'SYS_CHROOT',
  'SYS_PTRACE',
  'SYS_PACCT',
  'SYS_ADMIN',
  'SYS_BOOT',
  'SYS_NICE',
  'SYS_RESOURCE',
  'SYS_TIME',
  'SYS_TTY_CONFIG',
  'MKNOD',
  'LEASE',
  'AUDIT_WRITE',
  'AUDIT_CONTROL',
  'SETFCAP',
  'MAC_OVERRIDE',
  'MAC_ADMIN',
  'SYSLOG',
  'WAKE_ALARM',
  'BLOCK_SUSPEND',
  'AUDIT_READ',
  'PERFMON',
  'BPF',
  'CHECKPOINT_RESTORE',
] as const;

/**
 * What is in effect once the command runs (capabilities(7), "Transformation of capabilities during execve()"): root has
 * everything in its bounding or inheritable set, with no_new_privs no more than was permitted to it before; any other user
 * has what is ambient.
 */
export function effectiveAfterExec(
  { capabilities, noNewPrivileges }: Pick<LaunchPlan, 'capabilities' | 'noNewPrivileges'>,
  isRoot: boolean,
): readonly string[] {
  if (!isRoot) return capabilities.ambient;
  return noNewPrivileges === undefined ? capabilities.bounding : capabilities.permitted;
}

/** What a container gets unless somebody says otherwise: the nine that CRI-O grants. */
export const DEFAULT_CAPABILITIES: readonly string[] = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FSETID',
  'FOWNER',
  'SETGID',
  'SETUID',
  'SETPCAP',
  'NET_BIND_SERVICE',
  'KILL',
];

const NUMBER_BY_NAME: ReadonlyMap<string, number> = new Map(CAPABILITY_NAMES.map((name, number) => [name, number]));

/** The number of `CHOWN` or `CAP_CHOWN`, in any case; `undefined` for a name that no kernel up to 6.18 knows. */
export function capabilityNumber(name: string): number | undefined {
  return NUMBER_BY_NAME.get(name.toUpperCase().replace(/^CAP_/, ''));
}

/** The bit set of these capabilities. @throws {RangeError} for an unknown name, which a plan cannot hold */
export function capabilityMask(names: readonly string[]): bigint {
  return names.reduce((mask, name) => {
    const number = capabilityNumber(name);
    if (number === undefined) throw new RangeError(`capability ${name} is not known`);
    return mask | (1n << BigInt(number));
  }, 0n);
}

/** The names in a bit set, in order of their numbers; bits without a name are left out. */
export function capabilityNames(mask: bigint): readonly string[] {
  return CAPABILITY_NAMES.filter((_, number) => (mask & (1n << BigInt(number))) !== 0n);
}
