import { defineErrors } from './error.ts';
import { hostIdOf, type IdMapping, mapText } from './id-mapping.ts';

/** Whose namespace a container lives in: one of its own, the host's, or that of a running container (name or uid). */
export type NamespaceChoice =
  | { readonly kind: 'private' }
  | { readonly kind: 'host' }
  | { readonly kind: 'container'; readonly container: string };

/** That of the container that this one lives in. */
type ParentChoice = { readonly kind: 'parent' };

/** `private` in a nested container lies inside the parent's. */
export type PidChoice = NamespaceChoice | ParentChoice;

/** `parent` is what a nested container has unless it says otherwise. */
export type UtsChoice = Exclude<NamespaceChoice, { readonly kind: 'container' }> | ParentChoice;

/**
 * `shareable` is private, and others may join it; `none` is private without a /dev/shm.
 */
export type IpcChoice = NamespaceChoice | ParentChoice | { readonly kind: 'shareable' } | { readonly kind: 'none' };

/** Which ids of the host the ids of the container are. */
export type UserNamespaceChoice =
  /** No user namespace: root is root. */
  | { readonly kind: 'host' }
  /** A range that no other container has, from the agent's pool. */
  | { readonly kind: 'auto'; readonly count: number }
  | { readonly kind: 'map'; readonly uids: readonly IdMapping[]; readonly gids: readonly IdMapping[] }
  /** Said by the engine of a container whose parent has one. */
  | { readonly kind: 'parent' };

/** How far the clocks of a container are set on, or back, in nanoseconds (time_namespaces(7)). */
export interface TimeOffsets {
  readonly monotonicNs: number;
  readonly boottimeNs: number;
}

/** What a caller says of namespaces; what is missing is as it is by default: own ones, but for user and time. */
export interface NamespaceConfig {
  readonly user?: UserNamespaceChoice;
  readonly pid?: PidChoice;
  readonly ipc?: IpcChoice;
  /** Size of a /dev/shm of its own; 64 MiB unless said. */
  readonly shmBytes?: number;
  readonly uts?: UtsChoice;
  readonly cgroup?: Exclude<NamespaceChoice, { readonly kind: 'container' }>;
  /** A running container whose network this one shares; the network mode is `container` then. */
  readonly networkOf?: string;
  readonly time?: TimeOffsets;
}

/** As a face gives it: fields may be there without a value. */
export type NamespaceRequest = { readonly [Field in keyof NamespaceConfig]?: NamespaceConfig[Field] | undefined };

export const namespaceErrors = defineErrors('namespaces', {
  malformedMap: {
    kind: 'invalid-argument',
    message: (d: { map: string; reason: string }) => `id map ${d.map}: ${d.reason}`,
    remedy: () => 'write CONTAINER:HOST:COUNT, for example 0:100000:65536',
  },
  badCount: {
    kind: 'invalid-argument',
    message: (d: { count: number; least: number; most: number }) =>
      `a user namespace of ${d.count} ids is not within ${d.least} to ${d.most}`,
  },
  shmTooSmall: {
    kind: 'invalid-argument',
    message: (d: { bytes: number; least: number }) =>
      `a /dev/shm of ${d.bytes} bytes is not a whole number of at least ${d.least}, which is one page`,
  },
  shmNotOwn: {
    kind: 'invalid-argument',
    message: (d: { mode: string }) =>
      `a size of /dev/shm was given, and with ipc ${d.mode} the container has none of its own`,
    remedy: () => 'leave the size out, or use ipc private or shareable',
  },
  badOffset: {
    kind: 'invalid-argument',
    message: (d: { clock: string; ns: number; mostS: number }) =>
      `time offset ${d.clock} of ${d.ns} ns is not a whole number within ${d.mostS} s`,
  },
  hostnameShared: {
    kind: 'invalid-argument',
    message: (d: { hostname: string; uts: string }) =>
      `host name ${d.hostname} was given, and the container shares the ${d.uts}'s (uts ${d.uts})`,
    remedy: () => 'leave one of them out',
  },
  networkTwice: {
    kind: 'invalid-argument',
    message: (d: { network: string; container: string }) =>
      `network ${d.network} was asked for, and the network of container ${d.container} too`,
    remedy: () => 'leave one of them out',
  },
  noRootfs: {
    kind: 'invalid-argument',
    message: () =>
      "a user namespace was asked for, and the container has the host's own files, which are not shown under other owners",
    remedy: () => 'give an image or a directory as root file system, or --userns host',
  },
  procForeign: {
    kind: 'invalid-argument',
    message: (d: { pid: string }) =>
      `the kernel shows no /proc in a user namespace of its own for processes of another one (pid ${d.pid})`,
    remedy: () => 'use pid private, or --userns host',
  },
  emptyName: {
    kind: 'invalid-argument',
    message: (d: { field: string }) => `${d.field} names no container: container: and nothing behind it`,
  },
});

