import { type Grant, type Role, roleReaches, type Scope, scopeText } from '../../../model/access.ts';
import type { ContainerConfig } from '../../../model/container-config.ts';
import type { EngineError } from '../../../model/error.ts';
import type { OtherChanges } from '../../../model/other-changes.ts';
import type { ResourceChanges } from '../../../model/resource-changes.ts';
import { accessErrors } from './errors.ts';
import { changeReachOf, hostReachOf, imageReachOf, volumeReachOf } from './host-reach.ts';

/** Somebody who was let in. */
export interface Caller {
  /** As errors and the audit log name it: `token ci (3f2a91c0)`, `user 1000`, `certificate build`, `the socket`. */
  readonly name: string;
  readonly grant: Grant;
}

/** What a call is about, which says how a scope bounds it. */
export type Subject =
  /** Nothing of anybody's. */
  | 'nothing'
  /** The container, session or volume that the path names: a foreign one is not there. */
  | 'container'
  | 'session'
  | 'volume'
  /** The streams of a container or a session. */
  | 'stream'
  /** All of them that the caller may see. */
  | 'containers'
  | 'volumes'
  /** One that the body describes. */
  | 'new container'
  | 'new volume'
  /** The agent as a whole: not for anybody with a scope. */
  | 'agent';

/** What a call needs of its caller. */
export interface Need {
  readonly role: Role;
  readonly of: Subject;
}

/** What a scope is held against; the same for volumes, which are below nothing. */
export interface Scoped {
  readonly uid?: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Uids of the containers that it is below. */
  readonly ancestors: readonly string[];
}

/** Whether somebody may go beyond every decision below. */
export function isUnbounded({ role, scope }: Grant): boolean {
  return role === 'admin' && scope === undefined;
}

/** May the caller make such a call at all? Decided before its body is read. @returns what is missing */
export function callRefusal({ name: who, grant }: Caller, need: Need, route: string): EngineError | undefined {
  const { role, scope } = grant;
  if (!roleReaches(role, need.role)) return accessErrors.roleMissing({ who, route, role, needs: need.role });
  if (need.of === 'agent' && scope !== undefined) {
    return accessErrors.wholeAgent({ who, route, scope: scopeText(scope) });
  }
  return undefined;
}

/** Is this one of those that somebody with the scope may see? */
export function isWithin(scope: Scope | undefined, { uid, labels, ancestors }: Scoped): boolean {
  if (scope === undefined) return true;
  const hasLabels = missingLabel(scope, labels) === undefined;
  const { container } = scope;
  return hasLabels && (container === undefined || uid === container || ancestors.includes(container));
}

/** May the caller have such a container? @param ancestors of the one that is to be @returns what is missing */
export function launchRefusal(
  caller: Caller,
  config: ContainerConfig,
  ancestors: readonly string[],
): EngineError | undefined {
  const { name: who, grant } = caller;
  const what = grant.role === 'admin' ? [] : hostReachOf(config);
  if (what.length > 0) return accessErrors.outOfReach({ who, role: grant.role, what });
  const container = grant.scope?.container;
  if (container !== undefined && !ancestors.includes(container)) return accessErrors.notBelow({ who, container });
  return labelRefusal(caller, 'containers', config.labels);
}

/** May the caller have such an image brought? One in a directory or an archive is read from the host by the agent. */
export function pullRefusal({ name: who, grant }: Caller, reference: string): EngineError | undefined {
  const what = grant.role === 'admin' ? [] : imageReachOf(reference);
  return what.length > 0 ? accessErrors.outOfReach({ who, role: grant.role, what }) : undefined;
}

/** Throws what a decision has come to, if it is a refusal. */
export function obey(refusal: EngineError | undefined): void {
  if (refusal !== undefined) throw refusal;
}

/** May the caller have such a volume? @returns what is missing */
export function volumeRefusal(
  caller: Caller,
  spec: Parameters<typeof volumeReachOf>[0] & { readonly labels?: Readonly<Record<string, string>> | undefined },
): EngineError | undefined {
  const { name: who, grant } = caller;
  const what = grant.role === 'admin' ? [] : volumeReachOf(spec);
  if (what.length > 0) return accessErrors.outOfReach({ who, role: grant.role, what });
  const container = grant.scope?.container;
  // A volume of its own is below no container: nobody could tell afterwards whose it is.
  if (container !== undefined) return accessErrors.notBelow({ who, container });
  return labelRefusal(caller, 'volumes', spec.labels ?? {});
}

/** May the caller change a container of his so? @returns what is missing */
export function updateRefusal(
  { name: who, grant }: Caller,
  uid: string,
  { changes, others = {} }: { readonly changes: ResourceChanges; readonly others?: OtherChanges | undefined },
): EngineError | undefined {
  if (grant.role === 'admin') return undefined;
  // What a container has at most was decided by whoever gave it away.
  if (grant.scope?.container === uid) return accessErrors.ownBounds({ who, container: uid });
  const { diskLimitBytes: _, restart: __, ...devices } = others;
  const hasDevices = Object.values(devices).some((list) => list !== undefined && list.length > 0);
  const what = [...(hasDevices ? ['devices'] : []), ...changeReachOf(changes)];
  return what.length > 0 ? accessErrors.outOfReach({ who, role: grant.role, what }) : undefined;
}

function labelRefusal({ name: who, grant }: Caller, what: string, labels: Scoped['labels']): EngineError | undefined {
  const missing = missingLabel(grant.scope, labels);
  if (missing === undefined) return undefined;
  const [key, value] = missing;
  const has = Object.hasOwn(labels, key) ? `${key}=${labels[key]}` : 'none of that name';
  return accessErrors.labelMissing({ who, what, label: `${key}=${value}`, has });
}

function missingLabel(scope: Scope | undefined, labels: Scoped['labels']): readonly [string, string] | undefined {
  return Object.entries(scope?.labels ?? {}).find(
    ([key, value]) => !Object.hasOwn(labels, key) || labels[key] !== value,
  );
}
