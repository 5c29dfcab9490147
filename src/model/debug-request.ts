import type { CapabilityConfig } from './capability-config.ts';
import type { RootfsSource } from './container-config.ts';
import { defineErrors } from './error.ts';
import type { SecurityConfig, SecurityRequest } from './security-config.ts';

export const debugErrors = defineErrors('debug', {
  shared: {
    kind: 'invalid-argument',
    message: (d: { field: string }) =>
      `${d.field} was asked for, and a debug container has that of the container it looks into`,
    remedy: () => 'leave it out, or run a nested container without debug',
  },
  noTools: {
    kind: 'invalid-argument',
    message: () => "a debug container brings tools of its own, and the host's own file system was asked for",
    remedy: () => 'give an image or a directory as root file system',
  },
  notMore: {
    kind: 'invalid-argument',
    message: (d: { field: string }) =>
      `capabilities: ${d.field} was asked for, and a debug container has at least those of the container it looks into`,
    remedy: () => 'add to them, or leave it out',
  },
  restarted: {
    kind: 'invalid-argument',
    message: (d: { policy: string }) =>
      `restart policy ${d.policy} was asked for, and a debug container is there until its command or its client ends`,
    remedy: () => 'leave it out',
  },
  noOwner: {
    kind: 'invalid-argument',
    message: () => 'a container is to end with its owner, and it has none',
    remedy: () => 'ask for owned too, or leave endsWithOwner out',
  },
});

/** What a debug container cannot have of its own. */
const SHARED = [
  'namespaces',
  'network',
  'hostname',
  'shareCgroups',
  'resources',
  'process',
  'sysctls',
  'landlock',
  'devices',
  'deviceRules',
  'isolation',
  'hooks',
] as const;

/** What is checked of a request that may be one for a debug container. */
interface DebugRequest extends Partial<Record<(typeof SHARED)[number], unknown>> {
  readonly debug?: boolean | undefined;
  readonly owned?: boolean | undefined;
  readonly endsWithOwner?: boolean | undefined;
  readonly rootfs: RootfsSource;
  readonly restart?: { readonly kind: string } | undefined;
  readonly security?: SecurityRequest | undefined;
}

/**
 * What may be said of a debug container, and of whose end ends it.
 *
 * @throws {EngineError} `debug.*` (invalid-argument)
 */
export function checkDebug(request: DebugRequest): void {
  if (request.endsWithOwner === true && request.owned !== true) throw debugErrors.noOwner();
  if (request.debug !== true) return;
  const field = SHARED.find((name) => isSaid(request[name]));
  if (field !== undefined) throw debugErrors.shared({ field });
  if (request.rootfs.kind === 'none') throw debugErrors.noTools();
  if (request.restart !== undefined && request.restart.kind !== 'no') {
    throw debugErrors.restarted({ policy: request.restart.kind });
  }
  const { add: _, ...others } = request.security?.capabilities ?? {};
  const less = Object.entries(others).find(([, names]) => isSaid(names))?.[0];
  if (less !== undefined) throw debugErrors.notMore({ field: less });
}

/** A list or a record of nothing says nothing. */
function isSaid(value: unknown): boolean {
  if (value === undefined || value === false) return false;
  if (typeof value !== 'object' || value === null) return true;
  return Object.values(value).some((one) => one !== undefined);
}

/** What a container may do that has all of `theirs` and what is asked for besides. Pure. */
export function addedSecurity(theirs: SecurityConfig, asked: SecurityConfig): SecurityConfig {
  const capabilities = addedCapabilities(theirs.capabilities, asked.capabilities?.add ?? []);
  return { ...theirs, ...asked, ...(capabilities !== undefined && { capabilities }) };
}

function addedCapabilities(
  theirs: CapabilityConfig | undefined,
  added: readonly string[],
): CapabilityConfig | undefined {
  if (added.length === 0) return theirs;
  const { bounding, drop = [], add = [], ...sets } = theirs ?? {};
  const and = (names: readonly string[]): readonly string[] => [...new Set([...names, ...added])];
  const { permitted, effective, inheritable, ambient } = sets;
  const rest = {
    ...(permitted && { permitted: and(permitted) }),
    ...(effective && { effective: and(effective) }),
    ...(inheritable && { inheritable }),
    ...(ambient && { ambient }),
  };
  if (bounding !== undefined) return { bounding: and(bounding), ...rest };
  return { add: and(add), drop: drop.filter((name) => !added.includes(name)), ...rest };
}
