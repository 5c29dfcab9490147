import type { ContainerRequest } from '../../../model/check-request.ts';
import type { Rlimit, RlimitName } from '../../../model/process-config.ts';
import type { LaunchCall } from './call-schemas.ts';
import { operatorErrors } from './errors.ts';

type Container = NonNullable<LaunchCall['container']>;
type LinuxInfo = NonNullable<Container['linux_info']>;

const MEBIBYTE = 1 << 20;

/** What of a launch decides whose groups its container is in. */
interface Surroundings {
  readonly isNested: boolean;
  /** Whether it asks for resources or limits. */
  readonly isBounded: boolean;
}

/**
 * Rights, and what is shared with the parent. A nested container shares its parent's groups unless the call says
 * otherwise or bounds it, for a bound needs a group of its own. Pure.
 *
 * @throws {EngineError} `operator.unsupported` (invalid-argument)
 */
export function linuxOf(
  { share_pid_namespace, share_cgroups, ipc_mode, shm_size, seccomp, ...info }: LinuxInfo,
  { isNested, isBounded }: Surroundings,
): Pick<ContainerRequest, 'namespaces' | 'security' | 'shareCgroups'> {
  if (!isNested && (share_pid_namespace === true || share_cgroups === true || ipc_mode === 'SHARE_PARENT')) {
    throw operatorErrors.unsupported({
      field: 'linux_info',
      reason: 'a container without a parent shares nothing with one',
    });
  }
  if (seccomp?.profile_name !== undefined) {
    throw operatorErrors.unsupported({
      field: 'linux_info.seccomp.profile_name',
      reason: 'the agent knows no profiles by name',
    });
  }
  return {
    namespaces: {
      pid: share_pid_namespace === true ? { kind: 'parent' } : undefined,
      ipc: ipc_mode === 'SHARE_PARENT' ? { kind: 'parent' } : undefined,
      shmBytes: shm_size === undefined ? undefined : shm_size * MEBIBYTE,
    },
    security: {
      seccomp: seccomp?.unconfined === true ? ({ kind: 'unconfined' } as const) : undefined,
      capabilities: capabilitiesOf(info),
    },
    shareCgroups: isNested && (share_cgroups ?? !isBounded),
  };
}

/** What is effective is so for whatever the program runs, too; it bounds itself where nothing else does. */
function capabilitiesOf({ effective_capabilities: effective, bounding_capabilities: bounding }: LinuxInfo) {
  if (effective === undefined && bounding === undefined) return undefined;
  const bound = (bounding ?? effective)?.capabilities ?? [];
  const held = (effective ?? bounding)?.capabilities ?? [];
  return { bounding: bound, permitted: held, effective: held, inheritable: held, ambient: held };
}

/** Limits of the process, by our names of them. @throws {EngineError} `operator.invalidCall` */
export function rlimitsOf(container: Container | undefined): Partial<Record<RlimitName, Rlimit>> {
  const limits = (container?.rlimit_info?.rlimits ?? []).map(({ type, soft, hard }) => {
    if ((soft === undefined) !== (hard === undefined)) {
      throw operatorErrors.invalidCall({ reason: `rlimit ${type} has one of soft and hard, and needs both or none` });
    }
    const name = type.replace(/^RLMT_/, '').toLowerCase() as RlimitName; // an unknown one is refused by its name later
    return [name, { soft: soft ?? 'unlimited', hard: hard ?? 'unlimited' }] as const;
  });
  return Object.fromEntries(limits);
}
