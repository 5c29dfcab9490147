import { namespaceFlags } from '../linux/namespace-flags.ts';
import { hostIdOf, mapText } from '../model/id-mapping.ts';
import type { LaunchPlan, NamespaceKind, ProcessReference, UserNamespacePlan } from '../model/launch-plan.ts';
import { type Step, step } from '../model/wire.ts';

type OwnedUserNamespace = NonNullable<LaunchPlan['userNamespace']>;

/** The values `uidMap` and `gidMap` of steps. */
export function idMaps({ uids, gids }: UserNamespacePlan): { readonly uidMap: string; readonly gidMap: string } {
  return { uidMap: mapText(uids), gidMap: mapText(gids) };
}

/** The steps, with the container's root as owner of what they make. */
export function asContainerRoot(user: OwnedUserNamespace, steps: readonly Step[]): readonly Step[] {
  if (steps.length === 0) return [];
  const root = rootOf(user);
  return [step(user.by, 'set-file-owner', root), ...steps, step(user.by, 'set-file-owner', { uid: 0, gid: 0 })];
}

/** What the monitor does first of all for a user namespace: the child can do little before it has its maps. */
export function mapSteps(plan: LaunchPlan): readonly Step[] {
  const { userNamespace: user, joins = [] } = plan;
  if (user === undefined) return [];
  // One that is joined has its maps.
  const maps = joins.some(({ kind }) => kind === 'user') ? [] : [step(user.by, 'write-id-maps', idMaps(user))];
  return [...maps, ...streamSteps(plan)];
}

/** Pipes were made by root of the host, who is nobody in the container. */
export function streamSteps({ userNamespace: user }: LaunchPlan): readonly Step[] {
  return user === undefined ? [] : [step(user.by, 'own-streams', rootOf(user))];
}

/** From here on the child is root of its own user namespace, and has no rights on the host. */
export function becomeRoot({ userNamespace }: LaunchPlan): readonly Step[] {
  return userNamespace === undefined ? [] : [step(userNamespace.by, 'become-root', {})];
}

/** What the child is born into: namespaces of other containers, and clocks. One step a container that is joined. */
export function stepsBeforeChild({ joins = [], timeOffsets }: LaunchPlan): readonly Step[] {
  const byContainer = new Map<string, { of: ProcessReference; by: string; kinds: NamespaceKind[] }>();
  for (const { kind, of, by } of joins) {
    const joined = byContainer.get(of.container) ?? { of, by, kinds: [] };
    joined.kinds.push(kind);
    byContainer.set(of.container, joined);
  }
  const entries = [...byContainer.values()].map(({ of, by, kinds }) => {
    const flags = namespaceFlags(kinds);
    return step(by, 'enter-namespaces', { pid: of.pid, startTime: BigInt(of.startTime), flags });
  });
  if (timeOffsets === undefined) return entries;
  const { by, monotonicNs, boottimeNs } = timeOffsets;
  const offsets = { monotonicNs: twosComplement(monotonicNs), boottimeNs: twosComplement(boottimeNs) };
  return [...entries, step(by, 'make-time-namespace', offsets)];
}

/**
 * Where the child can mount something: who is not root of the host may find no way to a directory of the engine; to its own root
 * everybody does.
 */
export function reachable({ userNamespace }: LaunchPlan, mountPoint: string): string {
  return userNamespace === undefined ? mountPoint : '/';
}

/** A map without id 0 is refused long before. */
export function rootOf({ uids, gids }: UserNamespacePlan): { readonly uid: number; readonly gid: number } {
  return { uid: hostIdOf(uids, 0) ?? 0, gid: hostIdOf(gids, 0) ?? 0 };
}

function twosComplement(value: number): bigint {
  return BigInt.asUintN(64, BigInt(value));
}