/** Ids of Linux are 32 bits, and the last one means "no change". */
const MOST_IDS = 0xffff_ffff;
/** The kernel takes so many lines (user_namespaces(7), since Linux 4.15). */
const MOST_RANGES = 340;
const PAGE_BYTES = 4096;
/** So that a sum with the clock stays far from the kernel's bound (KTIME_MAX / 2, time_namespaces(7)): about 100 days. */
const MOST_OFFSET_S = 9_000_000;

/** What checking namespaces needs to know of the rest of a request. */
export interface NamespaceSurroundings {
  readonly rootfs: { readonly kind: string };
  readonly network?: string | undefined;
  readonly hostname?: string | undefined;
}

/** Checks each choice, and those that exclude each other. @throws {EngineError} `namespaces.*` (invalid-argument) */
export function checkNamespaces(request: NamespaceRequest, surroundings: NamespaceSurroundings): void {
  const { user, pid, ipc, shmBytes, uts, networkOf, time } = request;
  const { rootfs, network, hostname } = surroundings;
  if (user?.kind === 'auto') checkCount(user.count);
  if (user?.kind === 'map') for (const map of [user.uids, user.gids]) checkMap(map);
  if (isOwnUser(user) && rootfs.kind === 'none') throw namespaceErrors.noRootfs();
  if (isOwnUser(user) && pid !== undefined && pid.kind !== 'private')
    throw namespaceErrors.procForeign({ pid: pid.kind });
  if (shmBytes !== undefined) checkShm(shmBytes, ipc?.kind ?? 'private');
  if (hostname !== undefined && (uts?.kind === 'host' || uts?.kind === 'parent'))
    throw namespaceErrors.hostnameShared({ hostname, uts: uts.kind });
  if (networkOf !== undefined && network !== undefined && network !== 'container')
    throw namespaceErrors.networkTwice({ network, container: networkOf });
  for (const [field, choice] of Object.entries({ pid, ipc })) {
    if (choice?.kind === 'container' && choice.container === '') throw namespaceErrors.emptyName({ field });
  }
  if (networkOf === '' || (networkOf === undefined && network === 'container'))
    throw namespaceErrors.emptyName({ field: 'network' });
  if (time !== undefined) checkOffsets(time);
}

function isOwnUser(user: UserNamespaceChoice | undefined): boolean {
  return user !== undefined && user.kind !== 'host';
}

function checkCount(count: number): void {
  const bounds = { least: 1, most: MOST_IDS };
  if (!Number.isInteger(count) || count < bounds.least || count > bounds.most) {
    throw namespaceErrors.badCount({ count, ...bounds });
  }
}

function checkMap(ranges: readonly IdMapping[]): void {
  const map = mapText(ranges).trim().replaceAll('\n', ', ');
  const refuse = (reason: string): never => {
    throw namespaceErrors.malformedMap({ map, reason });
  };
  if (ranges.length === 0 || ranges.length > MOST_RANGES)
    refuse(`${ranges.length} ranges are not within 1 to ${MOST_RANGES}`);
  for (const { container, host, count } of ranges) {
    const fits = (first: number): boolean => Number.isInteger(first) && first >= 0 && first + count <= MOST_IDS;
    if (!Number.isInteger(count) || count < 1 || !fits(container) || !fits(host)) {
      refuse(`ids are whole numbers from 0 to ${MOST_IDS - 1}, and a range holds at least one`);
    }
  }
  for (const side of ['container', 'host'] as const) {
    const sorted = [...ranges].sort((a, b) => a[side] - b[side]);
    sorted.forEach((range, index) => {
      const next = sorted[index + 1];
      if (next !== undefined && range[side] + range.count > next[side])
        refuse(`two ranges share ${side} id ${next[side]}`);
    });
  }
  if (hostIdOf(ranges, 0) === undefined) refuse('it has no container id 0, by which the container is set up');
}

function checkShm(bytes: number, mode: string): void {
  if (mode !== 'private' && mode !== 'shareable') throw namespaceErrors.shmNotOwn({ mode });
  if (!Number.isSafeInteger(bytes) || bytes < PAGE_BYTES)
    throw namespaceErrors.shmTooSmall({ bytes, least: PAGE_BYTES });
}

function checkOffsets({ monotonicNs, boottimeNs }: TimeOffsets): void {
  for (const [clock, ns] of [
    ['monotonic', monotonicNs],
    ['boottime', boottimeNs],
  ] as const) {
    if (!Number.isSafeInteger(ns) || Math.abs(ns) > MOST_OFFSET_S * 1e9) {
      throw namespaceErrors.badOffset({ clock, ns, mostS: MOST_OFFSET_S });
    }
  }
}
